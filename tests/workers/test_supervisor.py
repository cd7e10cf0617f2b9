"""The supervisor: what it does with members that die, freeze, refuse or do not stop, and what is left of them."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import psutil
import pytest

from tests.support.waiting import until
from tests.workers.conftest import Start
from tests.workers.supervised import Supervised
from tidegate.workers.times import AWAY_S

pytestmark = pytest.mark.process
WORKER_TIMEOUT = "3"
"""Seconds after which a member that is frozen is killed."""


async def test_each_worker_takes_a_fair_part_of_the_connections(shared: Supervised) -> None:
    spread = await shared.spread(400)
    assert set(spread) == {"worker 1", "worker 2"}
    assert max(spread.values()) <= 240, spread


async def test_a_stop_ends_all_members_and_leaves_nothing_behind(supervise: Start) -> None:
    supervised = supervise(HUB="1")
    members = supervised.members
    assert [name for name, *_ in supervised.started] == ["hub", "worker", "worker"]
    assert len(members) == 3
    supervised.signal(signal.SIGTERM)
    assert supervised.ended() == 0
    assert not any(psutil.pid_exists(pid) for pid in members)
    assert supervised.log.count("ERROR") == 0, supervised.log
    files = {path.name for path in supervised.folder.iterdir()}
    assert files == {"log", "started", "ready"}


async def test_a_worker_that_was_killed_is_replaced_and_no_connection_is_lost(shared: Supervised) -> None:
    before = shared.workers
    killed = min(before)
    # Some connections wait in its queue; others accept them.
    os.kill(killed, signal.SIGSTOP)
    asked = [asyncio.create_task(shared.ask()) for _ in range(60)]
    await until(lambda: sum(task.done() for task in asked) >= 10)
    os.kill(killed, signal.SIGKILL)
    answers = await asyncio.gather(*asked)
    assert len(answers) == 60
    assert not any(answer.endswith(f" {killed}") for answer in answers)
    assert before - shared.members == {killed}
    assert "signal 9; another one is started" in shared.log


async def test_a_member_that_freezes_is_replaced(shared: Supervised) -> None:
    frozen = {min(shared.workers), shared.hub}
    for pid in frozen:
        os.kill(pid, signal.SIGSTOP)
    await until(lambda: not frozen & shared.members and len(shared.members) == 3)
    assert shared.log.count("is killed: its event loop has not turned for 3 s") == 2


@pytest.mark.long
@pytest.mark.slow
async def test_a_supervisor_that_was_suspended_replaces_no_member(shared: Supervised) -> None:
    members = shared.members
    for pid in [*members, shared.process.pid]:
        os.kill(pid, signal.SIGSTOP)
    await asyncio.sleep(AWAY_S + 1)  # the time itself is what the test is about
    for pid in [shared.process.pid, *members]:
        os.kill(pid, signal.SIGCONT)
    shared.signal(signal.SIGHUP)  # the supervisor has looked at all members when it has replaced the workers
    await shared.logged("reloaded")
    assert "killed" not in shared.log


async def test_members_end_with_a_supervisor_that_was_killed(supervise: Start) -> None:
    supervised = supervise(HUB="1", behaviours={"worker 2": "stuck"})
    members = supervised.members
    supervised.signal(signal.SIGKILL)
    supervised.ended()
    await until(lambda: not any(psutil.pid_exists(pid) for pid in members))


async def test_a_hub_that_dies_is_started_again_and_the_workers_go_on(shared: Supervised) -> None:
    hub, workers = shared.hub, shared.workers
    os.kill(hub, signal.SIGKILL)
    await until(lambda: hub not in shared.members and shared.ready)
    assert [line[0] for line in shared.started] == ["hub"]
    assert shared.workers == workers


def test_a_worker_that_refuses_its_settings_ends_the_start_at_once(supervise: Start) -> None:
    supervised = supervise(behaviours={"worker 1": "refuses", "worker 2": "refuses"})
    assert supervised.ended() == 2
    assert len(supervised.started) == 1  # the reason is said once


@pytest.mark.long
def test_a_worker_that_dies_again_and_again_ends_the_start(supervise: Start) -> None:
    supervised = supervise(behaviours={"worker 2": "dies"})
    assert supervised.ended() == 1
    assert [line[:2] for line in supervised.started] == [["worker", "1"]] + 5 * [["worker", "2"]]
    assert "the start is given up: the worker 2 has ended 5 times within 30 s" in supervised.log


@pytest.mark.long
async def test_a_worker_that_dies_again_and_again_later_waits_longer_each_time(supervise: Start) -> None:
    supervised = supervise()
    supervised.behave("worker 2", "dies")
    victim = next(int(pid) for _, number, pid in supervised.started if number == "2")
    os.kill(victim, signal.SIGKILL)
    line = await supervised.logged("another one is started in", times=3)
    assert line.endswith("in 1 s")
    # The other worker answers for both; the kernel gives each connection to one of both sockets by chance.
    answers = await asyncio.gather(*(supervised.ask() for _ in range(20)))
    assert {answer.rpartition(" ")[0] for answer in answers} == {"worker 1"}
    supervised.behave("worker 2", "")
    await until(lambda: len(supervised.members) == 2)


@pytest.mark.long
async def test_a_worker_that_does_not_stop_is_killed(supervise: Start) -> None:
    supervised = supervise(behaviours={"worker 1": "stuck"}, TIDEGATE_GRACEFUL_STOP="0")
    began = time.monotonic()
    supervised.signal(signal.SIGTERM)
    assert supervised.ended() == 1
    assert time.monotonic() - began >= 2.5
    assert "it did not stop in time" in supervised.log
    assert not supervised.members


async def test_a_second_signal_ends_the_drains(supervise: Start) -> None:
    supervised = supervise(behaviours={"worker 1": "stays"}, TIDEGATE_DRAIN="3600")
    stays = next(int(pid) for _, number, pid, *_ in supervised.started if number == "1")
    supervised.signal(signal.SIGINT)
    await until(lambda: supervised.members == {stays})
    supervised.signal(signal.SIGTERM)
    assert supervised.ended() == 0


async def test_a_stop_while_members_start_ends_them(supervise: Start) -> None:
    supervised = supervise()
    supervised.behave("worker 1", "hangs")
    os.kill(min(supervised.members), signal.SIGKILL)
    await until(lambda: any(line[-1] == "hangs" for line in supervised.started) or len(supervised.started) > 2)
    supervised.signal(signal.SIGTERM)
    assert supervised.ended() == 0
