"""The simulated Redis server answers each command with its own answer, and is gone when its history is over."""

from __future__ import annotations

import gc
import random
import weakref

from tests.simulate.rooms.redis_server import RedisServer, Session
from tidegate.engines.redis.resp import Parser, ReplyError, pack


class Noted:
    """A line that notes what the server says."""

    def __init__(self) -> None:
        self.said = b""

    def answer(self, data: bytes) -> None:
        self.said += data

    def end(self) -> None:
        """Nothing ends here."""


def server() -> RedisServer:
    return RedisServer(lambda: 1000.0, random.Random(1))


def test_a_script_that_uses_an_unknown_command_is_refused_and_the_next_command_is_answered() -> None:
    one, line = server(), Noted()
    session = Session(one, line)
    session.said(pack([b"SCRIPT", b"LOAD", b"return redis.call('OBJECT', KEYS[1])"]))
    (sha,) = Parser().feed(line.said)
    line.said = b""
    session.said(pack([b"EVALSHA", sha, b"1", b"key"]) + pack([b"PING"]))
    refused, pong = Parser().feed(line.said)
    assert isinstance(refused, ReplyError)
    assert pong == b"PONG"
    assert len(one.failures) == 1
    assert "OBJECT" in one.failures[0]


def test_a_server_that_is_closed_is_not_kept() -> None:
    one, line = server(), Noted()
    session = Session(one, line)
    session.said(pack([b"SCRIPT", b"LOAD", b"return redis.call('TIME')"]))
    (sha,) = Parser().feed(line.said)
    session.said(pack([b"EVALSHA", sha, b"0"]))
    kept = weakref.ref(one)
    one.close()
    del one, session
    gc.collect()
    assert kept() is None
