"""References between resources whose values can never be equal: another type, or another form of text."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.int64 import FORMAT as INT64
from tidegate.json_pointer import escape
from tidegate.schema.definition import Schemas
from tidegate.schema.mistakes.site import own
from tidegate.schema.problem import Problem
from tidegate.schema.resource import ANY, Property

_FORMS = frozenset({"date", "date-time", "uuid", INT64})
"""Formats with a column type, or one spelling for each value."""


def reference_problems(schemas: Schemas) -> Iterator[Problem]:
    """References whose property has another type than the property that they refer to."""
    for item in own(schemas):
        if item.kind != "resources" or not item.is_file:
            continue
        resource = schemas.resources[item.name]
        for name, (target, key) in resource.references.items():
            one, other = resource.properties[name], schemas.resources[target].properties[key]
            place = f"/properties/{escape(name)}"
            if one.type == "array":
                reason = f"a reference is one value, and {name!r} is a list: make a resource with a row for each pair"
                yield Problem(item.file, place, reason)
            elif ANY not in {one.type, other.type} and _kind(one) != _kind(other):
                reason = (
                    f"{name!r} refers to {target}.{key}, whose values are {_named(other)}: write {_write(one, other)}"
                )
                yield Problem(item.file, place, reason)


def _kind(prop: Property) -> tuple[str, str | None]:
    return prop.type, prop.format if prop.type == "string" and prop.format in _FORMS else None


def _named(prop: Property) -> str:
    kind, form = _kind(prop)
    return f"of the type {kind}" + (f" with the format {form}" if form else "")


def _write(one: Property, other: Property) -> str:
    kind, form = _kind(other)
    written = f'"type": ["{kind}", "null"]' if one.nullable else f'"type": "{kind}"'
    return written + (f', "format": "{form}"' if form else ", without a `format`" if one.format else "")
