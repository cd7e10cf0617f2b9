"""What breaks during a history: lines, the gateway, and what the database has for that."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter

from tests.chaos.follower import Follower
from tests.chaos.places import Place
from tests.support.gateway import GatewayProcess


async def break_things(
    process: GatewayProcess, place: Place, followers: list[Follower], chance: random.Random, seconds: float
) -> Counter[str]:
    """Faults until the time is over; the gateway runs when it returns.

    It is left alone for some seconds now and then, which it takes to find somebody too slow.
    """
    faults: Counter[str] = Counter()
    disturbances = itertools.cycle(place.disturbances.items())
    end = time.monotonic() + seconds
    for turn in itertools.count(1):
        await asyncio.sleep(0.1 + 0.4 * chance.random())
        if time.monotonic() > end:
            break
        if turn % 30 in {4, 12}:
            faults["kill -9"] += 1
            await asyncio.to_thread(process.kill)
            await asyncio.to_thread(process.start)
        elif turn % 30 == 8:
            faults["restarts"] += 1
            await asyncio.to_thread(process.stop)
            await asyncio.to_thread(process.start)
        elif turn % 4 == 2 and place.disturbances:
            name, disturb = next(disturbances)
            faults[name] += await asyncio.to_thread(disturb)
        else:
            for follower in chance.sample(followers, 3):
                faults["clients cut off"] += 1
                follower.cut()
    return faults
