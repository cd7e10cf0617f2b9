"""Python jsonschema as the second reading of the contract, corrected where it is known to differ from JSON Schema.

`Reading` validates as the specification says. `Doubting` finds what Python cannot judge with certainty: patterns that
`re` does not know and formats that its checkers accept too generously.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from decimal import Decimal
from fractions import Fraction
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import FormatError, ValidationError
from jsonschema.validators import extend

from tidegate.schema.subschemas import mapped

SURE_FORMATS = frozenset({"date-time", "date", "uuid", "ipv4", "ipv6", "int64"})
"""Python judges these formats with certainty. A gateway may refuse a text in another format that Python accepts."""

Steps = tuple[str | int, ...]
Memory = dict[tuple[str, int], tuple[Any, list[ValidationError]]]
"""{(reference, identity of a value): (the value, its errors)}. The value keeps its identity as long as it is here."""


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`pattern` as ECMA-262 defines it: `$` matches at the end only. Python's also matches before a final newline."""
    expression = _expression(pattern)
    if expression is not None and isinstance(value, str) and not expression.search(value):
        yield ValidationError(f"does not match {pattern}")


def _unread_pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """Report every text under a pattern that Python cannot read."""
    if isinstance(value, str) and _expression(pattern) is None:
        yield ValidationError("doubtful")


_END = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.DOTALL)
"""A `$` that means the end, and what may contain one that does not: an escaped character, a class."""


@cache
def _expression(pattern: str) -> re.Pattern[str] | None:
    """The compiled pattern. None if Python's `re` does not know it, as with `\\p{L}`."""
    try:
        return re.compile(_END.sub(lambda found: r"\Z" if found[0] == "$" else found[0], pattern))
    except re.error:
        return None


def _multiple_of(_validator: Any, step: float, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`multipleOf` in decimal: 19.99 is a multiple of 0.01, although it is not in binary fractions."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        quotient = Fraction(Decimal(str(value))) / Fraction(Decimal(str(step)))
        if quotient.denominator != 1:
            yield ValidationError(f"is no multiple of {step}")


Reading: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {"pattern": _pattern, "multipleOf": _multiple_of}
)
"""Python jsonschema, with the two keywords corrected that it reads in another way than the specification."""
Doubting: Any = extend(Draft202012Validator, {"pattern": _unread_pattern})  # type: ignore[no-untyped-call]
"""Python jsonschema, changed to report every value that it cannot judge with certainty."""


def remembering(reading: Any) -> tuple[Any, Memory]:
    """`reading`, which validates each value by a reference once, and its memory, to be cleared before each message.

    Python jsonschema reads every alternative of a `oneOf`. Of alternatives that refer to themselves it would read the
    innermost value a million times, at twenty levels, and report each of its errors as often.
    """
    memory: Memory = {}

    def reference(validator: Any, target: str, value: Any, schema: Any) -> Iterator[ValidationError]:
        key = target, id(value)
        if key not in memory:
            memory[key] = value, _different(_with_inner(follow(validator, target, value, schema)))
        # A copy, because jsonschema changes the path of an error on its way up.
        return map(ValidationError.create_from, memory[key][1])

    follow = reading.VALIDATORS["$ref"]
    return extend(reading, {"$ref": reference}), memory  # type: ignore[no-untyped-call]


def _with_inner(errors: Iterable[ValidationError], path: Steps = (), place: Steps = ()) -> Iterator[ValidationError]:
    """The errors, and those inside alternatives, each with its whole path and without inner errors."""
    for error in errors:
        here, there = (*path, *error.relative_path), (*place, *error.relative_schema_path)
        flat = ValidationError.create_from(error)
        flat.path = flat.relative_path = deque(here)
        flat.schema_path = flat.relative_schema_path = deque(there)
        inner, flat.context = flat.context, []
        yield flat
        yield from _with_inner(inner or (), here, there)


def _different(errors: Iterable[ValidationError]) -> list[ValidationError]:
    """One error for each place in the value and keyword."""
    found: dict[tuple[Any, ...], ValidationError] = {}
    for error in errors:
        names = "propertyNames" in error.relative_schema_path
        found.setdefault((tuple(error.relative_path), error.validator, names), error)
    return list(found.values())


NOTHING: dict[str, Any] = {"not": {}}
"""Stands for `false` where Python jsonschema loses the place of the value that `false` refuses."""


def without_false(schema: Any) -> Any:
    """`schema` with `NOTHING` in place of `false` for properties and items."""
    return mapped(schema, lambda _place, sub: {word: _without_false(word, value) for word, value in sub.items()})


def _without_false(word: str, value: Any) -> Any:
    if word in {"patternProperties", "properties"}:
        return {name: NOTHING if sub is False else sub for name, sub in value.items()}
    return [NOTHING if sub is False else sub for sub in value] if word == "prefixItems" else value


@cache
def formats() -> FormatChecker:
    """Python's format checkers and `int64`, with `date-time` corrected: Python's accepts a final newline."""
    checker = FormatChecker(formats=())
    checker.checkers = dict(Draft202012Validator.FORMAT_CHECKER.checkers)
    date_time, raises = checker.checkers["date-time"]
    checker.checkers["date-time"] = (lambda text: date_time(text) and "\n" not in str(text), raises)
    checker.checkers["int64"] = (_is_int64, ())
    return checker


def _is_int64(value: object) -> bool:
    """The one decimal spelling of an integer that fits into 64 bits with a sign."""
    if not isinstance(value, str):
        return True
    try:
        read = int(value)
    except ValueError:
        return False
    return str(read) == value and (read if read >= 0 else ~read).bit_length() <= 63


class DoubtfulFormats(FormatChecker):
    """Reports every text in a format that Python does not judge with certainty."""

    def check(self, instance: object, format: str) -> None:
        if isinstance(instance, str) and format not in SURE_FORMATS:
            raise FormatError("doubtful")
