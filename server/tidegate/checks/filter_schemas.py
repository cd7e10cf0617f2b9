"""What clients may filter the rows of one resource by, as a schema of a second reading of the rules.

`tidegate.schema.filter_schemas` makes what the gateway checks by; this module must not use it, so that a slip in one
of the two shows. The rules are those of docs/reference/filters.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tidegate.schema import Property

Schema = dict[str, Any]
SAFE = 2**53 - 1
SCALARS = ["string", "integer", "number", "boolean"]
NULL: Schema = {"type": "null"}
TEXT = [
    f"{no}{word}{kept}" for no in ("", "n") for word in ("contains", "startswith", "endswith") for kept in ("", "s")
]


def filters(properties: Iterable[Property]) -> Schema:
    """The whole language; it refers to itself as `#`."""
    asked = {prop.name: _asked(prop) for prop in properties}
    several = {"type": "array", "items": {"$ref": "#"}, "minItems": 1}
    return _object({name: schema for name, schema in asked.items() if schema} | {"and": several, "or": several})


def expected(properties: Iterable[Property]) -> Schema:
    """`if`: values, and null where a row may be without one."""
    return _object({prop.name: _equal(prop) for prop in properties if _has_value(prop) or prop.column_nullable})


def date_times(asked: dict[str, Any], moments: set[str], place: str) -> Iterator[tuple[str, str]]:
    """Every date-time in filters, with its place. `moments`: the properties that are, or hold, date-times."""
    for name, value in asked.items():
        here = f"{place}/{name}"
        if name in {"and", "or"} and isinstance(value, list):
            for index, inner in enumerate(value):
                if isinstance(inner, dict):
                    yield from date_times(inner, moments, f"{here}/{index}")
        elif name in moments:
            yield from _texts(value, here)


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, f"{place}/{step}")


def _asked(prop: Property) -> Schema | None:
    """A value, null, or an object of operators; None for what nothing can be asked of."""
    takes = _operators(prop)
    if not takes:
        return None
    ways = [{**_object(takes), "minProperties": 1}]
    if _has_value(prop):
        ways.append(_value(prop))
    if prop.column_nullable:
        ways.append(NULL)
    return {"anyOf": ways}


def _operators(prop: Property) -> dict[str, Schema]:
    found: dict[str, Schema] = {}
    if prop.type == "array":
        if (item := _item(prop)) is not None:
            found = dict.fromkeys(("ina", "nina"), _list(item))
    elif _has_value(prop):
        value = _value(prop)
        found = dict.fromkeys(("eq", "eqs", "ne", "nes"), value) | dict.fromkeys(("in", "nin"), _list(value))
        if (bound := _bound(prop)) is not None:
            pair = {"type": "array", "items": bound, "minItems": 2, "maxItems": 2}
            found |= dict.fromkeys(("lt", "lte", "gt", "gte"), bound) | dict.fromkeys(("between", "nbetween"), pair)
        if _is_free_text(prop):
            found |= {name: {"type": "string"} for name in TEXT}
    if prop.column_nullable:
        found |= {name: {"type": "boolean"} for name in ("null", "nnull")}
    return found


def _has_value(prop: Property) -> bool:
    """There are values to be equal to: neither arrays nor objects."""
    if prop.type == "any" and prop.enum is not None:
        return any(not isinstance(word, dict | list) for word in prop.enum)
    return prop.type in {*SCALARS, "any"}


def _value(prop: Property) -> Schema:
    """A value of the property's type. Bounds do not count."""
    if prop.enum is not None:
        value: Schema = {"enum": [word for word in prop.enum if not isinstance(word, dict | list)]}
    elif prop.type == "any":
        value = {"type": SCALARS}
    else:
        value = {"type": prop.type, **({"format": prop.format} if prop.format else {})}
    return {**value, "minimum": -SAFE, "maximum": SAFE} if prop.type == "integer" else value


def _equal(prop: Property) -> Schema:
    if not _has_value(prop):
        return NULL
    return {"anyOf": [_value(prop), NULL]} if prop.column_nullable else _value(prop)


def _bound(prop: Property) -> Schema | None:
    """What the property can be before or after; None where there is no order."""
    if prop.type == "integer":
        return {"type": "integer", "minimum": -SAFE, "maximum": SAFE}
    if prop.type == "number":
        return {"type": "number"}
    if prop.type != "string" or prop.enum is not None or prop.format in {"time", "duration"}:
        return None
    return _value(prop) if prop.format in {"date", "date-time", "uuid"} else {"type": "string"}


def _is_free_text(prop: Property) -> bool:
    ordered_or_not = {"date", "date-time", "uuid", "time", "duration"}
    return prop.type == "string" and prop.enum is None and prop.format not in ordered_or_not


def _item(prop: Property) -> Schema | None:
    """One item of an array; None where no item can be asked for."""
    items = prop.items or {}
    if "enum" in items or "const" in items:
        words = [word for word in items.get("enum", [items.get("const")]) if word is not None]
        words = [word for word in words if not isinstance(word, dict | list)]
        return {"enum": words} if words else None
    kinds = items.get("type", SCALARS)
    kinds = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind in SCALARS]
    text = {"format": items["format"]} if kinds == ["string"] and "format" in items else {}
    exact = {"minimum": -SAFE, "maximum": SAFE} if kinds == ["integer"] else {}
    return {"type": kinds, **text, **exact} if kinds else None


def _list(value: Schema) -> Schema:
    return {"type": "array", "items": value, "minItems": 1}


def _object(properties: dict[str, Any]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}
