"""Explains why a message is refused: the typed violations of a schema.

It runs only after a refusal, stops after ten violations, and looks at an excerpt of a large value. The texts name
places, keywords and limits, never values.
Invariant: the pointer of an unexpected property names the property, that of a missing property the object without it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Set
from itertools import islice
from typing import Any

from jsonschema_rs import ValidationError, Validator

from tidegate.contract.excerpt import STEPS, SURE, Excerpt
from tidegate.core.errors import nearest, shorten
from tidegate.schema.formats import MEANINGS
from tidegate.schema.instance_path import Locate, locator
from tidegate.schema.subschemas import escape, pointer
from tidegate_protocol import Violation

LIMIT = 10
"""An error reports so many violations of a message at most."""

UNEXPLAINED = "does not match its schema; it is too large to say where"

_NAME_LIMIT = 64


def violations(validator: Validator, value: Any, place: str = "", known: Set[str] = frozenset()) -> list[Violation]:
    """At most `LIMIT` violations. Empty if `value` is valid, or if the fault is too deep inside a large value.

    `place`: the pointer of `value` in the message. `known`: property names in the schemas; an excerpt keeps these
    properties.
    """
    if validator.is_valid(value):
        return []
    for size in STEPS:
        excerpt = Excerpt(value, known, size)
        locate = locator(excerpt.value)
        found_errors = (
            item
            for error in validator.iter_errors(excerpt.value)
            for item in _violations_of(error, place, excerpt.cut, locate)
        )
        # A missing property comes last: often it is present under a misspelled name, which is reported as unexpected.
        found = sorted(islice(found_errors, LIMIT), key=lambda violation: violation.keyword == "required")
        if found:
            return found
    return []


def _violations_of(error: ValidationError, place: str, cut: Set[str], locate: Locate) -> Iterator[Violation]:
    kind: Any = error.kind
    keyword = _keyword(error)
    here = place + pointer(locate(error))
    if keyword in {"additionalProperties", "unevaluatedProperties"} and kind.name == keyword:
        for name in kind.unexpected:
            where = nearest(f"{here}/{escape(name)}")
            yield Violation(pointer=where, keyword=keyword, message=f"{_short(name)} is not allowed here")
    elif keyword in {"anyOf", "oneOf"} and (closest := _closest(error, locate)) is not None:
        for inner in closest:
            yield from _violations_of(inner, place, cut, locate)
    elif not cut or _sure(error, cut, locate):
        text = _TEXTS.get(kind.name, _other)(kind)
        yield Violation(pointer=nearest(here), keyword=keyword, message=shorten(text))


def _keyword(error: ValidationError) -> str:
    """The keyword as in the schema. The validator uses other names for `false` and for dependencies."""
    name: str = error.kind.name
    path = error.schema_path
    if name == "required" and path and path[-1] == "dependentRequired":
        return "dependentRequired"
    if name != "falseSchema" or not path:
        return name
    inside = len(path) > 1 and (isinstance(path[-1], int) or path[-2] in {"properties", "patternProperties"})
    return str(path[-2] if inside else path[-1])


def _sure(error: ValidationError, cut: Set[str], locate: Locate) -> bool:
    """Whether the whole value has the fault too, and not only the excerpt."""
    kind: Any = error.kind
    if kind.name in {"anyOf", "oneOf"}:
        return all(any(_sure(inner, cut, locate) for inner in branch) for branch in kind.context)
    return kind.name in SURE or pointer(locate(error)) not in cut


def _closest(error: ValidationError, locate: Locate) -> list[ValidationError] | None:
    """The errors of the alternative that the value is closest to. None if no alternative is closest."""
    kind: Any = error.kind
    branches = [branch for branch in kind.context if branch]
    if len(branches) < len(kind.context):
        return None  # several alternatives of a oneOf match
    fitting = [branch for branch in branches if not _wrong_kind(branch, error, locate)]
    if not fitting:
        return None
    closest: list[ValidationError] = max(fitting, key=lambda branch: _closeness(branch, locate))
    return closest


def _closeness(branch: list[ValidationError], locate: Locate) -> tuple[int, int]:
    return max(len(locate(inner)) for inner in branch), -len(branch)


def _wrong_kind(branch: list[ValidationError], error: ValidationError, locate: Locate) -> bool:
    """Whether the alternative is for values of another JSON type, or for another constant."""
    depth = len(locate(error))
    return any(len(locate(inner)) == depth and inner.kind.name in {"type", "const"} for inner in branch)


def _short(name: str) -> str:
    return json.dumps(name if len(name) <= _NAME_LIMIT else name[:_NAME_LIMIT] + "…", ensure_ascii=False)


def _any_of(kind: Any) -> str:
    wanted = [inner.kind.types for branch in kind.context for inner in branch if inner.kind.name == "type"]
    types = list(dict.fromkeys(name for names in wanted for name in names))
    return f"must be {' or '.join(types)}" if types else "matches none of the alternatives"


def _other(kind: Any) -> str:
    return f"does not satisfy `{kind.name}`"


def _options(kind: Any) -> str:
    return f"must be one of {', '.join(json.dumps(option, ensure_ascii=False) for option in kind.options)}"


_TEXTS: dict[str, Callable[[Any], str]] = {
    "anyOf": _any_of,
    "const": lambda kind: f"must be {json.dumps(kind.expected_value, ensure_ascii=False)}",
    "enum": _options,
    "exclusiveMaximum": lambda kind: f"must be below {kind.limit}",
    "exclusiveMinimum": lambda kind: f"must be above {kind.limit}",
    "falseSchema": lambda kind: "is not allowed here",
    "format": lambda kind: f"must be {MEANINGS.get(kind.format, f'a valid {kind.format}')}",
    "maxItems": lambda kind: f"must have at most {kind.limit} items",
    "maxLength": lambda kind: f"must have at most {kind.limit} characters",
    "maxProperties": lambda kind: f"must have at most {kind.limit} properties",
    "maximum": lambda kind: f"must be at most {kind.limit}",
    "minItems": lambda kind: f"must have at least {kind.limit} items",
    "minLength": lambda kind: f"must have at least {kind.limit} characters",
    "minProperties": lambda kind: f"must have at least {kind.limit} properties",
    "minimum": lambda kind: f"must be at least {kind.limit}",
    "multipleOf": lambda kind: f"must be a multiple of {kind.multiple_of}",
    "oneOf": lambda kind: "must match exactly one of the alternatives",
    "pattern": lambda kind: f"must match {kind.pattern}",
    "propertyNames": lambda kind: "has a property whose name is not allowed",
    "required": lambda kind: f"lacks the property {_short(kind.property)}",
    "type": lambda kind: f"must be {' or '.join(kind.types)}",
    "uniqueItems": lambda kind: "must not have equal items",
}
