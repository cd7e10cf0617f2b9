"""Chooses the alternative of a union that a refused value is closest to, from the errors of every alternative.

Unions with a tag seldom come here: `dispatch` leaves one alternative. This module makes no texts.
Invariant: an alternative for values of another JSON type, or for another constant, is never chosen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from jsonschema_rs import ValidationError

from tidegate.schema.instance_path import Locate
from tidegate.schema.suggestions import similar_name

UNIONS = frozenset({"anyOf", "oneOf"})
NAMES = 8
"""The most unexpected properties that are compared with the missing ones."""
WRONG_CONSTANT = 2
"""The weight of a constant that differs; a missing or unexpected property weighs 1."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An alternative, and its errors."""

    index: int
    errors: list[ValidationError]


def strangers(error: ValidationError) -> list[str]:
    """The properties or items that `additionalProperties` or an `unevaluated...` keyword does not allow."""
    return list(getattr(error.kind, "unexpected", ()))


def closest(error: ValidationError, locate: Locate) -> Choice | None:
    """The alternative of a failed `anyOf` or `oneOf` that the value is closest to. None if no alternative is."""
    branches: list[list[ValidationError]] = error.kind.context  # type: ignore[attr-defined]  # only of unions
    if not all(branches):
        return None  # several alternatives of a oneOf match
    depth = len(locate(error))
    fitting = [Choice(index, branch) for index, branch in enumerate(branches) if not _mismatch(branch, depth, locate)]
    return min(fitting, key=lambda choice: _distance(choice.errors, depth, locate), default=None)


def only_missing(error: ValidationError, locate: Locate) -> list[str]:
    """The properties of which a value lacks any, if that is all that is wrong with it for each alternative."""
    found: list[str] = []
    for branch in error.kind.context:  # type: ignore[attr-defined]
        kind: Any = branch[0].kind if len(branch) == 1 else None
        if kind is None or kind.name != "required" or locate(branch[0]) != locate(error):
            return []
        found.append(kind.property)
    return list(dict.fromkeys(found))


def _mismatch(branch: list[ValidationError], depth: int, locate: Locate) -> bool:
    """Whether the alternative is for values of another JSON type, or for another constant."""
    for inner in branch:
        kind: Any = inner.kind
        if len(locate(inner)) > depth:
            continue
        if kind.name in {"type", "const", "falseSchema"}:
            return True
        if kind.name in UNIONS and all(one and _mismatch(one, depth, locate) for one in kind.context):
            return True
    return False


def _distance(branch: list[ValidationError], depth: int, locate: Locate) -> tuple[int, int, int]:
    """The least is closest: first by the properties that the value should have or not have, then by all errors."""
    errors = list(_unfolded(branch, depth, locate))
    paths = [locate(inner) for inner in errors]
    own = [inner for inner, path in zip(errors, paths, strict=True) if len(path) == depth]
    inside = {path[depth] for path in paths if len(path) > depth}
    missing = [inner.kind.property for inner in own if inner.kind.name == "required"]  # type: ignore[attr-defined]
    unknown = [name for inner in own for name in strangers(inner) if name not in inside]
    misspelled = sum(similar_name(name, missing) is not None for name in unknown[:NAMES])
    others = sum(inner.kind.name != "required" and not strangers(inner) for inner in own)
    constants = sum(
        inner.kind.name == "const" and len(path) <= depth + 2 for inner, path in zip(errors, paths, strict=True)
    )
    structure = len(missing) + len(unknown) - misspelled + others + WRONG_CONSTANT * constants
    return structure, len(errors), -max(map(len, paths))


def _unfolded(branch: list[ValidationError], depth: int, locate: Locate) -> list[ValidationError]:
    """The errors, with those of the closest alternative in place of a union of the same value."""
    found: list[ValidationError] = []
    for inner in branch:
        union = inner.kind.name in UNIONS and len(locate(inner)) == depth
        choice = closest(inner, locate) if union else None
        found += [inner] if choice is None else _unfolded(choice.errors, depth, locate)
    return found
