"""Python jsonschema as the second reading of the contract, corrected where it is known to differ from JSON Schema.

`Reading` validates as the specification says. `Doubting` finds what Python cannot judge with certainty: patterns that
`re` does not know and formats that its checkers accept too generously. `ecma_patterns` translates the patterns.
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

from tidegate.checks.ecma_patterns import is_sure, python_pattern
from tidegate.schema.subschemas import mapped

SURE_FORMATS = frozenset({"date-time", "date", "uuid", "ipv4", "ipv6", "int64"})
"""Python judges these formats with certainty. A gateway may refuse a text in another format that Python accepts."""

Steps = tuple[str | int, ...]
Memory = dict[tuple[str, int], tuple[Any, list[ValidationError]]]
"""{(reference, identity of a value): (the value, its errors)}. The value keeps its identity as long as it is here."""


def _pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`pattern` as ECMA-262 defines it. A text that Python cannot judge fits."""
    if isinstance(value, str):
        expression = python_pattern(pattern)
        if is_sure(expression, value) and not re.search(expression, value):
            yield ValidationError(f"does not match {pattern}")


def _unread_pattern(_validator: Any, pattern: str, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """Report every text that Python cannot judge by its pattern."""
    if isinstance(value, str) and not is_sure(python_pattern(pattern), value):
        yield ValidationError("doubtful")


def _surely_named(schema: dict[str, Any], value: Any) -> Any:
    """`value`; of an object, only the properties of which Python can say whether they fit the patterns of `schema`."""
    patterns = schema.get("patternProperties", {})
    if not isinstance(value, dict) or all(is_sure(pattern, name) for pattern in patterns for name in value):
        return value
    return {name: inner for name, inner in value.items() if all(is_sure(pattern, name) for pattern in patterns)}


def _by_sure_names(word: str) -> Any:
    """The keyword `word`, for the properties with a name that Python can judge."""
    keyword = Draft202012Validator.VALIDATORS[word]

    def judged(validator: Any, says: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
        yield from keyword(validator, says, _surely_named(schema, value), schema) or ()

    return judged


def _unread_names(validator: Any, patterns: Any, value: Any, schema: Any) -> Iterator[ValidationError]:
    """Report an object with a name that Python cannot judge, and every place below such a name."""
    sure = _surely_named(schema, value)
    if sure is not value:
        every_keyword: Any = None
        doubtful = [(), *(place for name in value.keys() - sure.keys() for place in _inside(value[name], (name,)))]
        yield from (ValidationError("doubtful", validator=every_keyword, path=place) for place in doubtful)
    yield from Draft202012Validator.VALIDATORS["patternProperties"](validator, patterns, sure, schema) or ()


def _inside(value: Any, place: Steps) -> Iterator[Steps]:
    yield place
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from _inside(inner, (*place, step))


def _multiple_of(_validator: Any, step: float, value: Any, _schema: Any) -> Iterator[ValidationError]:
    """`multipleOf` in decimal: 19.99 is a multiple of 0.01, although it is not in binary fractions."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        quotient = Fraction(Decimal(str(value))) / Fraction(Decimal(str(step)))
        if quotient.denominator != 1:
            yield ValidationError(f"is no multiple of {step}")


_OF_NAMES = {word: _by_sure_names(word) for word in ("additionalProperties", "unevaluatedProperties")}
Reading: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator,
    {
        **_OF_NAMES,
        "pattern": _pattern,
        "patternProperties": _by_sure_names("patternProperties"),
        "multipleOf": _multiple_of,
    },
)
"""Python jsonschema, with the keywords corrected that it reads in another way than the specification.

The names in `patternProperties` must be translated: see `readable`.
"""
Doubting: Any = extend(  # type: ignore[no-untyped-call]
    Draft202012Validator, {**_OF_NAMES, "pattern": _unread_pattern, "patternProperties": _unread_names}
)
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


def readable(schema: Any) -> Any:
    """`schema` for `Reading`: with Python's patterns in `patternProperties`, and `NOTHING` in place of `false`."""
    return mapped(schema, lambda _place, sub: {word: _readable(word, value) for word, value in sub.items()})


def _readable(word: str, value: Any) -> Any:
    if word in {"patternProperties", "properties"}:
        value = {name: NOTHING if sub is False else sub for name, sub in value.items()}
        return _by_python_pattern(value) if word == "patternProperties" else value
    return [NOTHING if sub is False else sub for sub in value] if word == "prefixItems" else value


def _by_python_pattern(schemas: dict[str, Any]) -> dict[str, Any]:
    """The schemas of `patternProperties`. Of two patterns with one translation, the second gets an empty group."""
    found: dict[str, Any] = {}
    for pattern, schema in schemas.items():
        translated = python_pattern(pattern)
        while translated in found:
            translated += "(?:)"
        found[translated] = schema
    return found


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
