"""A thread that gives a loop work past `call_soon_threadsafe` fails its test, and a loop that hangs ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.support import chosen_loop
from tests.support.inner_run import run

FOREIGN = pytest.raises(RuntimeError, match="Non-thread-safe operation")
checked = pytest.mark.skipif(chosen_loop.name() == "uvloop", reason="uvloop does not check which thread gives it work")


@checked
async def test_another_thread_may_not_schedule() -> None:
    loop = asyncio.get_running_loop()
    for schedule in (loop.call_soon, lambda call: loop.call_later(0, call), lambda call: loop.call_at(0, call)):
        with FOREIGN:
            await asyncio.to_thread(schedule, print)


@checked
async def test_another_thread_may_not_settle_what_is_waited_for() -> None:
    future = asyncio.get_running_loop().create_future()
    future.add_done_callback(print)
    with FOREIGN:
        await asyncio.to_thread(future.set_result, None)


@checked
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


HANGS = "import asyncio, uvloop\ndef test_hangs(): uvloop.run(asyncio.Event().wait())\n"


@pytest.mark.process
def test_a_test_that_hangs_in_uvloop_ends(tmp_path: Path) -> None:
    """With the signal that pytest-timeout sends otherwise, it goes on."""
    pytest.importorskip("uvloop", reason="uvloop is not installed here")
    (tmp_path / "test_hangs.py").write_text(HANGS)
    told = run(tmp_path, *("-p", "pytest_timeout", "-p", "tests.support.loops", "--loop", "uvloop", "--timeout", "0.1"))
    assert "Timeout" in told
