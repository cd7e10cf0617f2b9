"""Runs the net: applications of random schemas, each generated, imported, checked and filled with payloads.

Invariant: the same seed and numbers try the same schemas, unless `check` or the maker of schemas changed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.contract.generated_applications.application import TOOLS, Application, Failure, problems
from tests.contract.generated_applications.halves import culprits, smaller
from tests.contract.generated_applications.schemas import Case, case_of

SIZE = 30
"""So many schemas make an application."""


@dataclass
class Told:
    """What a run came to."""

    seed: int
    schemas: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    """Schemas that `check` refused, by reason."""
    payloads: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        refused = self.refused.total()
        lines = [
            f"{self.schemas} schemas from seed {self.seed}: {self.payloads['accepted']} payloads accepted and "
            f"{self.payloads['refused']} refused by Python jsonschema; {len(self.failures)} failures",
            f"`check` refused {refused} more schemas ({refused / max(1, refused + self.schemas):.0%}):",
            *(f"  {count} {reason}" for reason, count in self.refused.most_common()),
            *self.failures,
        ]
        return "\n".join(lines)


def run(seed: int, schemas: int, folder: Path, tools: Collection[str] = TOOLS, shrink: bool = True) -> Told:
    """Try so many schemas, `SIZE` an application."""
    told = Told(seed)
    source = fitting(seed, folder / "checked", told)
    while told.schemas < schemas:
        cases = together(source, min(SIZE, schemas - told.schemas))
        told.schemas += len(cases)
        here = folder / f"app{told.schemas}"
        application = Application(cases, here)
        found = [*application.failures(tools)]
        told.payloads.update(application.judged)
        told.failures += [*_explained(cases, found, here, shrink)]
    return told


def together(source: Iterator[Case], count: int) -> list[Case]:
    """The next cases that one application can have together."""
    cases, titles = list[Case](), set[str]()
    while len(cases) < count:
        case = next(source)
        if not titles & case.titles:
            titles |= case.titles
            cases.append(case)
    return cases


def fitting(seed: int, folder: Path, told: Told) -> Iterator[Case]:
    """The schemas that `check` lets pass, from `seed` on."""
    while True:
        case = case_of(seed)
        wrong = problems([case], folder / str(seed))
        if not wrong:
            yield case
        else:
            told.refused[re.sub(r"'[^']*'|`[^`]*`|\d+", "_", wrong[0].reason.partition(": ")[0])[:100]] += 1
        seed += 1


def _explained(cases: list[Case], found: list[Failure], folder: Path, shrink: bool) -> Iterator[str]:
    """The failures, each with the one small schema that fails: one of each kind, and one for a whole application."""
    told: set[str] = set()
    for failure in found:
        if failure.sign in told or (len(failure.cases) > 1 and told):
            continue
        told.add(failure.sign)
        one = culprits(cases, failure, folder / "halves") if len(failure.cases) > 1 else failure
        text = str(one)
        if len(one.cases) == 1 and shrink:
            case = next(case for case in cases if case.seed == one.cases[0])
            small, again = smaller(case, one, folder / f"small{len(told)}")
            text += f"\n  small: {small.text}\n  {again}"
        yield text
