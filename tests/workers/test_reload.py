"""SIGHUP to the supervisor: workers are replaced one after the other, or none is if one does not fit."""

from __future__ import annotations

import asyncio
import signal

import pytest

from tests.support.waiting import until
from tests.workers.conftest import Start
from tests.workers.supervised import Supervised

pytestmark = pytest.mark.process


async def test_all_workers_are_replaced_and_no_connection_is_lost(shared: Supervised) -> None:
    hub, before = shared.hub, shared.workers
    answers: list[str] = []
    done = asyncio.Event()

    async def ask() -> None:
        while not done.is_set():
            answers.append(await shared.ask())

    asking = [asyncio.create_task(ask()) for _ in range(4)]
    shared.signal(signal.SIGHUP)
    await shared.logged("reloaded: all workers have been replaced")
    done.set()
    await asyncio.gather(*asking)  # raises for a connection that was lost
    assert all(answers)
    assert not shared.members & before
    assert shared.hub == hub
    assert [line[:2] for line in shared.started] == [["worker", "1"], ["worker", "2"]]


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ("refuses", "the schema is broken"),
        ("dies", "exit code 3"),
        ("hangs", "it was not ready within 1 s"),
    ],
)
async def test_a_worker_that_does_not_come_up_ends_the_reload(shared: Supervised, how: str, why: str) -> None:
    before = shared.workers
    shared.behave("worker 1", how)
    file = shared.folder / "tidegate.toml"
    if how == "hangs":  # the reload takes this setting; with it a busy machine would kill workers that do not hang
        file.write_text("worker_start = 1\n")
    shared.signal(signal.SIGHUP)
    line = await shared.logged("the reload is given up")
    assert why in line
    assert line.endswith("the workers go on as they are")
    assert shared.workers == before
    shared.behave("worker 1", "")
    file.unlink(missing_ok=True)
    await reloaded(shared, before)


async def test_a_second_worker_that_does_not_come_up_leaves_the_first_one_new(shared: Supervised) -> None:
    before = shared.workers
    shared.behave("worker 2", "refuses")
    shared.signal(signal.SIGHUP)
    line = await shared.logged("the reload is given up")
    assert line.endswith("1 of 2 workers are new, the others go on")
    assert len(shared.members & before) == 1


async def test_a_signal_while_a_reload_is_under_way_reloads_again(shared: Supervised) -> None:
    before = shared.workers
    shared.signal(signal.SIGHUP)
    await until(lambda: len(shared.started) > 0)
    shared.signal(signal.SIGHUP)
    await shared.logged("reloaded", times=2)
    assert not shared.members & before
    assert len(shared.started) == 4


async def test_settings_that_need_a_restart_or_are_wrong_end_the_reload(shared: Supervised) -> None:
    before = shared.workers
    file = shared.folder / "tidegate.toml"
    file.write_text('database = "sqlite:///other.db"\nengine_prefix = "other"\n')
    shared.signal(signal.SIGHUP)
    line = await shared.logged("the reload is given up")
    assert "database, engine_prefix: other than at the start; restart the gateway" in line
    file.write_text("max_rooms = 0\n")
    shared.signal(signal.SIGHUP)
    assert "max_rooms" in await shared.logged("the reload is given up", times=2)
    assert shared.workers == before
    file.write_text("max_rooms = 7\n")
    await reloaded(shared, before)


async def test_a_stop_during_a_reload_ends_all(supervise: Start) -> None:
    supervised = supervise()
    supervised.behave("worker 1", "hangs")
    supervised.signal(signal.SIGHUP)
    await until(lambda: len(supervised.members) == 3)
    supervised.signal(signal.SIGTERM)
    assert supervised.ended() == 0


async def reloaded(supervised: Supervised, before: set[int]) -> None:
    supervised.signal(signal.SIGHUP)
    await supervised.logged("reloaded")
    assert not supervised.members & before
    assert len(supervised.workers) == 2
