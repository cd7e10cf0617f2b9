"""Checks row rules: filters in which claims such as "$user.id" may stand for values.

A rule that does not fit its resource would fail for every request, so the gateway does not start with one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator, ValidationError

from tidegate.json_pointer import escape, pointer
from tidegate.schema import filter_schemas
from tidegate.schema.definition import Definition
from tidegate.schema.formats import FORMATS
from tidegate.schema.instance_path import locator
from tidegate.schema.problem import Problem
from tidegate.schema.resource import REF_PREFIX, Property, Resource
from tidegate.schema.suggestions import suggestion

CLAIM = re.compile(r"\$user\.[^.]")
LIKE_A_CLAIM = re.compile(r"\$(\w+\.|user)", re.IGNORECASE)
NO_VALUE = 'is neither a value of this property nor a claim such as "$user.id"'

OPERATORS_MEANT = {
    **dict.fromkeys(("=", "==", "===", "equals", "equal", "is"), "eq"),
    **dict.fromkeys(("!=", "<>", "!==", "not", "neq", "isnot"), "ne"),
    **dict.fromkeys(("<", "less", "before"), "lt"),
    **dict.fromkeys(("<=", "le", "max"), "lte"),
    **dict.fromkeys((">", "greater", "after"), "gt"),
    **dict.fromkeys((">=", "ge", "min", "since"), "gte"),
    **dict.fromkeys(("notin", "not_in", "none"), "nin"),
    **dict.fromkeys(("any", "anyof", "one_of", "oneof"), "in"),
    **dict.fromkeys(("like", "ilike", "includes", "has", "match"), "contains"),
    **dict.fromkeys(("isnull", "is_null"), "null"),
    **dict.fromkeys(("notnull", "not_null", "exists", "isset"), "nnull"),
    **dict.fromkeys(("range",), "between"),
    **dict.fromkeys(("prefix", "starts_with"), "startswith"),
    **dict.fromkeys(("suffix", "ends_with"), "endswith"),
}
"""In lower case and without `$`: what other languages call an operator."""


def rule_problems(item: Definition, resource: Resource) -> Iterator[Problem]:
    """Problems of row rules: filters in which claims such as "$user.id" may replace values."""
    rules = {
        f"/x-access/{action}{place}/where": rule["where"]
        for action, said in resource.access.items()
        for place, rule in ([("", said)] if isinstance(said, dict) else _numbered(said))
        if isinstance(rule, dict)
    }
    for place, where in rules.items():
        for below, reason in filter_problems(where, resource, filter_schemas.CLAIMS):
            yield Problem(item.file, place + below, reason)


def filter_problems(where: dict[str, Any], resource: Resource, claims: str) -> Iterator[tuple[str, str]]:
    """(pointer below `where`, reason) of each problem of a filter in a rule. `claims`: what may stand for a value."""
    key = "Rule"
    schema = filter_schemas.filters_schema(resource, key=key, claims=claims)
    validator = Draft202012Validator(
        {"$ref": REF_PREFIX + key, "$defs": {key: schema}}, validate_formats=True, formats=FORMATS, offline=True
    )
    names = {prop.name for prop in filter_schemas.filterable(resource)}
    locate = locator(where)
    stands = re.compile(claims)
    unlike = {inside: text for inside, text in texts_in(where) if LIKE_A_CLAIM.match(text) and not stands.match(text)}
    for inside, text in unlike.items():  # "ne" with such a text would match every row
        yield inside, f'{text!r} is not a claim; a claim looks like "$user.id"'
    for error in map(_innermost, validator.iter_errors(where)):
        if (inside := pointer(locate(error))) not in unlike:
            yield inside, _rule_reason(error, locate(error), resource, names)


def _rule_reason(error: ValidationError, path: list[str | int], resource: Resource, names: set[str]) -> str:
    """Why a rule does not fit, with what to write. `path`: to the wrong part of the rule."""
    kind: Any = error.kind
    steps = [step for step in path if isinstance(step, str)]
    inside = next((step for step in reversed(steps) if step not in filter_schemas.COMBINERS), None)
    asked = next((step for step in steps if step in resource.properties), None)
    prop = None if asked is None else resource.properties[asked]
    if kind.name == "additionalProperties":
        if prop is not None:
            return "; ".join(_unknown_operator(name, prop) for name in kind.unexpected)
        return "; ".join(_unknown_property(name, resource, names) for name in kind.unexpected)
    if inside is None:
        return "must be a list of filters: write [{...}]" if steps else "must be a filter: {PROPERTY: VALUE}"
    if prop is not None and path[-1] in {"in", "nin", "ina", "nina"} and not isinstance(error.instance, list):
        return f"`{steps[-1]}` takes a list, or a claim that is one"
    if prop is not None and prop.type == "array" and not isinstance(error.instance, dict):
        return f'{asked!r} is a list: write {{"ina": [...]}} for rows whose list has one of these values'
    if kind.name not in {"anyOf", "type", "enum"}:
        return error.message
    return NO_VALUE if prop is None else f"{NO_VALUE}; {prop.name!r} takes {_values(prop)}"


def _values(prop: Property) -> str:
    if prop.enum is not None:
        return ", ".join(json.dumps(value, ensure_ascii=False) for value in prop.enum[:10])
    return f"values of the type {prop.type}" + (f" with the format {prop.format}" if prop.format else "")


def _unknown_operator(name: str, prop: Property) -> str:
    known = filter_schemas.operators(prop)
    meant = OPERATORS_MEANT.get(name.lower().lstrip("$"), name.lower().lstrip("$"))
    if prop.type == "array":
        meant = {"in": "ina", "contains": "ina", "eq": "ina", "nin": "nina", "ne": "nina"}.get(meant, meant)
    hint = f"; did you mean {meant!r}?" if meant in known else suggestion(name, known)
    return f"{prop.name!r} has no operator {name!r}" + (hint or f"; its operators are {', '.join(known)}")


def _unknown_property(name: str, resource: Resource, names: set[str]) -> str:
    if name in resource.properties:
        why = "is `writeOnly`" if resource.properties[name].write_only else "has values that no filter compares"
        return f"a rule cannot ask for {name!r}, which {why}"
    lower = name.lower().lstrip("$")
    if lower in filter_schemas.COMBINERS:
        return f"there is no property {name!r}; did you mean {lower!r}?"
    if lower in {"not", "nor"}:
        return f'filters have no {name!r}: write an operator that denies, such as "ne" or "nin"'
    if "." in name and name.split(".", maxsplit=1)[0] not in resource.properties:
        return f"there is no property {name!r}: a rule asks for properties of the row itself, not of others"
    return f"there is no property {name!r}{suggestion(name, names)}"


def texts_in(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """(pointer, text) of every text in a rule."""
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from texts_in(inner, f"{place}/{escape(name)}")


def _numbered(rules: Any) -> list[tuple[str, Any]]:
    return [(f"/{number}", rule) for number, rule in enumerate(rules)] if isinstance(rules, list) else []


def _innermost(error: ValidationError) -> ValidationError:
    """The error of the closest alternative: the one with the deepest error, or an error about a name."""
    kind: Any = error.kind
    while kind.name == "anyOf":
        inner = max((one for branch in kind.context for one in branch), key=_closeness)
        if _closeness(inner) <= _closeness(error):
            break
        error, kind = inner, inner.kind
    return error


def _closeness(error: ValidationError) -> tuple[int, bool]:
    kind: Any = error.kind
    return len(error.instance_path), kind.name == "additionalProperties"
