"""A Redis server in virtual time: sessions, publish and subscribe, the engine's own scripts, and its bad days.

The scripts run in a real Lua (the package lupa, Lua 5.1 as in Redis); the data is `redis_data`. A session gets bytes
and answers with bytes. Its replies and pushes keep the order of the commands, as Redis promises; whether a session
hears its own PUBLISH before the reply or after it differs between versions of Redis, so that is a setting.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from typing import Any, Protocol

from lupa import lua51

from tests.simulate.rooms.redis_data import RedisData, Reply, WrongCommand
from tidegate.engines.redis.resp import Parser, ReplyError


class Line(Protocol):
    """The connection of a session."""

    def answer(self, data: bytes) -> None:
        """Bytes for the client."""

    def end(self) -> None:
        """The server closes the connection."""


class Session:
    """One client's connection, as the server sees it."""

    def __init__(self, server: RedisServer, line: Line) -> None:
        self._server = server
        self._parser = Parser()
        self._own: list[bytes] | None = None
        """What the session received for its command, until the reply is known; None between commands."""
        self.line = line
        self.channels: set[bytes] = set()
        server.sessions.append(self)

    def said(self, data: bytes) -> None:
        """The client sent bytes."""
        for words in self._parser.feed(data):
            self._own = []
            replies = self._server.carry_out(self, tuple(words))
            heard, self._own = self._own, None
            parts = [*heard, *replies] if self._server.push_first else [*replies, *heard]
            self.line.answer(b"".join(parts))

    def hear(self, push: bytes) -> None:
        if self._own is None:
            self.line.answer(push)
        else:
            self._own.append(push)

    def gone(self) -> None:
        """The connection ended."""
        if self in self._server.sessions:
            self._server.sessions.remove(self)


class RedisServer:
    """One server, and what becomes of it."""

    def __init__(self, now: Callable[[], float], chance: random.Random) -> None:
        self.sessions: list[Session] = []
        self.push_first = chance.random() < 0.5
        """As Redis 6.2 and 7.0 do it; 7.2 and Valkey send the reply first."""
        self.down = False
        self.loses: Callable[[], bool] = lambda: False
        """Whether a message does not reach a session that listens, as through a proxy that drops it."""
        self.failures: list[str] = []
        """Commands of scripts that failed, such as those that are not simulated."""
        self._chance = chance
        self._data = RedisData(now, self._publish)
        self._lua = lua51.LuaRuntime(encoding=None, unpack_returned_tuples=True, register_eval=False)
        calls = {b"call": self._called, b"pcall": self._tried, b"error_reply": self._error_reply, b"sha1hex": _digest}
        self._redis = self._lua.table_from(calls)
        """What scripts find under this name."""
        self._scripts: dict[bytes, Any] = {}
        self._kept: Any = self._data.copied()
        self._runs = 0
        self._run = self._replication = b""
        self._new_run()

    def session(self, line: Line) -> Session:
        """A gateway connected."""
        return Session(self, line)

    # -- bad days ---------------------------------------------------------------------------------------------------

    def cut_all(self) -> None:
        """Every connection ends."""
        for session in list(self.sessions):
            session.line.end()
            session.gone()

    def cut_one(self) -> None:
        """CLIENT KILL."""
        if self.sessions:
            session = self._chance.choice(self.sessions)
            session.line.end()
            session.gone()

    def close(self) -> None:
        """Let go of Lua. Its functions hold this server and it holds them, which no collection of Python sees."""
        self._scripts.clear()
        del self._lua, self._redis

    def replicate(self) -> None:
        """A replica has everything up to here."""
        self._kept = self._data.copied()

    def promote(self) -> None:
        """The server is gone, and its replica takes over: what it did not have is lost."""
        self.cut_all()
        self._data.restore(self._kept)
        self._new_run()

    def restart_empty(self) -> None:
        self.cut_all()
        self._data.flushall()
        self._new_run()

    def flush(self) -> None:
        """FLUSHALL: the same run, the same connections, no data."""
        self._data.flushall()

    def first_replica(self) -> None:
        """The same run, the same connections and data: what the server replicates has another name."""
        self._replication = b"%040x" % (int(self._replication, 16) + 1_000_000)

    def forget_scripts(self) -> None:
        self._scripts.clear()

    # -- commands ---------------------------------------------------------------------------------------------------

    def carry_out(self, session: Session, words: tuple[bytes, ...]) -> list[bytes]:
        """The replies, encoded. SUBSCRIBE has one push for each channel instead."""
        match words[0].upper(), *words[1:]:
            case b"SUBSCRIBE", *channels:
                session.channels.update(channels)
                return [_push([b"subscribe", channel, len(session.channels)]) for channel in channels]
            case b"UNSUBSCRIBE", *channels:
                session.channels.difference_update(channels)
                return [_push([b"unsubscribe", channel, len(session.channels)]) for channel in channels]
            case b"EVALSHA", sha, count, *rest:
                return [_encoded(self._evaluate(sha, rest[: int(count)], rest[int(count) :]))]
        return [_encoded(self._plain(words))]

    def _plain(self, words: tuple[bytes, ...]) -> Reply:
        match words[0].upper(), *words[1:]:
            case b"PING", *_:
                return b"PONG"
            case b"HELLO", *_:
                return {b"server": b"redis", b"version": b"7.0.15", b"proto": 3, b"role": b"master"}
            case b"SELECT", _:
                return b"OK"
            case b"INFO", b"server":
                return b"# Server\r\nrun_id:%b\r\n" % self._run
            case b"INFO", _:
                return b"# Replication\r\nrole:master\r\nmaster_replid:%b\r\n" % self._replication
            case b"SCRIPT", b"LOAD", source:
                sha = _digest(source)
                self._scripts[sha] = self._compiled(source)
                return sha
        try:
            return self._data.call(*words)
        except WrongCommand as error:
            return ReplyError(str(error))

    def _publish(self, channel: bytes, message: bytes) -> int:
        push = _push([b"message", channel, message])
        hearing = [session for session in self.sessions if channel in session.channels]
        for session in hearing:
            if not (message.startswith(b"M ") and self.loses()):
                session.hear(push)
        return len(hearing)

    # -- scripts ----------------------------------------------------------------------------------------------------

    def _compiled(self, source: bytes) -> Any:
        return self._lua.eval(b"function(KEYS, ARGV, redis) " + source + b"\nend")

    def _evaluate(self, sha: bytes, keys: list[bytes], arguments: list[bytes]) -> Reply:
        script = self._scripts.get(sha)
        if script is None:
            return ReplyError("NOSCRIPT No matching script.")
        try:
            return self._from_lua(script(self._lua.table_from(keys), self._lua.table_from(arguments), self._redis))
        except WrongCommand as error:  # as the server: the script ends, and the next command has its own answer
            self.failures.append(f"a script failed: {error}")
            return ReplyError(str(error))

    def _called(self, *words: Any) -> Any:
        given = [b"%d" % word if isinstance(word, int | float) else word for word in words]
        return self._to_lua(self._plain(tuple(given)) if given[0] == b"INFO" else self._data.call(*given))

    def _tried(self, *words: Any) -> Any:
        """A command whose failure the script reads: this server does not have every command."""
        try:
            return self._called(*words)
        except Exception as error:
            return self._error_reply(f"ERR {type(error).__name__}".encode())

    def _error_reply(self, text: bytes) -> Any:
        return self._lua.table_from({b"err": text})

    def _to_lua(self, reply: Reply) -> Any:
        """As a script gets it: an absent value is false, and a map is a list of names and values."""
        if reply is None:
            return False
        if isinstance(reply, dict):
            reply = [part for pair in reply.items() for part in pair]
        if isinstance(reply, list):
            return self._lua.table_from([self._to_lua(part) for part in reply])
        return reply

    def _from_lua(self, value: Any) -> Reply:
        """As a client gets it: a list ends at the first nil, false is an absent value, a number loses its fraction."""
        if value is None or value is False:
            return None
        if value is True:
            return 1
        if isinstance(value, float):
            return int(value)
        if lua51.lua_type(value) != "table":
            return value
        if value[b"err"] is not None:
            return ReplyError(value[b"err"].decode())
        found: list[Reply] = []
        while (part := value[len(found) + 1]) is not None:
            found.append(self._from_lua(part))
        return found

    def _new_run(self) -> None:
        self._runs += 1
        self._run = self._replication = b"%040x" % (1000 + self._runs)


def _digest(text: bytes) -> bytes:
    return hashlib.sha1(text, usedforsecurity=False).hexdigest().encode()


def _push(values: list[Reply]) -> bytes:
    return b">%d\r\n" % len(values) + b"".join(map(_encoded, values))


def _encoded(reply: Reply) -> bytes:
    match reply:
        case None:
            return b"_\r\n"
        case ReplyError():
            return b"-%b\r\n" % str(reply).encode()
        case bytes():
            return b"$%d\r\n%b\r\n" % (len(reply), reply)
        case int():
            return b":%d\r\n" % reply
        case list():
            return b"*%d\r\n" % len(reply) + b"".join(map(_encoded, reply))
        case dict():
            return b"%%%d\r\n" % len(reply) + b"".join(_encoded(part) for pair in reply.items() for part in pair)
    raise AssertionError(f"no reply: {reply!r}")
