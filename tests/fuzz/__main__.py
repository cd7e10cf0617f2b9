"""`python -m tests.fuzz`: gives the readers of the gateway millions of broken inputs, and says what they do wrong.

The inputs of the corpus (tests/fuzz/corpus) are tried first, then mutations of them. A target ends at its first
violation, whose input is printed, and kept in the corpus with --keep; the exit code is 1 then.
"""

from __future__ import annotations

import argparse
import random
import sys

from tests.fuzz import frames, heads, messages, proxies, settings, tokens
from tests.fuzz.campaign import play
from tests.fuzz.target import keep

EVERY = (frames.TARGET, messages.TARGET, heads.TARGET, proxies.TARGET, tokens.TARGET, settings.TARGET)
TARGETS = {target.name: target for target in EVERY}


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz",
        description=__doc__,
        epilog="example: python -m tests.fuzz --minutes 10 --target frames --keep",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--minutes", type=float, default=2.0, help="how long, all targets together (default: 2)")
    parser.add_argument("--target", choices=TARGETS, help="only this target")
    parser.add_argument("--seed", type=int, help="repeat a run; it is printed")
    parser.add_argument("--keep", action="store_true", help="keep inputs with new outcomes in the corpus")
    args = parser.parse_args()
    chosen = [TARGETS[args.target]] if args.target else list(TARGETS.values())
    seed = random.SystemRandom().randrange(1 << 32) if args.seed is None else args.seed
    print(f"seed {seed}", flush=True)
    failed = False
    for target in chosen:
        head = f"{target.name:<10}"

        def tick(tried: int, outcomes: int, head: str = head) -> None:
            print(f"\r{head} {tried:>9,} inputs {outcomes:>6,} outcomes", end="", flush=True)

        found = play(target, seed, args.minutes * 60 / len(chosen), tick)
        print(f"\r{head} {found.tried:>9,} inputs {found.outcomes:>6,} outcomes, {len(found.new)} of them new")
        if args.keep:
            keep(target.name, found.new + ([found.violation[0]] if found.violation else []))
        if found.violation is not None:
            failed = True
            print(f"VIOLATION by the input {found.violation[0].hex()}\n{found.violation[1]}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
