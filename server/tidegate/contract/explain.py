"""Why a message is refused, in words: the typed violations of one schema.

Runs only after a refusal, stops after ten violations, and of a large value looks at an excerpt. It names places,
keywords and limits, never values.
Invariant: for an unexpected property the pointer names the property, for a missing one the object that lacks it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Set
from itertools import islice
from typing import Any

from jsonschema_rs import ValidationError, Validator

from tidegate.contract.excerpt import STEPS, SURE, Excerpt
from tidegate.core.errors import nearest, shorten
from tidegate.schema.subschemas import escape, pointer
from tidegate_protocol import Violation

LIMIT = 10
"""Violations that are told about one message."""

UNTOLD = "does not fit its schema, and is too large to say where"

_NAME_LIMIT = 64


def violations(validator: Validator, value: Any, place: str = "", known: Set[str] = frozenset()) -> list[Violation]:
    """At most `LIMIT` of them; `place` is the pointer of `value` in the message. None when `value` is valid, and when
    what is wrong lies too far inside a large one.

    `known`: the names of properties that schemas speak of, which are never left out of a large value.
    """
    if validator.is_valid(value):
        return []
    for size in STEPS:
        excerpt = Excerpt(value, known, size)
        told = (item for error in validator.iter_errors(excerpt.value) for item in _tell(error, place, excerpt.cut))
        # A missing property is told last: most often it is there, under the name that is told as unexpected.
        found = sorted(islice(told, LIMIT), key=lambda violation: violation.keyword == "required")
        if found:
            return found
    return []


def _tell(error: ValidationError, place: str, cut: Set[str]) -> Iterator[Violation]:
    kind: Any = error.kind
    keyword = _keyword(error)
    here = place + pointer(error.instance_path)
    if keyword in {"additionalProperties", "unevaluatedProperties"} and kind.name == keyword:
        for name in kind.unexpected:
            where = nearest(f"{here}/{escape(name)}")
            yield Violation(pointer=where, keyword=keyword, message=f"{_short(name)} is not allowed here")
    elif keyword in {"anyOf", "oneOf"} and (closest := _closest(error)) is not None:
        for inner in closest:
            yield from _tell(inner, place, cut)
    elif not cut or _sure(error, cut):
        text = _TEXTS.get(kind.name, _other)(kind)
        yield Violation(pointer=nearest(here), keyword=keyword, message=shorten(text))


def _keyword(error: ValidationError) -> str:
    """The keyword as it stands in the schema: the validator has names of its own for `false` and for dependencies."""
    name: str = error.kind.name
    path = error.schema_path
    if name == "required" and path and path[-1] == "dependentRequired":
        return "dependentRequired"
    if name != "falseSchema" or not path:
        return name
    inside = len(path) > 1 and (isinstance(path[-1], int) or path[-2] in {"properties", "patternProperties"})
    return str(path[-2] if inside else path[-1])


def _sure(error: ValidationError, cut: Set[str]) -> bool:
    """It is not only there because the excerpt lacks something."""
    kind: Any = error.kind
    if kind.name in {"anyOf", "oneOf"}:
        return all(any(_sure(inner, cut) for inner in branch) for branch in kind.context)
    return kind.name in SURE or pointer(error.instance_path) not in cut


def _closest(error: ValidationError) -> list[ValidationError] | None:
    """The errors of the alternative that the value comes closest to; None when nothing tells the alternatives apart."""
    kind: Any = error.kind
    branches = [branch for branch in kind.context if branch]
    if len(branches) < len(kind.context):
        return None  # several alternatives of a oneOf fit
    fitting = [branch for branch in branches if not _wrong_kind(branch, error)]
    if not fitting:
        return None
    closest: list[ValidationError] = max(fitting, key=_closeness)
    return closest


def _closeness(branch: list[ValidationError]) -> tuple[int, int]:
    return max(len(inner.instance_path) for inner in branch), -len(branch)


def _wrong_kind(branch: list[ValidationError], error: ValidationError) -> bool:
    """The alternative is for values of another JSON type, or for another constant, altogether."""
    depth = len(error.instance_path)
    return any(len(inner.instance_path) == depth and inner.kind.name in {"type", "const"} for inner in branch)


def _short(name: str) -> str:
    return json.dumps(name if len(name) <= _NAME_LIMIT else name[:_NAME_LIMIT] + "…", ensure_ascii=False)


def _any_of(kind: Any) -> str:
    wanted = [inner.kind.types for branch in kind.context for inner in branch if inner.kind.name == "type"]
    types = list(dict.fromkeys(name for names in wanted for name in names))
    return f"must be {' or '.join(types)}" if types else "fits none of the alternatives"


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
    "format": lambda kind: f"must be a valid {kind.format}",
    "maxItems": lambda kind: f"must have at most {kind.limit} items",
    "maxLength": lambda kind: f"must have at most {kind.limit} characters",
    "maxProperties": lambda kind: f"must have at most {kind.limit} properties",
    "maximum": lambda kind: f"must be at most {kind.limit}",
    "minItems": lambda kind: f"must have at least {kind.limit} items",
    "minLength": lambda kind: f"must have at least {kind.limit} characters",
    "minProperties": lambda kind: f"must have at least {kind.limit} properties",
    "minimum": lambda kind: f"must be at least {kind.limit}",
    "multipleOf": lambda kind: f"must be a multiple of {kind.multiple_of}",
    "oneOf": lambda kind: "must fit exactly one of the alternatives",
    "pattern": lambda kind: f"must match {kind.pattern}",
    "propertyNames": lambda kind: "has a property whose name is not allowed",
    "required": lambda kind: f"lacks the property {_short(kind.property)}",
    "type": lambda kind: f"must be {' or '.join(kind.types)}",
    "uniqueItems": lambda kind: "must not have equal items",
}
