"""Searches the one schema that makes an application fail, and makes it small.

An application fails as a whole when its code cannot be generated, imported or compiled. It is split in halves until
one case fails alone; if only several fail together, those are the answer.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

from tests.contract.generated_applications.application import Application, Failure, problems
from tests.contract.generated_applications.schemas import Case
from tidegate.schema.subschemas import MANY, NAMED, ONE

NEEDED = {"mypy": ("mypy",), "tsc": ("tsc",), "literal": ("tsc",), "blunt": ("tsc",), "deprecated": ("tsc",)}
"""The type checkers that find a kind of failure."""
TRIES = 200
"""A schema is made smaller in at most so many attempts."""


def culprits(cases: Sequence[Case], failure: Failure, folder: Path) -> Failure:
    """The failure with as few cases as halving finds."""
    numbers = itertools.count()

    def fails(some: Sequence[Case]) -> Failure | None:
        return first(some, failure.stage, folder / f"half{next(numbers)}")

    left = [case for case in cases if case.seed in failure.cases]
    while len(left) > 1:
        middle = len(left) // 2
        for half in (left[:middle], left[middle:]):
            found = fails(half)
            if found is not None:
                left, failure = list(half), found
                break
        else:
            return failure
    return failure


def first(cases: Sequence[Case], stage: str, folder: Path, sign: str | None = None) -> Failure | None:
    found = Application(cases, folder).failures(NEEDED.get(stage, ()))
    return next((one for one in found if one.stage == stage and (sign is None or one.sign == sign)), None)


def smaller(case: Case, failure: Failure, folder: Path, tries: int = TRIES) -> tuple[Case, Failure]:
    """The case without what the failure does not need."""
    numbers = itertools.count()
    progress = True
    while progress and tries > 0:
        progress = False
        for files in _reductions(case.files, case.path):
            tries -= 1
            if tries <= 0:
                break
            reduced = replace(case, files=files)
            here = folder / f"small{next(numbers)}"
            try:
                found = None if problems([reduced], here) else first([reduced], failure.stage, here, failure.sign)
            except Exception:  # the reduction has another fault than the one that is made small
                found = None
            if found is not None:
                case, failure, progress = reduced, found, True
                break
    return case, failure


KEPT = frozenset({"title", "x-access", "x-room", "x-reply"})
Place = tuple[str | int, ...]


def _reductions(files: dict[str, Any], main: str) -> Iterator[dict[str, Any]]:
    """Copies of `files` with something less in them."""
    for path in files:
        if path != main:
            yield {name: schema for name, schema in files.items() if name != path}
    for path, schema in files.items():
        for places, value in _changes(schema, main == path):
            copy = deepcopy(files)
            for place in sorted(places, reverse=True, key=str):
                inside: Any = copy[path]
                for step in place[:-1]:
                    inside = inside[step]
                if value is None:
                    inside.pop(place[-1])
                else:
                    inside[place[-1]] = value
            yield copy


def _changes(schema: Any, root: bool) -> Iterator[tuple[list[Place], Any]]:
    """What may be taken out of `schema`: places, and what to put there, or None."""
    for word, value in schema.items() if isinstance(schema, dict) else ():
        if root and word in KEPT:
            continue
        if not (root and word in {"type", "required"}):
            yield [(word,)], None
        if word in NAMED and isinstance(value, dict):
            yield from _fewer(word, value, {"type"} if root and word == "properties" else set())
        elif word in MANY and isinstance(value, list):
            for index, sub in enumerate(value):
                if len(value) > 1:
                    yield [(word, index)], None
                yield from _inside((word, index), sub)
        elif word in ONE:
            yield from _inside((word,), value)
        elif isinstance(value, list) and len(value) > 1:
            kept = "type" if root and word == "required" else None
            for index, one in enumerate(value):
                if one != kept:
                    yield [(word, index)], None


def _fewer(word: str, schemas: dict[str, Any], kept: set[str]) -> Iterator[tuple[list[Place], Any]]:
    known = [name for name in schemas if name not in kept]
    if len(known) > 3:
        yield [(word, name) for name in known[len(known) // 2 :]], None
        yield [(word, name) for name in known[: len(known) // 2]], None
    for name in known:
        yield [(word, name)], None
        yield from _inside((word, name), schemas[name])


def _inside(place: Place, schema: Any) -> Iterator[tuple[list[Place], Any]]:
    if isinstance(schema, dict) and schema:
        yield [place], {}
    for places, value in _changes(schema, False):
        yield [(*place, *inner) for inner in places], value
