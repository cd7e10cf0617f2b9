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
import time
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.checker import violations
from tests.chaos.follower import Follower
from tests.chaos.wishes import WISHES
from tests.chaos.writers import ForeignWriter, gateway_writer
from tests.support.gateway import GatewayProcess, tidegate

CATCH_UP_S = 30.0


@dataclass
class Verdict:
    """What happened, and what was wrong with it."""

    seed: int
    clients: int
    connections: int
    recoveries: int
    changes: int
    updates: int
    acknowledged: int
    faults: dict[str, int]
    violations: list[str]

    def __str__(self) -> str:
        faults = ", ".join(f"{count} {name}" for name, count in self.faults.items())
        lines = [
            f"seed {self.seed}: {self.clients} clients over {self.connections} connections "
            f"({self.recoveries} recoveries), {self.changes} changes, {self.updates} updates heard, "
            f"{self.acknowledged} writes acknowledged; faults: {faults}; violations: {len(self.violations)}"
        ]
        return "\n".join(lines + [f"  {violation}" for violation in self.violations[:20]])


async def play(
    folder: Path,
    seconds: float,
    seed: int,
    clients: int = 22,
    environment: dict[str, str] | None = None,
    patience: float = CATCH_UP_S,
) -> Verdict:
    """One history of `seconds`, reproducible by `seed` as far as processes and networks are."""
    chance = random.Random(seed)
    process = GatewayProcess(folder, "--dev", environment={"TIDEGATE_HEARTBEAT": "1", **(environment or {})})
    process.migrate("--seed")
    process.start()
    followers = [
        Follower(f"{wish.resource} {wish.filters} #{number}", wish, random.Random(seed + number), slow=number % 5 == 0)
        for number, wish in zip(range(clients), itertools.cycle(WISHES), strict=False)
    ]
    foreign = [ForeignWriter(process.database_file, number, seed + number, pace=0.03) for number in range(3)]
    acknowledged: set[str] = set()
    following = [asyncio.create_task(follower.follow(process.url)) for follower in followers]
    token = tidegate("token", "--dev", "--user", "1", cwd=folder).stdout.strip()
    writing = [asyncio.create_task(gateway_writer(process.url, n, seed + n, token, acknowledged)) for n in range(3)]
    for writer in foreign:
        writer.start()
    try:
        faults = await _break_things(process, followers, chance, seconds)
        for task in writing:
            task.cancel()
        await asyncio.gather(*(asyncio.to_thread(writer.stop) for writer in foreign))
        ended = await asyncio.gather(*writing, return_exceptions=True)
        broken = [str(error) for error in ended if not isinstance(error, asyncio.CancelledError)]
        ((head,),) = process.select("select max(seq) from tidegate_log")
        try:
            async with asyncio.timeout(patience):
                await asyncio.gather(*(follower.caught_up(int(str(head))) for follower in followers))
        except TimeoutError:
            broken += [
                f"{follower.name} is stuck at {follower.seq}" for follower in followers if follower.seq < int(str(head))
            ]
    finally:
        for task in (*following, *writing):
            task.cancel()
        ended = await asyncio.gather(*following, return_exceptions=True)
        for writer in foreign:
            writer.stop()
        process.stop()
    broken += [repr(error) for error in ended if not isinstance(error, asyncio.CancelledError)]
    names = {str(name) for (name,) in process.select("select email from users")}
    broken += [f"{name} was acknowledged and is gone" for name in acknowledged if f"{name}@example.com" not in names]
    return Verdict(
        seed=seed,
        clients=clients,
        connections=sum(follower.connections for follower in followers),
        recoveries=sum(follower.recoveries for follower in followers),
        changes=int(str(head)),
        updates=sum(len(run.updates) for follower in followers for run in follower.runs),
        acknowledged=len(acknowledged),
        faults=faults,
        violations=broken + violations(process, followers),
    )


async def _break_things(
    process: GatewayProcess, followers: list[Follower], chance: random.Random, seconds: float
) -> dict[str, int]:
    """Faults until the time is over; the gateway runs when it returns."""
    faults = {"clients cut off": 0, "kill -9": 0, "restarts": 0}
    end = time.monotonic() + seconds
    for turn in itertools.count(1):
        if time.monotonic() > end:
            break
        await asyncio.sleep(0.1 + 0.4 * chance.random())
        if turn % 10 == 4:
            faults["kill -9"] += 1
            await asyncio.to_thread(process.kill)
            await asyncio.to_thread(process.start)
        elif turn % 10 == 8:
            faults["restarts"] += 1
            await asyncio.to_thread(process.stop)
            await asyncio.to_thread(process.start)
        else:
            for follower in chance.sample(followers, 3):
                faults["clients cut off"] += 1
                follower.cut()
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long things break (default: 60)")
    parser.add_argument("--seed", type=int, default=None, help="go through the same choices again")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    with tempfile.TemporaryDirectory() as folder:
        verdict = asyncio.run(play(Path(folder), args.seconds, seed))
    print(verdict)
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
