"""`python -m tests.simulate.run`: histories for a while, each from the next seed; a violation shows the seed."""

from __future__ import annotations

import argparse
import gc
import random
import sys
import time
from dataclasses import dataclass, field

from tests.simulate.history import Outcome, play

SHOWN = 5


@dataclass
class Played:
    """What a number of histories came to."""

    seed: int
    histories: int = 0
    steps: int = 0
    callbacks: int = 0
    changes: int = 0
    messages: int = 0
    cpu: float = 0.0
    wrong: list[Outcome] = field(default_factory=list)
    """Those with violations."""

    def add(self, outcome: Outcome) -> None:
        self.histories += 1
        self.steps += outcome.steps
        self.callbacks += outcome.callbacks
        self.changes += outcome.changes
        self.messages += outcome.messages
        if outcome.violations:
            self.wrong.append(outcome)

    def __str__(self) -> str:
        lines = [
            f"{self.histories} histories from seed {self.seed} "
            f"({self.histories / max(self.cpu, 0.001):.0f} a second of CPU), {self.steps} steps, "
            f"{self.callbacks} callbacks, {self.changes} changes, {self.messages} messages heard; "
            f"violations: {sum(len(outcome.violations) for outcome in self.wrong)}"
        ]
        for outcome in self.wrong[:SHOWN]:
            lines.append(f"seed {outcome.seed}; again: make simulate SECONDS=0 SEED={outcome.seed}")
            lines += [f"  {violation[:600]}" for violation in outcome.violations[:SHOWN]]
            lines.append(outcome.trace)
        if len(self.wrong) > SHOWN:
            lines.append(f"more seeds: {', '.join(str(outcome.seed) for outcome in self.wrong[SHOWN:][:50])}")
        return "\n".join(lines)


def simulate(seconds: float, seed: int, histories: int = 1) -> Played:
    """Histories for `seconds`, at least so many."""
    played = Played(seed)
    enabled = gc.isenabled()
    play(seed)  # what is made once
    gc.collect()
    gc.freeze()  # no collection has to walk it again
    gc.disable()
    began, end = time.process_time(), time.monotonic() + seconds
    try:
        while played.histories < histories or time.monotonic() < end:
            played.add(play(seed + played.histories))
            if played.histories % 100 == 0:
                gc.collect()
    finally:
        played.cpu = time.process_time() - began
        gc.unfreeze()
        if enabled:
            gc.enable()
    return played


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long (default: 60); 0: one history")
    parser.add_argument("--seed", type=int, default=None, help="the first seed")
    args = parser.parse_args()
    played = simulate(args.seconds, args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32))
    print(played)
    return 1 if played.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
