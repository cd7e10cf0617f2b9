"""Handlers that yield: parts, the reply, cancelling, the deadline, slow readers, clients that leave."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.gateway.handlers.answers import serving
from tests.gateway.test_slow_readers import member, write_side
from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tidegate.gateway.calls import part_sender
from tidegate.gateway.calls.calls import STREAMS
from tidegate.handlers import Call, Gateway, HandlersError, Refused

BIG = "x" * 20_000
LARGE = 200
"""Parts of that size: more than the buffers of sockets take."""


class Counted(msgspec.Struct, tag_field="type", tag="counted"):
    """As generated code has it."""

    total: int


class Counting:
    """A handler that yields as its request says, and what became of its generators."""

    def __init__(self) -> None:
        self.gateway = Gateway()
        self.closed: list[str] = []
        self.yielded = 0
        self.gateway.on("count")(self.count)

    async def count(self, request: dict[str, Any]) -> AsyncIterator[Any]:
        how = request.get("how", "three")
        try:
            async for value in getattr(self, how)():
                self.yielded += 1
                yield value
        finally:
            self.closed.append(how)

    async def three(self) -> AsyncIterator[Any]:
        for n in range(3):
            yield {"n": n}
        yield Counted(3)

    async def without_reply(self) -> AsyncIterator[Any]:
        yield {"n": 0}

    async def only_reply(self) -> AsyncIterator[Any]:
        yield {"type": "counted", "total": 0}

    async def refuses(self) -> AsyncIterator[Any]:
        yield {"n": 0}
        raise Refused("conflict", "no more")

    async def fails(self) -> AsyncIterator[Any]:
        yield {"n": 0}
        raise LookupError("no more")

    async def wrong_part(self) -> AsyncIterator[Any]:
        yield {"n": 0}
        yield {"m": "secret"}

    async def large_part(self) -> AsyncIterator[Any]:
        yield {"n": BIG * 60}

    async def wrong_reply(self) -> AsyncIterator[Any]:
        yield {"type": "counted", "total": "secret"}

    async def after_reply(self) -> AsyncIterator[Any]:
        yield Counted(0)
        yield {"n": 0}

    async def forever(self) -> AsyncIterator[Any]:
        while True:
            yield {"n": 0}
            await asyncio.sleep(0.01)

    async def waits(self) -> AsyncIterator[Any]:
        yield {"n": 0}
        await asyncio.Event().wait()

    async def large(self) -> AsyncIterator[Any]:
        for n in range(LARGE):
            yield {"n": n, "with": BIG}


def of(client: Wire, ref: Any) -> list[dict[str, Any]]:
    return [{**message} for message in client.heard if message.get("ref") == ref and message.pop("ref") is not None]


ENDS: dict[str, tuple[int, dict[str, Any], str]] = {
    "three": (3, {"type": "counted", "total": 3}, ""),
    "without_reply": (1, {"type": "counted"}, ""),
    "only_reply": (0, {"type": "counted", "total": 0}, ""),
    "refuses": (1, {"type": "error", "code": "conflict"}, ""),
    "fails": (1, {"type": "error", "code": "internal"}, "LookupError: no more"),
    "wrong_part": (1, {"type": "error", "code": "internal"}, 'does not fit its schema: /: lacks the property "n"'),
    "large_part": (0, {"type": "error", "code": "too_large"}, "a part of the handler"),
    "wrong_reply": (0, {"type": "error", "code": "internal"}, "does not fit 'counted': /total: must be integer"),
    "after_reply": (0, {"type": "error", "code": "internal"}, "yields after its reply"),
}
"""How many parts come, the end, and what the log says."""


async def test_parts_come_in_order_and_the_reply_or_an_error_ends_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    counting = Counting()
    async with serving(tmp_path, counting.gateway) as inside, wire(inside.url) as client:
        with every_case() as case:
            for how, (count, expected, told) in ENDS.items():
                with case(how):
                    caplog.clear()
                    counting.closed.clear()
                    await client.say({"type": "count", "how": how, "ref": how})
                    await client.hear(lambda message: message["type"] in {"counted", "error"})
                    await client.settle()
                    *found, end = of(client, how)
                    assert found == [{"type": "part", "data": {"n": n}} for n in range(count)]
                    assert end.items() >= expected.items()
                    assert counting.closed == [how]
                    assert (caplog.text == "") is (told == "")
                    assert told in caplog.text
                    assert "secret" not in caplog.text
        # Without a ref nothing is sent, and the handler runs nevertheless.
        counting.closed.clear()
        await client.say({"type": "count", "how": "three"})
        await until(lambda: counting.closed == ["three"])
        assert await client.settle() == []


async def test_a_client_cancels_a_stream_and_other_requests(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counting, begun, released, ended = Counting(), threading.Event(), threading.Event(), list[str]()
    gateway = counting.gateway

    @gateway.on("note")
    async def note(request: dict[str, Any]) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append("note")

    @gateway.on("buy")
    def buy(request: dict[str, Any]) -> Any:
        begun.set()
        released.wait(DEADLINE_S)
        ended.append("buy")
        return {"left": 1}

    async with serving(tmp_path, gateway) as inside, wire(inside.url) as client, wire(inside.url) as other:
        caplog.clear()
        await client.say({"type": "count", "how": "forever", "ref": 1})
        await client.hear("part")
        await other.say({"type": "cancel", "ref": 1})
        await other.settle()
        await client.hear("part")  # it is not the other client's
        await client.say({"type": "cancel", "ref": 1})
        assert (await client.hear("error"))["code"] == "cancelled"
        await until(lambda: counting.closed == ["forever"])
        for kind in ("note", "buy"):
            begun.clear()
            await client.say({"type": kind, "ref": kind})
            await asyncio.to_thread(begun.wait, DEADLINE_S)
            await client.say({"type": "cancel", "ref": kind})
            error = await client.hear("error")
            assert (error["ref"], error["code"]) == (kind, "cancelled")
        released.set()
        await until(lambda: sorted(ended) == ["buy", "note"])  # each in a separate thread: in either order
        # What is answered, or was never asked, is not cancelled, and a cancel has no answer.
        for ref in (1, "note", 99):
            await client.say({"type": "cancel", "ref": ref})
        assert await client.settle() == []
    assert caplog.text == "", "to cancel is no failure"


async def test_a_stream_ends_when_its_client_leaves(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    counting = Counting()
    async with serving(tmp_path, counting.gateway) as inside:
        caplog.clear()
        async with wire(inside.url) as client:
            await client.say({"type": "count", "how": "forever", "ref": 1})
            await client.hear("part")
        await until(lambda: counting.closed == ["forever"])
        await until(lambda: inside.gateway.work.under_way == 0)
    assert caplog.text == ""


async def test_a_stream_has_the_deadline_of_its_schema(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    gateway, closed = Gateway(), list[bool]()

    @gateway.on("hurry")
    async def hurry(request: dict[str, Any]) -> AsyncIterator[str]:
        try:
            yield "a"
            await asyncio.Event().wait()
        finally:
            closed.append(True)

    async with serving(tmp_path, gateway) as inside, wire(inside.url) as client:
        answer = await client.ask({"type": "hurry"})
        assert answer["type"] == "part"
        error = await client.hear("error")
        assert (error["code"], error["temporary"]) == ("timeout", True)
        await until(lambda: closed == [True])
        assert "did not answer within 0.2 s; the client gets `timeout`" in caplog.text


async def test_a_generator_is_not_resumed_while_its_client_does_not_read(tmp_path: Path) -> None:
    counting = Counting()
    async with serving(tmp_path, counting.gateway, transport={"slow_rate": 0}) as inside, member(inside) as client:
        sink = write_side(inside)
        client.read(False)
        client.send_json(type="count", how="large", ref=1)
        await until(lambda: sink.unsent > part_sender.UNSENT_BYTES)
        resumed = counting.yielded
        for _ in range(3):
            await asyncio.sleep(0.02)
            assert counting.yielded == resumed
        assert sink.unsent < part_sender.UNSENT_BYTES + 2 * len(BIG)
        assert resumed < LARGE
        client.read(True)
        heard = [await client.message() for _ in range(LARGE + 1)]
        assert [message["data"]["n"] for message in heard[:-1]] == list(range(LARGE))
        assert heard[-1] == {"type": "counted", "ref": 1}
        assert inside.gateway.ledger.of_kind("reads") == 0


async def test_a_connection_has_a_limit_of_streams_below_which_it_can_cancel(tmp_path: Path) -> None:
    counting = Counting()
    async with serving(tmp_path, counting.gateway) as inside, wire(inside.url) as client:
        for ref in range(STREAMS):
            await client.say({"type": "count", "how": "waits", "ref": ref})
        await client.say({"type": "count", "how": "waits", "ref": "one more"})
        error = await client.hear("error")
        assert (error["ref"], error["code"]) == ("one more", "limit_reached")
        for ref in range(STREAMS):
            await client.say({"type": "cancel", "ref": ref})
        assert {(await client.hear("error"))["ref"] for _ in range(STREAMS)} == set(range(STREAMS))
        await until(lambda: inside.gateway.work.under_way == 0)


async def test_a_decorator_around_a_generator_may_be_a_plain_function(tmp_path: Path) -> None:
    counting = Counting()
    gateway = Gateway()

    @gateway.on("count")
    def plain(request: dict[str, Any], call: Call) -> Any:
        return counting.count(request)

    async with serving(tmp_path, gateway) as inside, wire(inside.url) as client:
        await client.say({"type": "count", "ref": 1})
        await client.hear("counted")
        assert len(of(client, 1)) == 4


async def test_functions_around_a_handler_pass_its_parts(tmp_path: Path) -> None:
    counting, passed = Counting(), list[str]()

    @counting.gateway.around
    def plain(message: dict[str, Any], call: Call, go_on: Callable[[], Any]) -> Any:
        passed.append(message["type"])
        return go_on()

    @counting.gateway.around
    async def waiting(message: dict[str, Any], call: Call, go_on: Callable[[], Awaitable[Any]]) -> Any:
        passed.append(message["type"])
        return await go_on()

    async with serving(tmp_path, counting.gateway) as inside, wire(inside.url) as client:
        await client.say({"type": "count", "ref": 1})
        await client.hear("counted")
        assert len(of(client, 1)) == 4
        assert passed == ["count", "count"]
        assert counting.closed == ["three"]


def test_a_plain_generator_is_no_handler() -> None:
    def yields(request: dict[str, Any]) -> Any:
        yield request

    with pytest.raises(HandlersError, match="a handler that yields is an `async def`"):
        Gateway().on("count")(yields)
