"""`python -m tests.chaos.rooms.run`: clients of rooms on real gateways, faults of a real engine for a while, a verdict.

The clients and the judge are those of the simulation (tests/simulate/rooms): no gap that is not told, no duplicate, one
message for one position, everything acknowledged in the history unless its epoch ended, and in the end exactly those
present who are.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.chaos.rooms.lines import RealClock, RealLine
from tests.chaos.rooms.places import Place, PostgresPlace, RedisPlace, WorkersPlace
from tests.simulate.rooms.client import RoomClient
from tests.simulate.rooms.ending import check, settle
from tests.simulate.rooms.history import ROOMS, SETTLE_S, USERS
from tests.simulate.rooms.judge import RoomJudge
from tests.support.postgres import started

CLIENTS = 12
QUIET_S = (0.5, 3.0, 8.0)
"""Between two faults."""
PROGRESS_S = 30.0


class Played:
    """What came of one history."""

    def __init__(self, place: str, judge: RoomJudge, faults: Counter[str]) -> None:
        self.place = place
        self.judge = judge
        self.faults = faults

    def __str__(self) -> str:
        judge = self.judge
        faults = ", ".join(f"{count} x {name}" for name, count in sorted(self.faults.items()))
        lines = [
            f"{self.place}: {judge.heard} messages heard, {len(judge.acknowledged)} acknowledged; "
            f"violations: {len(judge.violations)}; faults: {faults}"
        ]
        return "\n".join([*lines, *(f"  {whose}: {what}" for whose, what in judge.violations[:10])])


async def play(place: Place, seconds: float, chance: random.Random, only: str = "") -> Played:
    """`only`: a word that the names of the faults have."""
    judge, faults, clock = RoomJudge(), Counter[str](), RealClock()
    tokens: dict[str, str] = {}

    def dial(client: RoomClient) -> RealLine | None:
        urls = place.urls
        if not urls:
            return None
        return RealLine(chance.choice(urls), tokens.__getitem__, client.hear, client.closed)

    try:
        await place.open()
        tokens |= {user: place.token(user) for user in USERS}
        clients = [
            RoomClient(f"client {number}", chance.choice(USERS), clock, chance, judge, dial)
            for number in range(CLIENTS)
        ]
        for client in clients:
            client.begin()
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        trouble = asyncio.create_task(_trouble(place, chance, faults, end, only))
        told = loop.time()
        while not trouble.done():
            await asyncio.sleep(chance.choice((0.001, 0.01, 0.05)))
            chance.choice(clients).act(chance.choice(ROOMS))
            if loop.time() - told > PROGRESS_S:
                told = loop.time()
                print(f"{place.name}: {end - told:.0f} s to go, {judge.heard} heard, {sum(faults.values())} faults")
        await trouble
        await place.heal()
        await asyncio.sleep(SETTLE_S)
        await settle(clients, judge)
        await check(clients, judge)
        if judge.violations:
            whose = judge.violations[0][0]
            print(next(client.trace for client in clients if client.name == whose))
        for client in clients:
            client.retire()
    finally:
        await place.close()
    return Played(place.name, judge, faults)


async def _trouble(place: Place, chance: random.Random, faults: Counter[str], end: float, only: str) -> None:
    """One fault after the other."""
    loop = asyncio.get_running_loop()
    known = {name: fault for name, fault in place.faults.items() if only in name}
    while True:
        await asyncio.sleep(chance.choice(QUIET_S) * chance.random())
        if loop.time() > end:
            return
        name = chance.choice(list(known))
        faults[name] += 1
        await known[name]()


@contextmanager
def places(engine: str, folder: Path, chance: random.Random) -> Iterator[Callable[[], Place]]:
    """Makes the place of an engine; its server of PostgreSQL ends with the block."""
    if engine == "postgresql":
        with started() as server:
            yield lambda: PostgresPlace(folder, chance, server)
    elif engine == "workers":
        yield lambda: WorkersPlace(folder, chance)
    else:
        yield lambda: RedisPlace(folder, chance, "redis" if engine == "redis" else "valkey")


ENGINES = ("valkey", "redis", "postgresql", "workers")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long faults strike, for each engine (60)")
    parser.add_argument("--engine", choices=ENGINES, action="append", help="only these (default: all)")
    parser.add_argument("--seed", type=int, default=None, help="what chance decides first")
    parser.add_argument("--fault", default="", help="only faults whose name has this word")
    args = parser.parse_args()
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    wrong = False
    for engine in args.engine or ENGINES:
        chance = random.Random(seed)
        with tempfile.TemporaryDirectory() as folder, places(engine, Path(folder), chance) as make:
            played = asyncio.run(play(make(), args.seconds, chance, args.fault))
        print(f"seed {seed}; {played}", flush=True)
        wrong = wrong or bool(played.judge.violations)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
