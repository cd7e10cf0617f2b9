"""`python -m tests.twin`: every family on both databases, seed after seed, for a while. Prints counts by family.

A difference is printed with its seed and with the statements that lead to it.
"""

from __future__ import annotations

import argparse
import itertools
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path

from tests.support.postgres import PostgresServer
from tests.twin.families import FAMILIES
from tests.twin.statements import Difference, Family
from tests.twin.twin import Twin, opened

EPISODES = 25
"""Of one seed."""


def play(family: Family, folder: Path, server: PostgresServer | None, seed: int, counts: Counter[str]) -> str:
    """What differs, or an empty text."""
    name = f"{family.name} on {family.database}"
    try:
        with opened([family], folder, server) as twin:
            try:
                twin.play(family, seed, EPISODES)
            finally:
                _count(twin, name, counts)
    except Difference as difference:
        return f"{name}, seed {seed}: {difference}"
    return ""


def _count(twin: Twin, name: str, counts: Counter[str]) -> None:
    counts[f"{name}: statements"] += twin.pair.compared
    counts[f"{name}: of them refused by both"] += twin.pair.refused
    counts[f"{name}: checks of the live copy"] += twin.checks
    counts[f"{name}: times that the gateway said it cannot go on"] += twin.told


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to go on (default: 60)")
    parser.add_argument("--seed", type=int, default=None, help="only this seed, once")
    parser.add_argument("--family", default=None, help="only this family")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default=None, help="only this database")
    args = parser.parse_args()
    chosen = [
        family for family in FAMILIES if args.family in {None, family.name} and args.database in {None, family.database}
    ]
    first = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    counts: Counter[str] = Counter()
    differences: list[str] = []
    ends = time.monotonic() + args.seconds
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        server = None
        if any(family.database == "postgresql" for family in chosen):
            server = PostgresServer()
            stack.callback(server.close)
            server.start()
        for seed in itertools.count(first):
            for family in chosen:
                if time.monotonic() < ends and (found := play(family, Path(folder), server, seed, counts)):
                    differences.append(found)
                    print(found, flush=True)
            if args.seed is not None or time.monotonic() >= ends:
                break
    for name, count in sorted(counts.items()):
        print(f"{name}: {count}")
    print(f"{len(differences)} differences, from seed {first} on")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
