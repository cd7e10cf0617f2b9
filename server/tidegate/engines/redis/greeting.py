"""The first words on a connection: log in, name it, choose the database, load the scripts, and see which server it is.

All of it leaves in one write. It knows neither rooms nor how to connect again.
Invariant: what it refuses for good (a password, a version, a right that is missing) is an EngineError that says what to
do; what may pass by itself (a server that loads its data, a replica) is a NotNow.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from typing import Any

import msgspec

from tidegate.engines.redis.connection import Connection
from tidegate.engines.redis.lua import ALL
from tidegate.engines.redis.resp import ReplyError, pack
from tidegate.engines.redis.urls import Login, Target
from tidegate.engines.setup import EngineError

log = logging.getLogger("tidegate.engine")

OLDEST = (6, 2)
PASSING = frozenset({"LOADING", "MASTERDOWN", "BUSY", "READONLY", "TRYAGAIN", "CLUSTERDOWN", "MISCONF", "OOM"})
"""Errors that end without a person."""
OTHER_MODES = {
    b"cluster": "a server in cluster mode, which is not supported; name a server without cluster-enabled",
    b"sentinel": "a Sentinel; write redis+sentinel://host:26379/NAME, with the name of its master",
}
TOO_MANY = "max number of clients"


class NotNow(Exception):
    """This server cannot be used at the moment."""


class Server(msgspec.Struct, frozen=True):
    """What is known of the server behind a connection."""

    version: tuple[int, int]
    history: str
    """Tells its history of writes from that of every other server and run; empty where it does not say."""
    evicts: str = ""
    """The policy by which it deletes keys when it is full; empty where it deletes none, or does not say."""


def hello(login: Login, name: str) -> bytes:
    """Speak RESP3, log in, and give the connection a name in the server's lists."""
    words = [b"HELLO", b"3"]
    if login.password is not None:
        words += [b"AUTH", (login.user or "default").encode(), login.password.encode()]
    return pack([*words, b"SETNAME", name.encode()])


async def greet(connection: Connection, target: Target, name: str) -> Server:
    """Raises EngineError, NotNow, ConnectionLost."""
    commands = [hello(target.login, name), pack([b"SELECT", b"%d" % target.database])]
    commands += [pack([b"INFO", b"server"]), pack([b"INFO", b"replication"]), pack([b"INFO", b"memory"])]
    commands += [script.load for script in ALL]
    # All are sent before the first is awaited. A later reply is not looked at where an earlier one is an error.
    tasks = [asyncio.ensure_future(connection.answer(command)) for command in commands]
    replies = await asyncio.gather(*tasks, return_exceptions=True)
    said, selected, about, replication, memory, *loaded = replies
    _check(said, target, "log in")
    other = OTHER_MODES.get(_mode(said))
    if other is not None:
        raise EngineError(f"engine: {target.shown} is {other}")
    _check(selected, target, "choose its database")
    for reply in loaded:
        _check(reply, target, "load scripts")
    version = _version(said)
    if version < OLDEST and not _is_valkey(said):
        raise EngineError(f"engine: {target.shown} is Redis {version[0]}.{version[1]}; 6.2 or newer is needed")
    facts = _facts(about) | _facts(replication)
    if facts.get("role", "master") != "master" or _is_replica(said):
        raise NotNow("it is a replica")
    return Server(version, _history(facts), _evicts(_facts(memory)))


def _check(reply: Any, target: Target, what: str) -> None:
    if not isinstance(reply, BaseException):
        return
    if not isinstance(reply, ReplyError):
        raise reply
    if reply.code in PASSING or TOO_MANY in str(reply):
        raise NotNow(str(reply))
    hint = {
        "WRONGPASS": "the user or the password in the URL is wrong",
        "NOAUTH": "it asks for a password: write it as user:password@ in the URL",
        "NOPERM": "the user lacks a right (see docs/how-to/redis.md)",
    }.get(reply.code, f"the server says {reply.code}")
    raise EngineError(f"engine: cannot {what} at {target.shown}: {hint}")


def _version(said: Any) -> tuple[int, int]:
    numbers = said.get(b"version", b"0.0").split(b".")
    return int(numbers[0]), int(numbers[1])


def _mode(said: Any) -> bytes:
    return bytes(said.get(b"mode", b""))


def _is_valkey(said: Any) -> bool:
    return bool(said.get(b"server") == b"valkey")


def _is_replica(said: Any) -> bool:
    return said.get(b"role") in {b"replica", b"slave"}


def _facts(reply: Any) -> dict[str, str]:
    """The lines of an INFO; empty where the user may not ask."""
    if not isinstance(reply, bytes):
        return {}
    pairs = (line.partition(":") for line in reply.decode("utf-8", "replace").splitlines())
    return {name: value for name, _, value in pairs}


def _evicts(memory: dict[str, str]) -> str:
    policy = memory.get("maxmemory_policy", "noeviction")
    return "" if policy == "noeviction" or memory.get("maxmemory", "0") == "0" else policy


def _history(facts: dict[str, str]) -> str:
    """A run of a server, and what it replicates: a restart changes the one, a promotion the other. See outdated.lua."""
    run, replication = facts.get("run_id", ""), facts.get("master_replid", "")
    if not run.strip("0") or not replication.strip("0"):
        return ""
    return hashlib.sha1(f"{run} {replication}".encode(), usedforsecurity=False).hexdigest()[:16]
