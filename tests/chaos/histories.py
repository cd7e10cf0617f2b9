"""`python -m tests.chaos.histories`: clients, writers and faults for a while, then the verdict.

Clients are cut off, read slowly and come back; the gateway is killed, stopped and started; programs write beside it,
with transactions that are rolled back. In the end everybody's history is held against the change log and everybody's
rows against SELECT.
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
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.chaos.checker import violations
from tests.chaos.faults import break_things
from tests.chaos.follower import Follower, Habit
from tests.chaos.places import Place, PostgresPlace, SqlitePlace
from tests.chaos.wishes import ROLES, WISHES
from tests.chaos.writers import ForeignWriter, gateway_writer
from tests.support.gateway import GatewayProcess, tidegate
from tests.support.postgres import PostgresServer

SCHEMA = Path(__file__).parent / "schema"
CATCH_UP_S = 60.0
PROGRAMS = 4


@dataclass
class Verdict:
    """What happened, and what was wrong with it."""

    database: str
    seed: int
    clients: int
    connections: int
    recoveries: int
    resubscriptions: int
    changes: int
    updates: int
    acknowledged: int
    faults: Counter[str]
    violations: list[str]
    log: str
    """How the gateway's log ends."""

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in self.faults.items())
        lines = [
            f"{self.database}, seed {self.seed}: {self.clients} clients over {self.connections} connections "
            f"({self.recoveries} recoveries, {self.resubscriptions} resubscriptions), {self.changes} changes, "
            f"{self.updates} updates heard, {self.acknowledged} writes acknowledged; faults: {faults}; "
            f"violations: {len(self.violations)}"
        ]
        if self.violations:
            lines += [f"  {violation[:1000]}" for violation in self.violations[:20]] + [self.log]
        return "\n".join(lines)


@dataclass
class Sabotage:
    """A fault that is put into the product on purpose: Python code for the gateway, or SQL for its database."""

    python: str = ""
    sql: str = ""


async def play(
    place: Place,
    folder: Path,
    seconds: float,
    seed: int,
    clients: int = 2 * len(WISHES),
    sabotage: Sabotage | None = None,
    patience: float = CATCH_UP_S,
) -> Verdict:
    """One history of `seconds`, reproducible by `seed` as far as processes and networks are."""
    # Debugging the clients' loop would make them, not the gateway, the slowest.
    asyncio.get_running_loop().set_debug(False)
    process = _gateway(place, folder, sabotage or Sabotage())
    tokens = await asyncio.gather(*(asyncio.to_thread(_token, user) for user in ROLES))
    token_of = dict(zip(ROLES, tokens, strict=True))
    followers = [
        Follower(
            f"{wish} #{number} ({habit.name.lower()})",
            wish,
            random.Random(seed + number),
            habit,
            token_of[wish.user] if wish.user else None,
        )
        for number, wish, habit in zip(range(clients), itertools.cycle(WISHES), _habits(), strict=False)
    ]
    programs = [ForeignWriter(place, number, seed + number, pace=0.03) for number in range(PROGRAMS)]
    acknowledged: set[str] = set()
    following = [asyncio.create_task(follower.follow(process.url)) for follower in followers]
    writing = [asyncio.create_task(gateway_writer(process.url, n, seed + n, tokens[n], acknowledged)) for n in range(3)]
    for program in programs:
        program.start()
    try:
        faults = await break_things(process, place, followers, random.Random(seed), seconds)
        for task in writing:
            task.cancel()
        await asyncio.gather(*(asyncio.to_thread(program.stop) for program in programs))
        broken = await _failures(writing)
        broken += await _left_behind(followers, place.head(), patience)
    finally:
        for task in (*following, *writing):
            task.cancel()
        await asyncio.gather(*(asyncio.to_thread(program.stop) for program in programs))
        await asyncio.to_thread(process.stop)
    broken += await _failures(following)
    names = {str(name) for (name,) in place.select("select email from users")}
    broken += [f"{name} was acknowledged and is gone" for name in acknowledged if f"{name}@example.com" not in names]
    log = process.log_file.read_text()
    faults["slow readers cut off"] = log.count("slow consumer")  # they do not read the close frame, either
    return Verdict(
        database=place.name,
        seed=seed,
        clients=clients,
        connections=sum(follower.connections for follower in followers),
        recoveries=sum(follower.recoveries for follower in followers),
        resubscriptions=sum(follower.returns for follower in followers),
        changes=place.head(),
        updates=sum(len(run.updates) for follower in followers for run in follower.runs),
        acknowledged=len(acknowledged),
        faults=faults,
        violations=broken + violations(place, followers),
        log=log[-3000:],
    )


def _gateway(place: Place, folder: Path, sabotage: Sabotage) -> GatewayProcess:
    """A running gateway over a database that `migrate` made."""
    # Python imports a module of this name by itself when it starts.
    (folder / "sitecustomize.py").write_text(sabotage.python)
    environment = {"TIDEGATE_HEARTBEAT": "1", "TIDEGATE_GRACEFUL_STOP": "1", "PYTHONPATH": str(folder)}
    process = GatewayProcess(folder, "--dev", *_options(place.url), environment=environment)
    if sabotage.sql:
        program = place.program(0)
        program.execute(sabotage.sql)
        program.close()
    process.start()
    return process


def migrate(url: str, folder: Path) -> None:
    """Give the database the tables of a history."""
    GatewayProcess(folder).migrate("--seed", *_options(url))


def _options(url: str) -> tuple[str, ...]:
    return "--schema", str(SCHEMA), "--database", url


@cache
def _token(user: str) -> str:
    roles = [option for role in ROLES[user] for option in ("--role", role)]
    return tidegate("token", "--dev", "--user", user, *roles, cwd=SCHEMA).stdout.strip()


def _habits() -> Iterator[Habit]:
    """Wishes and habits come around at different times, so that each meets each."""
    return itertools.cycle((Habit.FAITHFUL, Habit.SLOW, Habit.FICKLE, Habit.NOSTALGIC))


async def _failures(tasks: list[asyncio.Task[None]]) -> list[str]:
    """Of tasks that nothing but their cancellation ends."""
    ended = await asyncio.gather(*tasks, return_exceptions=True)
    return [repr(error) for error in ended if not isinstance(error, asyncio.CancelledError)]


async def _left_behind(followers: list[Follower], head: int, patience: float) -> list[str]:
    """Those who do not come to `head` although nothing breaks any more."""
    for follower in followers:
        follower.calm_down()
    try:
        async with asyncio.timeout(patience):
            await asyncio.gather(*(follower.caught_up(head) for follower in followers))
    except TimeoutError:
        pass
    return [f"{follower.name} is stuck at {follower.seq}" for follower in followers if follower.seq < head]


@contextmanager
def _places(names: list[str], folder: Path) -> Iterator[list[Place]]:
    with ExitStack() as stack:
        places: list[Place] = []
        if "sqlite" in names:
            places.append(SqlitePlace(folder / "tidegate.db"))
        if "postgresql" in names:
            server = PostgresServer()
            stack.callback(server.close)
            server.start()
            places.append(PostgresPlace(server.url(server.database())))
        yield places


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things break on each (default: 60)")
    parser.add_argument("--seed", type=int, default=None, help="go through the same choices again")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default=None, help="only this one")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    names = ["sqlite", "postgresql"] if args.database is None else [args.database]
    wrong = 0
    with tempfile.TemporaryDirectory() as folder, _places(names, Path(folder)) as places:
        for place in places:
            here = Path(folder) / place.name
            here.mkdir()
            migrate(place.url, here)
            verdict = asyncio.run(play(place, here, args.seconds, seed))
            print(verdict, flush=True)
            wrong += len(verdict.violations)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
