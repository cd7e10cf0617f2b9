"""Commands and replies of one connection, over a transport that only notes what was written."""

from __future__ import annotations

import asyncio
from typing import Any

from tidegate.core.round_trips import RoundTrips
from tidegate.engines.redis.connection import BYTES_LIMIT, COMMAND_LIMIT, Connection, ConnectionLost
from tidegate.engines.redis.lua import ALL, PRESENT, PUBLISH
from tidegate.engines.redis.resp import Push, ReplyError, pack

REFUSED = b"-NOSCRIPT No matching script. Please use EVAL.\r\n"
LOADED = b"+sha\r\n"


class Noted(asyncio.Transport):
    """Notes what is written; `abort` ends the connection at the next turn, as a transport does."""

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self.writes: list[bytes] = []
        self._connection = connection
        self._closing = False

    def write(self, data: Any) -> None:
        self.writes.append(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def abort(self) -> None:
        self._closing = True
        asyncio.get_running_loop().call_soon(self._connection.connection_lost, None)


def connected(pushed: list[Push] | None = None) -> tuple[Connection, Noted]:
    connection = Connection(([] if pushed is None else pushed).append, RoundTrips("redis"))
    transport = Noted(connection)
    connection.connection_made(transport)
    return connection, transport


def asked(connection: Connection, *names: bytes) -> dict[bytes, Any]:
    """What was replied to each command so far."""
    replies: dict[bytes, Any] = {}
    for name in names:
        connection.ask(name, lambda reply, name=name: replies.__setitem__(name, reply))  # type: ignore[misc]
    return replies


async def test_what_is_asked_in_one_turn_leaves_in_one_write() -> None:
    connection, transport = connected()
    connection._alone = False
    replies = asked(connection, b"a", b"b")
    connection.say(b"s")
    asked(connection, b"c")
    assert transport.writes == []
    await asyncio.sleep(0)
    assert transport.writes == [b"absc"]
    connection.data_received(b"+1\r\n+2\r\n")
    assert replies == {b"a": b"1", b"b": b"2"}


async def test_commands_that_come_one_at_a_time_do_not_wait_for_the_end_of_the_turn() -> None:
    connection, transport = connected()
    for number in range(3):
        asked(connection, b"a")
        assert len(transport.writes) == number + 1
        connection.data_received(b"+1\r\n")
    asked(connection, b"x", b"y", b"z")
    await asyncio.sleep(0)
    connection.data_received(b"+1\r\n" * 3)
    before = len(transport.writes)
    asked(connection, b"x", b"y", b"z")
    assert len(transport.writes) == before, "several came the last time"
    await asyncio.sleep(0)
    assert transport.writes[-1] == b"xyz"


async def test_refused_scripts_are_asked_again_in_their_order_before_later_ones() -> None:
    connection, transport = connected()
    replies = asked(connection, b"1", b"2", b"3")
    await asyncio.sleep(0)
    connection.data_received(REFUSED)
    replies |= (later := asked(connection, b"4"))
    connection.data_received(REFUSED * 2)
    await asyncio.sleep(0)
    connection.data_received(LOADED * len(ALL))
    await asyncio.sleep(0)
    assert transport.writes[-1] == b"1234"
    assert not replies and not later
    connection.data_received(b"+a\r\n+b\r\n+c\r\n+d\r\n")
    assert (replies, later) == ({b"1": b"a", b"2": b"b", b"3": b"c"}, {b"4": b"d"})


async def test_a_refused_message_is_not_sent_again_behind_a_later_one_that_was_published() -> None:
    connection, transport = connected()
    names = [PUBLISH.call([b"key"], name) for name in ("1", "2", "3")] + [PRESENT.call([b"key"], "4")]
    replies = asked(connection, *names)
    await asyncio.sleep(0)
    connection.data_received(REFUSED + b"+second\r\n" + REFUSED * 2)
    early, late, again, presence = names
    assert replies.pop(late) == b"second"
    assert replies.pop(early).code == "NOSCRIPT"
    assert not replies
    await asyncio.sleep(0)
    connection.data_received(LOADED * len(ALL))
    await asyncio.sleep(0)
    assert transport.writes[-1] == again + presence


async def test_a_server_that_refuses_the_scripts_ends_the_connection() -> None:
    connection, _ = connected()
    replies = asked(connection, b"1")
    connection.data_received(REFUSED)
    connection.data_received(b"-NOPERM no\r\n")
    await asyncio.sleep(0)
    assert isinstance(replies[b"1"], ConnectionLost)
    assert connection.ended.done()
    assert isinstance(connection.why, ReplyError)


async def test_the_end_answers_everything_once() -> None:
    connection, _ = connected()
    replies = asked(connection, b"1", b"2")
    connection.data_received(b"+1\r\n")
    connection.close()
    replies_after = asked(connection, b"3")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert replies[b"1"] == b"1"
    assert isinstance(replies[b"2"], ConnectionLost)
    assert isinstance(replies_after[b"3"], ConnectionLost)
    connection.data_received(b"+late\r\n") if connection.unanswered else None


async def test_bytes_that_are_no_resp3_and_replies_to_nothing_end_the_connection() -> None:
    for data in (b"HTTP/1.1 400\r\n", b"+a reply to no command\r\n", b"-NOPERM this user may not subscribe\r\n"):
        connection, _ = connected()
        connection.data_received(data)
        await asyncio.sleep(0)
        assert connection.ended.done()
        assert connection.why is not None


async def test_an_answer_that_fails_costs_no_other_one() -> None:
    pushed: list[Push] = []
    connection, _ = connected(pushed)

    def fails(reply: Any) -> None:
        raise ValueError("a bug")

    connection.ask(b"1", fails)
    replies = asked(connection, b"2")
    connection.data_received(b"+1\r\n>1\r\n+pushed\r\n+2\r\n")
    assert replies == {b"2": b"2"}
    assert pushed == [[b"pushed"]]


async def test_a_connection_is_full_by_commands_or_by_bytes() -> None:
    for command, count in ((b"x", COMMAND_LIMIT), (pack([b"x" * (BYTES_LIMIT // 4)]), 4)):
        connection, _ = connected()
        asked(connection, *[command] * (count - 1))
        assert not connection.full
        asked(connection, command)
        assert connection.full
        connection.data_received(b"+1\r\n")
        assert not connection.full


async def test_a_caller_that_waits_is_called_once_when_there_is_room() -> None:
    connection, transport = connected()
    called: list[str] = []
    replies = asked(connection, b"1")
    connection.data_received(REFUSED)
    for _ in range(2):
        connection.when_room(called.clear)
    connection.when_room(lambda: called.append("room"))
    await asyncio.sleep(0)
    connection.data_received(LOADED)
    assert connection.full
    assert called == []
    connection.data_received(LOADED * (len(ALL) - 1))
    assert called == ["room"]
    await asyncio.sleep(0)
    assert transport.writes[-1] == b"1"
    connection.data_received(b"+a\r\n")
    assert (called, replies) == (["room"], {b"1": b"a"})


async def test_the_ends_of_two_connections_are_two_errors() -> None:
    """One error for all would keep the frames of every caller that it was raised in, without end."""
    errors: list[BaseException] = []
    for _ in range(2):
        connection, _ = connected()
        answer = asyncio.ensure_future(connection.answer(b"1"))
        await asyncio.sleep(0)
        connection.close()
        await asyncio.wait([answer])
        error = answer.exception()
        assert isinstance(error, ConnectionLost)
        errors.append(error)
    assert errors[0] is not errors[1]
