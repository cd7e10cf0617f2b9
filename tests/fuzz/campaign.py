"""One target for a while: inputs with a new outcome are kept and mutated further."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from tests.fuzz.mutation import Mutator
from tests.fuzz.target import Run, Target, kept


class Found(NamedTuple):
    """`violation`: the input for which what must hold does not, and how that shows; None if there is none."""

    tried: int
    new: list[bytes]
    """Inputs with outcomes that no input of the corpus has."""
    outcomes: int
    violation: tuple[bytes, str] | None


def play(
    target: Target, seed: int, seconds: float, tick: Callable[[int, int], None] = lambda tried, outcomes: None
) -> Found:
    """Try mutated inputs for `seconds`; `tick` is told how many, about once a second."""
    with target.make() as run:
        return _play(target, run, seed, seconds, tick)


def _play(target: Target, run: Run, seed: int, seconds: float, tick: Callable[[int, int], None]) -> Found:
    seen: set[str] = set()
    known = [*target.seeds, *kept(target.name)]
    for data in known:
        try:
            seen.add(run(data))
        except Exception:  # the boundary: whatever an input causes is what is looked for
            return Found(1, [], len(seen), (data, traceback.format_exc()))
    mutator, new, tried = Mutator(seed, target.words), list[bytes](), 0
    told = time.monotonic()
    end = told + seconds
    while (now := time.monotonic()) < end:
        if now - told >= 1:
            told = now
            tick(tried, len(seen))
        data = mutator.mutated(known)
        tried += 1
        try:
            outcome = run(data)
        except Exception:  # the boundary, as above
            return Found(tried, new, len(seen), (data, traceback.format_exc()))
        if outcome not in seen:
            seen.add(outcome)
            known.append(data)
            new.append(data)
    return Found(tried, new, len(seen), None)
