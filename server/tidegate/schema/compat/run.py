"""Compares pairs of schemas, and collects the places where a value of one does not fit the other.

What an older client sends must fit the newer schema (`received=False`); what the newer gateway sends must fit the older
schema, as a client reads it (`received=True`). `narrow` has the values, `wide` must take them.
A pair of schemas that was met once counts as proven from then on: if it is not, its own fault is reported. So
recursion ends, and each fault is found once (a greatest fixed point, as in the subtyping of recursive types by Amadio
and Cardelli). A trial proves a pair without reporting; its assumptions are dropped if it fails.
This module does not know what the keywords say: `look` compares one pair.
Invariant: no fault means that the inclusion is proven, if `look` reports or requires what each keyword demands.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tidegate.schema.compat.facts import Facts
from tidegate.schema.compat.oracle import Oracle
from tidegate.schema.compat.parts import Equality, Part, Side, flat, inner_most
from tidegate.schema.compat.words import was_is

STEPS = 20_000
"""Pairs of schemas that one comparison looks at, trials included."""
TOO_LARGE = "the schemas are too large to compare: this may break clients"


@dataclass(frozen=True, slots=True)
class Fault:
    """A place where a value does not fit: `pointer` below `part`. Not `breaking`: worth a note."""

    breaking: bool
    part: Part
    pointer: str
    reason: str


class Comparison:
    """All inclusions of one direction between two folders."""

    def __init__(self, old: Side, new: Side, equality: Equality, look: Look, *, received: bool) -> None:
        self.old, self.new, self.received = old, new, received
        self.equality, self.look = equality, look
        self.oracle = Oracle(old if received else None)
        self.refuted: dict[object, tuple[Facts, Part]] = {}
        """Pairs of which a trial found a fault. A fault stays one, whatever else is assumed."""
        self.alone: dict[int | bool, Facts] = {}
        self.strict = False
        """Notes count as faults too."""
        self.steps = 0
        self._reversed: Comparison | None = None

    def faults(self, old: Part, new: Part) -> list[Fault]:
        """Where clients that were made for `old` meet what they cannot take, or can no longer send."""
        self.steps = 0
        narrow, wide = (new, old) if self.received else (old, new)
        run = Run(self, set(), trial=False)
        run.require(Facts([narrow]), wide)
        try:
            run.finish()
        except RecursionError:
            run.fault(new, TOO_LARGE)
        return run.found

    def reversed(self) -> Comparison:
        """The comparison that asks whether the newer schema has only values of the older one."""
        if self._reversed is None:
            self._reversed = Comparison(self.new, self.old, self.equality, self.look, received=False)
            self._reversed.strict = True
        return self._reversed


class _Refuted(Exception):
    """A trial found a fault."""


class Run:
    """One walk through pairs of schemas."""

    def __init__(self, comparison: Comparison, assumed: set[object], *, trial: bool) -> None:
        self.comparison = comparison
        self.received = comparison.received
        self.oracle, self.equality = comparison.oracle, comparison.equality
        self.found: list[Fault] = []
        self._assumed = assumed
        self._todo: deque[tuple[Facts, Part]] = deque()
        self._trial = trial
        self._kept: list[tuple[Facts, Part]] = []
        """Keeps the pairs alive whose tokens are in `_assumed`."""

    def alone(self, part: Part) -> Facts:
        """The facts of a single part."""
        known = self.comparison.alone.get(part.token)
        return known or self.comparison.alone.setdefault(part.token, Facts([part]))

    def require(self, facts: Facts, wide: Part) -> None:
        """Values of `facts` must fit `wide`."""
        key = (facts.key, wide.token)
        if key not in self._assumed:
            self._assumed.add(key)
            self._kept.append((facts, wide))
            self._todo.append((facts, wide))

    def look(self, facts: Facts, piece: Part) -> None:
        """Compare now, as a part of the pair that is looked at."""
        key = (facts.key, piece.token, "piece")
        if key not in self._assumed:
            self._assumed.add(key)
            self._kept.append((facts, piece))
            self.comparison.look(self, facts, piece)

    def finish(self) -> None:
        """Look at all required pairs. A trial ends with `_Refuted` at the first fault."""
        while self._todo:
            facts, wide = self._todo.popleft()
            self.comparison.steps += 1
            if self.comparison.steps > STEPS:
                self.fault(wide, TOO_LARGE)
                self._todo.clear()
                return
            for piece in flat([wide]):
                self.look(facts, piece)

    def proven(self, facts: Facts, wide: Part) -> bool:
        """Whether values of `facts` surely fit `wide`."""
        key = (facts.key, wide.token)
        if key in self._assumed:
            return True
        if key in self.comparison.refuted:
            return False
        trial = Run(self.comparison, set(self._assumed), trial=True)
        try:
            trial.require(facts, wide)
            trial.finish()
        except _Refuted:
            self.comparison.refuted[key] = facts, wide
            return False
        self.found += trial.found
        self._assumed |= trial._assumed
        self._kept += trial._kept
        return True

    def reaches_back(self, wide: Part, narrow: Part) -> bool:
        """Whether `wide` surely has only values that fit `narrow`."""
        return Run(self.comparison.reversed(), set(), trial=False).proven(Facts([wide]), narrow)

    def fault(self, part: Part, reason: str, pointer: str = "", *, breaking: bool = True) -> None:
        """Report a fault, or end the trial."""
        if self._trial and (breaking or self.comparison.strict):
            raise _Refuted
        self.found.append(Fault(breaking, part, pointer, reason))

    def fault_of(self, facts: Facts, piece: Part, word: str) -> None:
        """Report that the keyword `word` became narrower for what clients send, or wider for what they receive."""
        self.fault(self.place(facts, piece, word), was_is(facts, piece, word, received=self.received))

    def place(self, facts: Facts, piece: Part, word: str = "") -> Part:
        """The newer schema of the pair, where `word` stands if it does."""
        if not self.received or not facts.parts:
            return piece
        own = [part for part in facts.parts if word in part.words]
        own += [part for part in facts.parts if part.demands]
        return own[0] if own else inner_most(facts.parts[0])


Look = Callable[[Run, Facts, Part], None]
"""Compares the values of some facts with one schema, references and `allOf` aside: reports faults, requires pairs."""
