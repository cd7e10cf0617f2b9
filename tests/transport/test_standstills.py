"""A gateway that did not run for a minute: no client is cut off that could neither be read from nor asked.

Each case is played with a standstill, and with the same minute in which the gateway runs: then the client is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from tests.support.waiting import until
from tests.transport.limits import door_with
from tests.transport.raw import PING, TEXT, Door, Raw, frame, listening, upgrade
from tests.transport.test_backpressure import FakeClock, fill, not_reading
from tidegate.core.budgets.rates import Rate
from tidegate.transport.open_connections import SLICES
from tidegate.transport.state import CONNECTING, OPEN

STANDSTILL_S = 60


async def run(door: Door, clock: FakeClock, seconds: int) -> None:
    """The gateway runs for `seconds` in which nothing arrives."""
    for _ in range(seconds):
        clock.now += 1
        for _ in range(SLICES):
            door.listener.context.door.sweep(clock.now, door.echo.anonymous)
        for _ in range(4):
            await asyncio.sleep(0)


async def pass_minute(door: Door, clock: FakeClock, *, stopped: bool) -> None:
    if stopped:
        clock.now += STANDSTILL_S - 1
        await run(door, clock, 1)
    else:
        await run(door, clock, STANDSTILL_S)
    await asyncio.sleep(0.01)


async def half_a_request(door: Door, clock: FakeClock, stopped: bool) -> bool:
    async with door.tcp() as raw:
        raw.send(upgrade()[:40])
        await until(lambda: len(door.listener.context.connections) == 1)
        await pass_minute(door, clock, stopped=stopped)
        (connection,) = door.listener.context.connections or [None]
        return connection is not None and connection.write_side.state is CONNECTING  # type: ignore[attr-defined]


async def half_a_message(door: Door, clock: FakeClock, stopped: bool) -> bool:
    async with door.open() as raw:
        raw.send(frame(TEXT, b"unfinished")[:9])
        (connection,) = door.echo.connections
        await until(lambda: connection.read_side.unfinished_for(clock.now + 1))
        await pass_minute(door, clock, stopped=stopped)
        return connection.write_side.state is OPEN


async def ping_without_answer(door: Door, clock: FakeClock, stopped: bool) -> bool:
    async with door.open() as raw:
        (connection,) = door.echo.connections
        await run(door, clock, 16)
        assert (await raw.frame()).opcode == PING
        await pass_minute(door, clock, stopped=stopped)
        return connection.write_side.state is OPEN


async def slow_reader(door: Door, clock: FakeClock, stopped: bool) -> bool:
    async with not_reading(door) as (_, connection):
        await fill(connection)
        await run(door, clock, 5)
        await pass_minute(door, clock, stopped=stopped)
        return connection.write_side.state is OPEN


async def over_its_rate(door: Door, clock: FakeClock, stopped: bool) -> bool:
    async with door.open() as raw:
        (connection,) = door.echo.connections
        await _flood(raw, 300)
        await until(lambda: connection.write_side.paused_by)
        await pass_minute(door, clock, stopped=stopped)
        return connection.write_side.state is OPEN


async def idle_at_a_nearly_full_door(door: Door, clock: FakeClock, stopped: bool) -> bool:
    async with door.open(), door.open(), door.open():
        await run(door, clock, 12)
        await pass_minute(door, clock, stopped=stopped)
        return all(each.write_side.state is OPEN for each in door.echo.connections)


async def _flood(raw: Raw, frames: int) -> None:
    raw.send(frame(TEXT, b"x") * frames)


Case = Callable[[Door, FakeClock, bool], Awaitable[bool]]
CASES: list[Case] = [
    half_a_request, half_a_message, ping_without_answer, slow_reader, over_its_rate, idle_at_a_nearly_full_door,
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.__name__)
@pytest.mark.parametrize("stopped", [True, False], ids=["stopped", "running"])
async def test_client_stays_only_if_the_gateway_stood_still(case: Case, stopped: bool) -> None:
    clock = FakeClock()
    frames = Rate(1, 10) if case is over_its_rate else Rate(0, 0)
    limits = door_with(3, frames=frames)
    pings = 15.0 if case is ping_without_answer else 1e9
    async with listening(now=clock, limits=limits, sweep=1000.0, ping_interval=pings) as door:
        await run(door, clock, 1)
        assert await case(door, clock, stopped) is stopped


async def test_guest_has_its_second_after_a_standstill() -> None:
    clock = FakeClock()
    async with listening(now=clock, limits=door_with(0), sweep=1000.0) as door, door.tcp() as raw:
        door.listener.context.door.sweep(clock.now, door.echo.anonymous)
        await until(lambda: len(door.listener.context.connections) == 1)
        clock.now += STANDSTILL_S
        door.listener.context.door.sweep(clock.now, door.echo.anonymous)
        raw.send(b"GET /healthz HTTP/1.1\r\nHost: g\r\n\r\n")
        assert (await raw.head()).startswith("HTTP/1.1 200 ")


async def test_connects_that_waited_meanwhile_count_for_that_time() -> None:
    clock, name = FakeClock(), "X-Forwarded-For: 203.0.113.7"
    limits = door_with(connects=Rate(1, 3), trusted=["127.0.0.1"])
    async with listening(now=clock, limits=limits, sweep=1000.0) as door, door.open(name):
        await run(door, clock, 1)
        clock.now += STANDSTILL_S
        door.listener.context.door.sweep(clock.now, door.echo.anonymous)
        for _ in range(STANDSTILL_S + 3):
            async with door.open(name):
                """It is let in."""
        async with door.tcp() as raw:
            raw.send(upgrade("/ws", name))
            assert (await raw.head()).startswith("HTTP/1.1 429 ")
