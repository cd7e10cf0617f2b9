"""The texts of violations: what is wrong with a value, by the keyword that refuses it.

A text names keywords, limits and options of the schema, and at most the name of a property of the message, never a
value. It completes a sentence about the value: "must be string". This module does not know where the value is.
Invariant: every keyword has a text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jsonschema_rs import ValidationError

from tidegate.contract.dispatch import TAG
from tidegate.core.errors import MESSAGE_LIMIT
from tidegate.schema.formats import MEANINGS
from tidegate.schema.suggestions import similar_name

NOT_ALLOWED = "is not allowed here"

_NAME_LIMIT = 64
_SIGNS = {
    ">": "gt",
    ">=": "gte",
    "<": "lt",
    "<=": "lte",
    "=": "eq",
    "==": "eq",
    "!=": "ne",
    "<>": "ne",
    "like": "contains",
}
"""How other languages write the operators of filters."""
_ROOM = 40
"""Characters of a text that a list of options leaves to the other words."""


def text(error: ValidationError, schema: Any) -> str:
    """What is wrong with the value. `schema`: the schema that has the keyword."""
    kind: Any = error.kind
    known = schema if isinstance(schema, dict) else {}
    return _TEXTS.get(kind.name, _other)(kind, known, error)


def unexpected(name: str, known: Iterable[str]) -> str:
    """The text for a property that is not allowed. `known`: the properties that are allowed there, and absent."""
    known = list(known)
    operator = _SIGNS.get(name)
    meant = f"; did you mean {short(operator)}?" if operator in known else did_you_mean(name, known)
    return f"{short(name)} {NOT_ALLOWED}{meant}"


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`; did you mean "..."?` where `name` is a misspelling of a known name, otherwise an empty text."""
    meant = similar_name(name, known)
    return "" if meant is None else f"; did you mean {short(meant)}?"


def none_of(branches: list[list[ValidationError]]) -> str:
    """The text for a value that no alternative is meant for: the types and the constants of the alternatives."""
    wanted = list(_wanted(branches))
    values = list(dict.fromkeys(_json(value) for value, _ in wanted if value is not None))
    types = list(dict.fromkeys(name for _, names in wanted for name in names))
    if not values:
        return f"must be {' or '.join(types)}" if types else "matches none of the alternatives"
    options = _listed(values) if len(values) > 1 or not types else values[0]
    return f"must be {' or '.join([options, *types])}"


def lacks_one_of(names: list[str]) -> str:
    """The text for an object that has none of several properties."""
    return f"lacks one of the properties {_joined([short(name) for name in names])}"


def short(name: str) -> str:
    """A name in quotation marks, cut if it is long."""
    return json.dumps(name if len(name) <= _NAME_LIMIT else name[:_NAME_LIMIT] + "…", ensure_ascii=False)


def _wanted(branches: list[list[ValidationError]]) -> Iterator[tuple[Any, list[str]]]:
    """((constant,) or None, types) of the faults of the value itself."""
    depth = min((len(inner.instance_path) for branch in branches for inner in branch), default=0)
    for branch in branches:
        for inner in branch:
            kind: Any = inner.kind
            if len(inner.instance_path) > depth:
                continue
            if kind.name == "type":
                yield None, kind.types
            elif kind.name == "const":
                yield (kind.expected_value,), []
            elif kind.name == "enum":
                yield from (((option,), []) for option in kind.options)
            elif kind.name in {"anyOf", "oneOf"}:
                yield from _wanted(kind.context)


def _json(value: tuple[Any]) -> str:
    return json.dumps(value[0], ensure_ascii=False)


def _listed(options: list[str]) -> str:
    return options[0] if len(options) == 1 else f"one of {_joined(options)}"


def _joined(options: list[str]) -> str:
    """The options with commas, as many as fit into a text."""
    kept, room = 0, MESSAGE_LIMIT - _ROOM
    while kept < len(options) and (kept == 0 or len(options[kept]) + 2 <= room):
        room -= len(options[kept]) + 2
        kept += 1
    left = len(options) - kept
    return ", ".join(options[:kept]) + (f" and {left} more" if left else "")


def _options(values: list[Any]) -> str:
    return f"must be {_listed([_json((value,)) for value in values])}"


def _count(number: int, noun: str) -> str:
    """`1 item`, `2 items`."""
    plural = noun.removesuffix("y") + "ies" if noun.endswith("y") else noun + "s"
    return f"{number} {noun if number == 1 else plural}"


def _required(kind: Any, schema: dict[str, Any], error: ValidationError) -> str:
    name = kind.property
    lacks = f"lacks the property {short(name)}"
    if error.evaluation_path[-1:] == ["dependentRequired"]:
        present = error.instance if isinstance(error.instance, dict) else {}
        rules = schema.get("dependentRequired", {}).items()
        because = next((one for one, needed in rules if name in needed and one in present), None)
        return lacks if because is None else f"{lacks}, which {short(because)} requires"
    tag = schema.get("properties", {}).get(name)
    if isinstance(tag, dict) and TAG in tag:
        return f"{lacks}, which {_options(tag['enum'])}"
    return lacks


def _one_of(kind: Any, schema: dict[str, Any], _error: ValidationError) -> str:
    alternatives = schema.get("oneOf", [])
    matched = [one for one, branch in zip(alternatives, kind.context, strict=False) if not branch]
    if len(matched) < 2:
        return none_of(kind.context)
    names = [one["required"][0] for one in matched if isinstance(one, dict) and [*one] == ["required"]
             and len(one["required"]) == 1]  # fmt: skip
    if len(names) == len(matched):
        return f"must have only one of the properties {_joined([short(name) for name in names])}"
    return "must match exactly one of the alternatives"


def _not(kind: Any, _schema: dict[str, Any], _error: ValidationError) -> str:
    """Says simple schemas in words."""
    word: str = ""
    value: Any = None
    if isinstance(kind.schema, dict) and len(kind.schema) == 1:
        [(word, value)] = kind.schema.items()
    match word:
        case "const":
            return f"must not be {_json((value,))}"
        case "enum":
            return f"must not be {_listed([_json((option,)) for option in value])}"
        case "type":
            return f"must not be {' or '.join([value] if isinstance(value, str) else value)}"
        case "pattern":
            return f"must not match {value}"
        case "required":
            together = " together" if len(value) > 1 else ""
            names = " and ".join(map(short, value))
            return f"must not have the propert{'y' if len(value) == 1 else 'ies'} {names}{together}"
        case _:
            return "must not match the schema in `not`"


def _contains(_kind: Any, schema: dict[str, Any], error: ValidationError) -> str:
    if error.evaluation_path[-1:] == ["maxContains"]:
        return f"must have at most {_count(schema.get('maxContains', 0), 'item')} that `contains` describes"
    return f"must have at least {_count(schema.get('minContains', 1), 'item')} that `contains` describes"


def _nothing(_kind: Any, _schema: dict[str, Any], error: ValidationError) -> str:
    match error.evaluation_path[-2:]:
        case ["dependentSchemas", str(name)]:
            return f"must not have the property {short(name)}"
        case [*_, "propertyNames"]:
            return "must not have properties"
        case _:
            return NOT_ALLOWED


def _property_names(kind: Any, _schema: dict[str, Any], _error: ValidationError) -> str:
    inner = kind.error
    name = inner.instance if isinstance(inner.instance, str) else ""
    return f"has the property name {short(name)}, which {text(inner, {})}"


def _other(kind: Any, _schema: dict[str, Any], _error: ValidationError) -> str:
    return f"does not satisfy `{kind.name}`"


_Text = Callable[[Any, dict[str, Any], ValidationError], str]


def _plain(told: Callable[[Any], str]) -> _Text:
    return lambda kind, _schema, _error: told(kind)


_TEXTS: dict[str, _Text] = {
    "anyOf": _plain(lambda kind: none_of(kind.context)),
    "const": _plain(lambda kind: _options([kind.expected_value])),
    "contains": _contains,
    "enum": _plain(lambda kind: _options(kind.options)),
    "exclusiveMaximum": _plain(lambda kind: f"must be below {kind.limit}"),
    "exclusiveMinimum": _plain(lambda kind: f"must be above {kind.limit}"),
    "falseSchema": _nothing,
    "format": _plain(lambda kind: f"must be {MEANINGS.get(kind.format, f'a valid {kind.format}')}"),
    "maxItems": _plain(lambda kind: f"must have at most {_count(kind.limit, 'item')}"),
    "maxLength": _plain(lambda kind: f"must have at most {_count(kind.limit, 'character')}"),
    "maxProperties": _plain(lambda kind: f"must have at most {_count(kind.limit, 'property')}"),
    "maximum": _plain(lambda kind: f"must be at most {kind.limit}"),
    "minItems": _plain(lambda kind: f"must have at least {_count(kind.limit, 'item')}"),
    "minLength": _plain(lambda kind: f"must have at least {_count(kind.limit, 'character')}"),
    "minProperties": _plain(lambda kind: f"must have at least {_count(kind.limit, 'property')}"),
    "minimum": _plain(lambda kind: f"must be at least {kind.limit}"),
    "multipleOf": _plain(lambda kind: f"must be a multiple of {kind.multiple_of}"),
    "not": _not,
    "oneOf": _one_of,
    "pattern": _plain(lambda kind: f"must match {kind.pattern}"),
    "propertyNames": _property_names,
    "required": _required,
    "type": _plain(lambda kind: f"must be {' or '.join(kind.types)}"),
    "uniqueItems": _plain(lambda _: "must not have equal items"),
}
