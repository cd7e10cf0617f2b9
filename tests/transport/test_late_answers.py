"""Plain HTTP answers that are made while their client waits: it gets one answer, and no deadline passes meanwhile."""

from __future__ import annotations

import asyncio
from typing import cast

import pytest

from tests.support.waiting import until
from tests.transport.raw import Door, listening
from tests.transport.test_backpressure import FakeClock, pass_time
from tests.transport.test_handshake_http import answer, get
from tidegate.transport import Connection, Request, Response

Made = asyncio.Future[Response]


class Maker:
    """Answers for the path `/late`."""

    def __init__(self, door: Door) -> None:
        self.asked: list[Request] = []
        self.made: Made = asyncio.get_running_loop().create_future()
        door.listener.context.routes.add("/late", self)

    def __call__(self, request: Request) -> Made:
        self.asked.append(request)
        return self.made


async def test_clients_that_wait_get_the_answer_although_the_deadline_of_a_handshake_has_passed() -> None:
    clock = FakeClock()
    async with (
        listening(handshake_timeout=10.0, now=clock, sweep=1000.0) as door,
        asyncio.TaskGroup() as tasks,
    ):
        maker = Maker(door)
        waiting = [tasks.create_task(answer(door, get("/late", method=method))) for method in ("GET", "HEAD")]
        await until(lambda: len(maker.asked) == 2)
        async with door.tcp() as slow:
            slow.send(b"GET /a")
            await until(lambda: len(door.listener.context.connections) == 3)
            pass_time(door, clock, 11)
            assert await slow.ended() == b"", "the deadlines of connections that came before have passed, too"
        maker.made.set_result(Response.text(200, "made\n"))
        assert (await waiting[0])[::2] == (200, b"made\n")
        assert (await waiting[1])[::2] == (200, b"")
        assert (await answer(door, get("/late")))[::2] == (200, b"made\n")


async def test_a_client_that_waits_has_one_request_under_way() -> None:
    async with listening() as door, door.tcp() as raw:
        maker = Maker(door)
        raw.send(get("/late"))
        await until(lambda: len(maker.asked) == 1)
        raw.send(get("/late"))
        assert (await answer(door, get("/nothing")))[0] == 404, "the loop has seen what was sent before"
        maker.made.set_result(Response.text(200, "made\n"))
        assert (await raw.ended()).count(b"HTTP/1.1 200 ") == 1
        assert len(maker.asked) == 1


async def test_an_answer_that_its_client_does_not_read_is_cut_off_some_time_after_it_was_made() -> None:
    clock = FakeClock()
    async with listening(handshake_timeout=10.0, now=clock, sweep=1000.0) as door, door.tcp() as raw:
        maker = Maker(door)
        raw.send(get("/late"))
        await until(lambda: len(maker.asked) == 1)
        pass_time(door, clock, 60)
        maker.made.set_result(Response(200, {}, bytes(16_000_000)))
        await asyncio.sleep(0)
        pass_time(door, clock, 9)
        (connection,) = door.listener.context.connections
        assert cast("Connection", connection).write_side.unsent, "it has its time"
        pass_time(door, clock, 3)
        await until(lambda: not len(door.listener.context.connections))
        assert len(await raw.ended()) < 16_000_000


async def test_a_connection_that_was_cut_off_meanwhile_gets_nothing() -> None:
    async with listening() as door, door.tcp() as raw:
        maker = Maker(door)
        raw.send(get("/late"))
        await until(lambda: len(maker.asked) == 1)
        (connection,) = door.listener.context.connections
        connection.abort()
        assert await raw.ended() == b""
        maker.made.set_result(Response.text(200, "made\n"))
        assert (await answer(door, get("/late")))[0] == 200
        assert door.listener.context.counts.responses == {200: 1}


async def test_an_answer_that_is_given_up_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    async with listening() as door, door.tcp() as raw:
        maker = Maker(door)
        raw.send(get("/late"))
        await until(lambda: len(maker.asked) == 1)
        maker.made.cancel()
        assert (await answer(door, get("/nothing")))[0] == 404
    assert caplog.records == []
