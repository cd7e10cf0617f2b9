"""`python -m tests.chaos.histories`: clients, writers and faults for a while, then the verdict.

Clients are cut off, read slowly, reconnect to another gateway and become other users. Gateways are killed, stopped and
paused. The log is pruned. Other programs write, and roll back some transactions. At the end, `checker` compares each
client's history with the whole change log, and its rows with SELECT.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.chaos.checker import judge
from tests.chaos.faults import Least, break_things
from tests.chaos.follower import Follower, Habit
from tests.chaos.gateways import Gateways, Sabotage, migrate
from tests.chaos.places import Place, PostgresPlace, SqlitePlace
from tests.chaos.queries import QUERIES
from tests.chaos.users import USERS, token
from tests.chaos.verdict import Verdict
from tests.chaos.writers import ForeignWriter, gateway_writer
from tests.support.postgres import PostgresServer

CATCH_UP_S = 120.0
PROGRAMS = 4


async def play(
    place: Place,
    folder: Path,
    seconds: float,
    seed: int,
    clients: int = 2 * len(QUERIES),
    sabotage: Sabotage | None = None,
    patience: float = CATCH_UP_S,
    least: Least | None = None,
) -> Verdict:
    """One history of at least `seconds`, reproducible by `seed` as far as processes and networks are."""
    # Debugging the clients' loop would make them, not the gateway, the slowest.
    asyncio.get_running_loop().set_debug(False)
    sabotage = sabotage or Sabotage()
    gateways = Gateways(place, folder, sabotage, seed)
    place.archive()
    if sabotage.sql:
        _execute(place, sabotage.sql)
    followers = list(itertools.islice(_followers(seed), clients))
    programs = [ForeignWriter(place, number, seed + number, pace=0.03) for number in range(PROGRAMS)]
    acknowledged: set[str] = set()
    try:
        await asyncio.to_thread(gateways.start)
        following = [asyncio.create_task(follower.follow(gateways.urls)) for follower in followers]
        writing = [
            asyncio.create_task(gateway_writer(gateways.urls, number, seed + number, proof, acknowledged))
            for number, proof in enumerate(map(token, map(USERS.__getitem__, ("ada", "bob", "clerk"))))
            if proof is not None
        ]
        for program in programs:
            program.start()
        try:
            chance = random.Random(seed)
            faults = await break_things(gateways, place, followers, chance, seconds, least or Least())
            for task in writing:
                task.cancel()
            await asyncio.gather(*(asyncio.to_thread(program.stop) for program in programs))
            broken = await _failures(writing)
            broken += await _left_behind(followers, place.head(), patience)
        finally:
            for task in (*following, *writing):
                task.cancel()
            await asyncio.gather(*(asyncio.to_thread(program.stop) for program in programs))
        broken += await _failures(following)
    finally:
        await asyncio.to_thread(gateways.stop)
    return _verdict(place, seed, followers, acknowledged, gateways.log(), faults, broken)


def _verdict(
    place: Place,
    seed: int,
    followers: list[Follower],
    acknowledged: set[str],
    log: str,
    faults: Counter[str],
    broken: list[str],
) -> Verdict:
    names = set(str(name) for (name,) in place.select("select email from users"))
    broken += [f"{name} was acknowledged and is gone" for name in acknowledged if f"{name}@example.com" not in names]
    faults["slow readers cut off"] = log.count("slow consumer")  # they do not read the close frame either
    faults["unavailable"] = sum(follower.unavailable for follower in followers)
    wrong, snapshots = judge(place, followers)
    return Verdict(
        database=place.name,
        seed=seed,
        followers=followers,
        changes=place.head(),
        acknowledged=len(acknowledged),
        faults=faults,
        snapshots=snapshots,
        violations=broken + wrong,
        log=log[-3000:],
    )


def _execute(place: Place, statement: str) -> None:
    program = place.program(0)
    program.execute(statement)
    program.close()


def _followers(seed: int) -> Iterator[Follower]:
    """Every combination of queries and habits. Of the clients of letters every second is restless, of the others every
    fifth.
    """
    for number, query, habit in zip(itertools.count(), itertools.cycle(QUERIES), itertools.cycle(Habit)):
        restless = number // len(QUERIES) % 2 == 1 if query.resource == "letters" else number % 5 == 4
        name = f"{query} #{number} ({habit.name.lower()}{', restless' if restless else ''})"
        yield Follower(name, query, random.Random(seed + number), habit, restless)


async def _failures(tasks: list[asyncio.Task[None]]) -> list[str]:
    """The errors of tasks that only a cancellation should end."""
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [repr(error) for error in ended if not isinstance(error, asyncio.CancelledError)]


async def _left_behind(followers: list[Follower], head: int, patience: float) -> list[str]:
    """The followers that do not reach `head` after the faults have ended."""
    for follower in followers:
        follower.calm_down()
    try:
        async with asyncio.timeout(patience):
            await asyncio.gather(*(follower.caught_up(head) for follower in followers))
    except TimeoutError:
        pass
    return [f"{follower.name} is stuck at {follower.copy.seq}" for follower in followers if not follower.has_all(head)]


@contextmanager
def _places(names: list[str], folder: Path, workers: int) -> Iterator[list[Place]]:
    with ExitStack() as stack:
        places: list[Place] = []
        if "sqlite" in names:
            places.append(SqlitePlace(folder / "tidegate.db", workers))
        if "postgresql" in names:
            server = PostgresServer()
            stack.callback(server.close)
            server.start()
            places.append(PostgresPlace(server.url(server.database()), workers))
        yield places


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things break on each (default: 60)")
    parser.add_argument("--seed", type=int, default=None, help="go through the same choices again")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default=None, help="only this one")
    parser.add_argument("--workers", type=int, default=1, help="of each gateway (default: 1)")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    names = ["sqlite", "postgresql"] if args.database is None else [args.database]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, _places(names, Path(folder), args.workers) as places:
        for place in places:
            here = Path(folder) / place.name
            here.mkdir()
            migrate(place.url)
            verdict = asyncio.run(play(place, here, args.seconds, seed))
            print(verdict, flush=True)
            wrong += len(verdict.violations)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
