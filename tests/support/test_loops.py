"""A thread that gives a loop work past `call_soon_threadsafe` fails its test."""

from __future__ import annotations

import asyncio

import pytest

FOREIGN = pytest.raises(RuntimeError, match="Non-thread-safe operation")


async def test_another_thread_may_not_schedule() -> None:
    loop = asyncio.get_running_loop()
    for schedule in (loop.call_soon, lambda call: loop.call_later(0, call), lambda call: loop.call_at(0, call)):
        with FOREIGN:
            await asyncio.to_thread(schedule, print)


async def test_another_thread_may_not_settle_what_is_waited_for() -> None:
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(print)
    with FOREIGN:
        await asyncio.to_thread(future.set_result, None)


async def test_a_loop_that_another_loop_runs_beside_is_checked() -> None:
    """`asyncio.run`, as programs and gateways of tests call it in their threads."""
    loop = asyncio.get_running_loop()

    async def touch() -> None:
        loop.call_soon(print)

    with FOREIGN:
        await asyncio.to_thread(asyncio.run, touch())


async def test_another_thread_may_call_threadsafe() -> None:
    loop, called = asyncio.get_running_loop(), asyncio.Event()
    await asyncio.to_thread(loop.call_soon_threadsafe, called.set)
    await called.wait()
