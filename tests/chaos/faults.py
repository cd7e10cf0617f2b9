"""The faults during a history: of connections, of gateways, and of the database."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import psutil

from tests.chaos.follower import Follower
from tests.chaos.gateways import Gateways
from tests.chaos.places import Place
from tests.support.gateway import GatewayProcess

PAUSE_S = 1.0
FULL_BYTES = 65_536
"""The log of the gateway and its note beside the database are smaller."""


@dataclass(frozen=True)
class Least:
    """What must happen before a history may end, however long it takes: a busy machine does little in a second.

    Turns are steps of `break_things`: each kind of fault comes within 16 of them. The rest is of all clients together.
    """

    turns: int = 0
    changes: int = 0
    recoveries: int = 0
    returns: int = 0
    changes_of_user: int = 0
    moves: int = 0

    def has_happened(self, turn: int, place: Place, followers: Sequence[Follower]) -> bool:
        return (
            turn > self.turns
            and sum(follower.copy.recoveries for follower in followers) >= self.recoveries
            and all(
                sum(getattr(follower, what) for follower in followers) >= getattr(self, what)
                for what in ("returns", "changes_of_user", "moves")
            )
            and place.head() >= self.changes
        )


async def break_things(
    gateways: Gateways, place: Place, followers: list[Follower], chance: random.Random, seconds: float, least: Least
) -> Counter[str]:
    """Cause faults until the time is over and `least` has happened. All gateways run when it returns.

    Some pauses last several seconds, because the gateways need that time to find a slow client.
    """
    faults: Counter[str] = Counter()
    disturbances = itertools.cycle(place.disturbances.items())
    processes = itertools.cycle(gateways.processes)
    end = time.monotonic() + seconds
    for turn in itertools.count(1):
        await asyncio.sleep(0.1 + 0.4 * chance.random())
        if time.monotonic() > end and await asyncio.to_thread(least.has_happened, turn, place, followers):
            break
        if place.workers > 1 and turn % 2 == 0:
            gateway = gateways.processes[turn // 2 % len(gateways.processes)]
            await asyncio.to_thread(_break_member, gateway, turn, faults)
        if turn % 30 in {4, 12}:
            faults["kill -9"] += 1
            process = next(processes)
            await asyncio.to_thread(process.kill)
            await asyncio.to_thread(process.start)
        elif turn % 30 == 8:
            faults["restarts"] += 1
            process = next(processes)
            await asyncio.to_thread(process.stop)
            await asyncio.to_thread(process.start)
        elif turn % 30 == 16:
            faults["pauses"] += 1
            await asyncio.to_thread(_pause, next(processes).pid)
        elif turn % 30 == 20 and place.name == "sqlite" and place.workers == 1:
            faults["disk full"] += 1
            await asyncio.to_thread(_fill_disk, next(processes))
        elif turn % 4 == 2 and place.disturbances:
            name, disturb = next(disturbances)
            faults[name] += await asyncio.to_thread(disturb)
        elif turn % 4 == 3:
            faults["changes grown old"] += await asyncio.to_thread(place.grow_old)
        else:
            for follower in chance.sample(followers, 3):
                faults["clients cut off"] += 1
                follower.cut()
    return faults


def _pause(pid: int) -> None:
    """Stop the process for a while, so that it falls behind."""
    os.kill(pid, signal.SIGSTOP)
    time.sleep(PAUSE_S)
    os.kill(pid, signal.SIGCONT)


def _break_member(gateway: GatewayProcess, turn: int, faults: Counter[str]) -> None:
    """A fault of the hub, of a worker, or a reload, in turns."""
    members = psutil.Process(gateway.pid).children()
    hubs = [each for each in members if '"kind":"hub"' in each.cmdline()[-1]]
    workers = [each for each in members if each not in hubs]
    name = ("worker paused", "worker killed", "hub killed", "reloads", "hub paused")[turn // 2 % 5]
    with suppress(psutil.NoSuchProcess, ProcessLookupError, IndexError):
        match name:
            case "hub killed":
                hubs[0].kill()
                time.sleep(2 * PAUSE_S)  # others write meanwhile, and another hub is there before the next fault
            case "worker killed":
                workers[turn % len(workers)].kill()
            case "reloads":
                os.kill(gateway.pid, signal.SIGHUP)
            case "hub paused":
                _pause(hubs[0].pid)
            case _:
                _pause(workers[0].pid)
        faults[name] += 1


def _fill_disk(process: GatewayProcess) -> None:
    """For a while no file of the gateway can grow, as on a full disk: the kernel refuses it in the same call."""
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (FULL_BYTES, before[1]))
    time.sleep(PAUSE_S)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)
