"""The schema of the filters that clients may send for a resource, derived a second time.

The gateway validates by the schemas of `tidegate.schema.filter_schemas`. This module derives them from the rules of
the filter language without using that module, so that a mistake in one of the two shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from tidegate.schema import SAFE_INTEGER, Property

Schema = dict[str, Any]
EXACT = {"minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}
"""The bounds of integers that are exact for every JSON reader."""
SCALARS = ["string", "integer", "number", "boolean"]
NULL: Schema = {"type": "null"}
TEXT = [
    f"{no}{word}{kept}" for no in ("", "n") for word in ("contains", "startswith", "endswith") for kept in ("", "s")
]


def filters(properties: Iterable[Property]) -> Schema:
    """The whole filter language. The schema refers to itself as `#`."""
    conditions = {prop.name: _condition(prop) for prop in properties}
    several = {"type": "array", "items": {"$ref": "#"}, "minItems": 1}
    return _object({name: schema for name, schema in conditions.items() if schema} | {"and": several, "or": several})


def expected(properties: Iterable[Property]) -> Schema:
    """`if`: values to compare with, and null where the column may be null."""
    return _object({prop.name: _equal(prop) for prop in properties if _has_value(prop) or prop.column_nullable})


def date_times(given: dict[str, Any], names: set[str], place: str) -> Iterator[tuple[str, str]]:
    """(pointer, text) of every date-time in filters. `names`: the properties that are, or contain, date-times."""
    for name, value in given.items():
        here = f"{place}/{name}"
        if name in {"and", "or"} and isinstance(value, list):
            for index, inner in enumerate(value):
                if isinstance(inner, dict):
                    yield from date_times(inner, names, f"{here}/{index}")
        elif name in names:
            yield from _texts(value, here)


def _texts(value: Any, place: str) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield place, value
    elif isinstance(value, dict | list):
        for step, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, f"{place}/{step}")


def _condition(prop: Property) -> Schema | None:
    """A value, null, or an object of operators. None for a property that filters cannot name."""
    operators = _operators(prop)
    if not operators:
        return None
    forms = [{**_object(operators), "minProperties": 1}]
    if _has_value(prop):
        forms.append(_value(prop))
    if prop.column_nullable:
        forms.append(NULL)
    return {"anyOf": forms}


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
    """Whether the property has values that a filter can compare with. Arrays and objects are not such values."""
    if prop.type == "any" and prop.enum is not None:
        return any(not isinstance(word, dict | list) for word in prop.enum)
    return prop.type in {*SCALARS, "any"}


def _value(prop: Property) -> Schema:
    """A value of the property's type. The property's own bounds do not apply."""
    if prop.enum is not None:
        value: Schema = {"enum": [word for word in prop.enum if not isinstance(word, dict | list)]}
    elif prop.type == "any":
        value = {"type": SCALARS}
    else:
        value = {"type": prop.type, **({"format": prop.format} if prop.format else {})}
    return {**value, **EXACT} if prop.type == "integer" else value


def _equal(prop: Property) -> Schema:
    if not _has_value(prop):
        return NULL
    return {"anyOf": [_value(prop), NULL]} if prop.column_nullable else _value(prop)


def _bound(prop: Property) -> Schema | None:
    """A value that the property can be less or greater than. None if the property has no order."""
    if prop.type == "integer":
        return {"type": "integer", **EXACT}
    if prop.type == "number":
        return {"type": "number"}
    if prop.type == "string" and prop.format == "int64":
        return {"type": "string", "format": "int64"}
    if prop.type != "string" or prop.enum is not None or prop.format in {"time", "duration"}:
        return None
    return _value(prop) if prop.format in {"date", "date-time", "uuid"} else {"type": "string"}


def _is_free_text(prop: Property) -> bool:
    ordered_or_not = {"date", "date-time", "uuid", "time", "duration", "int64"}
    return prop.type == "string" and prop.enum is None and prop.format not in ordered_or_not


def _item(prop: Property) -> Schema | None:
    """One item of an array. None if filters cannot name the items."""
    items = prop.items or {}
    if "enum" in items or "const" in items:
        words = [word for word in items.get("enum", [items.get("const")]) if word is not None]
        words = [word for word in words if not isinstance(word, dict | list)]
        return {"enum": words} if words else None
    kinds = items.get("type", SCALARS)
    kinds = [kind for kind in ([kinds] if isinstance(kinds, str) else kinds) if kind in SCALARS]
    text = {"format": items["format"]} if kinds == ["string"] and "format" in items else {}
    return {"type": kinds, **text, **(EXACT if kinds == ["integer"] else {})} if kinds else None


def _list(value: Schema) -> Schema:
    return {"type": "array", "items": value, "minItems": 1}


def _object(properties: dict[str, Any]) -> Schema:
    return {"type": "object", "properties": properties, "additionalProperties": False}
