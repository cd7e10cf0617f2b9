"""Properties of rows that no client can use, and columns that a database would take as one."""

from __future__ import annotations

from collections.abc import Iterator

from tidegate.json_pointer import escape
from tidegate.schema.definition import Definition, Schemas
from tidegate.schema.mistakes.site import own
from tidegate.schema.problem import Problem
from tidegate.schema.resource import Property, Resource


def row_problems(schemas: Schemas) -> Iterator[Problem]:
    """All such problems and hints of the resources."""
    for item in own(schemas):
        if item.kind == "resources" and item.is_file:
            resource = schemas.resources[item.name]
            yield from _open_rows(item)
            yield from _same_columns(item, resource)
            for prop in resource.properties.values():
                yield from _useless(item, resource, prop)


def _open_rows(item: Definition) -> Iterator[Problem]:
    for word in ("additionalProperties", "unevaluatedProperties"):
        if item.schema.get(word) in (True, {}):
            reason = "a row has only its `properties`, which are columns, and others are refused: write false"
            yield Problem(item.file, f"/{word}", reason)


def _same_columns(item: Definition, resource: Resource) -> Iterator[Problem]:
    first: dict[str, str] = {}
    for name in resource.properties:
        other = first.setdefault(name.lower(), name)
        if other != name:
            reason = f"{name!r} and {other!r} differ only in capital letters, and are one column to SQLite; rename one"
            yield Problem(item.file, f"/properties/{escape(name)}", reason)


def _useless(item: Definition, resource: Resource, prop: Property) -> Iterator[Problem]:
    place = f"/properties/{escape(prop.name)}"
    if prop.read_only and prop.write_only:
        reason = "`readOnly` and `writeOnly` together: no client can read it or set it; remove one of them"
        yield Problem(item.file, f"{place}/writeOnly", reason)
    elif prop.read_only and "create" in resource.access and not filled(resource, prop):
        reason = (
            f"clients cannot send {prop.name!r}, because it is `readOnly`, and it is required without a `default`: "
            "each `create` fails unless the database fills it"
        )
        yield Problem(item.file, place, reason, hint=True)


def filled(resource: Resource, prop: Property) -> bool:
    """Whether a row can lack a value of `prop`, or Tidegate's tables fill it."""
    if prop.column_nullable or prop.has_default or prop.claim is not None:
        return True
    if prop.name in resource.key:
        return resource.has_automatic_key or prop.format == "uuid"
    return prop.format == "date-time"
