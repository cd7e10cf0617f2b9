"""`python -m tests.simulate.run`: histories for a while, each from the next seed; a violation shows the seed."""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time

from tests.simulate.history import Outcome, play

SHOWN = 5


def simulate(seconds: float, seed: int, until_violation: bool = False) -> tuple[int, list[Outcome], int, int]:
    """How many histories were played in `seconds`, those that went wrong, and all their steps and changes."""
    end, count, steps, changes = time.monotonic() + seconds, 0, 0, 0
    wrong: list[Outcome] = []
    enabled = gc.isenabled()
    play(seed)  # what is made once
    gc.collect()
    gc.freeze()  # it need not be walked again and again
    gc.disable()
    try:
        while time.monotonic() < end:
            outcome = play(seed + count)
            count += 1
            steps += outcome.steps
            changes += outcome.changes
            if outcome.violations:
                wrong.append(outcome)
                if until_violation:
                    break
            if count % 100 == 0:
                gc.collect()
    finally:
        gc.unfreeze()
        if enabled:
            gc.enable()
    return count, wrong, steps, changes


def report(outcome: Outcome) -> str:
    """What went wrong, and how to see it again."""
    lines = [f"seed {outcome.seed}: {len(outcome.violations)} violations; again with SECONDS=0 SEED={outcome.seed}"]
    lines += [f"  {violation[:600]}" for violation in outcome.violations[:SHOWN]]
    return "\n".join([*lines, outcome.trace])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60); 0: the seed alone")
    parser.add_argument("--seed", type=int, default=None, help="the first seed")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    if args.seconds == 0:
        outcome = play(seed)
        count, wrong, steps, changes = 1, [outcome] if outcome.violations else [], outcome.steps, outcome.changes
    else:
        count, wrong, steps, changes = simulate(args.seconds, seed)
    for outcome in wrong[:SHOWN]:
        print(report(outcome))
    print(
        f"{count} histories from seed {seed}, {steps} steps, {changes} changes; "
        f"violations in {len(wrong)}{': seeds ' + ', '.join(str(o.seed) for o in wrong[:20]) if wrong else ''}"
    )
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
