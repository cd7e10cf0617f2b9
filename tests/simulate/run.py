"""`python -m tests.simulate.run`: histories of rows, of rooms and of their rules for a while, each from the next seed.

A violation is shown with its seed when it is found, and how far it is every 30 seconds.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tests.simulate import history
from tests.simulate.access import history as access
from tests.simulate.history import Outcome
from tests.simulate.rooms import history as rooms

SHOWN = 5
PROGRESS_S = 30.0
KINDS: dict[str, Callable[[int], Outcome]] = {"rows": history.play, "rooms": rooms.play, "access": access.play}
"""What a seed of each kind plays."""


@dataclass
class Played:
    """What a number of histories came to."""

    kind: str
    seed: int
    histories: int = 0
    steps: int = 0
    callbacks: int = 0
    changes: int = 0
    messages: int = 0
    cpu: float = 0.0
    violations: int = 0
    wrong: list[Outcome] = field(default_factory=list)
    """Those with violations; their traces are kept of the first SHOWN alone."""

    def add(self, outcome: Outcome) -> None:
        self.histories += 1
        self.steps += outcome.steps
        self.callbacks += outcome.callbacks
        self.changes += outcome.changes
        self.messages += outcome.messages
        if outcome.violations:
            self.violations += len(outcome.violations)
            if len(self.wrong) >= SHOWN:
                outcome.trace, outcome.violations = "", outcome.violations[:1]
            self.wrong.append(outcome)

    @property
    def progress(self) -> str:
        return f"{self.histories} histories of {self.kind} so far, violations: {self.violations}"

    def __str__(self) -> str:
        lines = [
            f"{self.histories} histories of {self.kind} from seed {self.seed} "
            f"({self.histories / max(self.cpu, 0.001):.0f} a second of CPU), {self.steps} steps, "
            f"{self.callbacks} callbacks, {self.changes} changes, {self.messages} messages heard; "
            f"violations: {self.violations}"
        ]
        lines += [shown(outcome, self.kind) for outcome in self.wrong[:SHOWN]]
        if len(self.wrong) > SHOWN:
            lines.append(f"more seeds: {', '.join(str(outcome.seed) for outcome in self.wrong[SHOWN:][:50])}")
        return "\n".join(lines)


def shown(outcome: Outcome, kind: str) -> str:
    """A history with violations, for a person."""
    lines = [f"seed {outcome.seed}; again: make simulate SECONDS=0 KIND={kind} SEED={outcome.seed}"]
    lines += [f"  {violation[:600]}" for violation in outcome.violations[:SHOWN]]
    return "\n".join([*lines, outcome.trace])


def simulate(
    seconds: float,
    seed: int,
    histories: int = 1,
    kind: str = "rows",
    tell: Callable[[str], object] = lambda text: None,
) -> Played:
    """Histories for `seconds`, at least so many. `tell` gets each violation at once, and how far it is."""
    played, play = Played(kind, seed), KINDS[kind]
    enabled = gc.isenabled()
    play(seed)  # what is made once
    gc.collect()
    gc.freeze()  # no collection has to walk it again
    gc.disable()
    began, end, due = time.process_time(), time.monotonic() + seconds, time.monotonic() + PROGRESS_S
    try:
        while played.histories < histories or time.monotonic() < end:
            outcome = play(seed + played.histories)
            if outcome.violations:
                tell(shown(outcome, kind))
            played.add(outcome)
            if time.monotonic() >= due:
                due = time.monotonic() + PROGRESS_S
                tell(played.progress)
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
    parser.add_argument(
        "--kind", choices=sorted(KINDS), help="histories of one kind only (default: an equal part of the time each)"
    )
    args = parser.parse_args()
    if os.environ.get("PYTHONHASHSEED") != "0":  # the order of a set is part of what a seed repeats
        again = [sys.executable, "-m", "tests.simulate.run", *sys.argv[1:]]
        os.execve(sys.executable, again, {**os.environ, "PYTHONHASHSEED": "0"})
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    kinds = [args.kind] if args.kind else list(KINDS)
    wrong = False
    for kind in kinds:
        played = simulate(args.seconds / len(kinds), seed, kind=kind, tell=partial(print, flush=True))
        print(played, flush=True)
        wrong = wrong or bool(played.wrong)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
