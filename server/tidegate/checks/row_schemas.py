"""The schemas of what clients may send about the rows of a resource, derived a second time.

The gateway validates by the schemas of `tidegate.schema.derive`. This module derives them from the rules of the
protocol (section Rows) without using `derive`, so that a mistake in one of the two shows. `resulting_rows` has the
rules for whole rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.checks import filter_schemas
from tidegate.schema import SAFE_INTEGER, Property, Resource

Message = dict[str, Any]
Part = tuple[str, dict[str, Any], Any]
"""(pointer into the message, schema of the value there, value)."""
SCALARS = ["string", "integer", "number", "boolean"]
NULL = {"type": "null"}


class RowSchemas:
    """The schemas of one resource."""

    def __init__(self, resource: Resource) -> None:
        props = resource.properties.values()
        readable = [prop for prop in props if not prop.write_only]
        writable = [prop for prop in props if not prop.read_only]
        self._date_times = {prop.name for prop in props if _is_date_time(prop.type, prop.format)}
        self._date_time_lists = {
            prop.name for prop in props if _is_date_time((prop.items or {}).get("type"), _format(prop))
        }
        self._key = resource.key
        self._key_schema = (
            _value(resource.properties[resource.key[0]])
            if len(resource.key) == 1
            else _object({name: _value(resource.properties[name]) for name in resource.key}, list(resource.key))
        )
        self._filters, self._expected = filter_schemas.filters(readable), filter_schemas.expected(readable)
        sortable = {"enum": [prop.name for prop in readable if prop.type in SCALARS]}
        self._sort = {"items": {"properties": {"field": sortable}}}
        self._fields = {"items": {"enum": [prop.name for prop in readable]}}
        required = [prop.name for prop in writable if prop.required and not (prop.has_default or prop.claim)]
        self._create = _object({prop.name: _value(prop) for prop in writable}, required)
        self._update = _object({prop.name: _changed(prop) for prop in writable})

    def parts(self, message: Message) -> Iterator[Part]:
        """The parts of a message about this resource, with their schemas. `message` has a valid envelope."""
        for name, schema in (
            ("filters", self._filters),
            ("if", self._expected),
            ("sort", self._sort),
            ("fields", self._fields),
            ("id", self._key_schema),
            ("ids", {"items": self._key_schema}),
        ):
            if name in message:
                yield f"/{name}", schema, message[name]
        if message["type"] == "update":
            yield "/data", self._update, message["data"]
        if message["type"] == "create":
            several = isinstance(message["data"], list)
            yield "/data", {"items": self._create} if several else self._create, message["data"]

    def date_times(self, message: Message) -> Iterator[tuple[str, str]]:
        """(pointer, text) of every date-time in a message."""
        if isinstance(message.get("filters"), dict):
            yield from filter_schemas.date_times(
                message["filters"], self._date_times | self._date_time_lists, "/filters"
            )
        for name in ("data", "if", "id", "ids"):
            value = message.get(name)
            for index, inner in enumerate(value) if isinstance(value, list) else ((None, value),):
                place = f"/{name}" if index is None else f"/{name}/{index}"
                if isinstance(inner, dict):
                    yield from self._row_date_times(place, inner)
                elif isinstance(inner, str) and len(self._key) == 1 and self._key[0] in self._date_times:
                    yield f"/{name}", inner

    def _row_date_times(self, place: str, row: Message) -> Iterator[tuple[str, str]]:
        for name, value in row.items():
            if name in self._date_times and isinstance(value, str):
                yield f"{place}/{name}", value
            if name in self._date_time_lists and isinstance(value, list):
                yield from ((f"{place}/{name}", item) for item in value if isinstance(item, str))


def _object(properties: dict[str, Any], required: list[str] | None = None) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required or [],
        "additionalProperties": False,
    }


def _value(prop: Property) -> dict[str, Any]:
    """The schema of the property. An integer must also be exact for every JSON reader."""
    if prop.type == "integer":
        return {"allOf": [prop.schema], "minimum": -SAFE_INTEGER, "maximum": SAFE_INTEGER}
    return prop.schema


def _changed(prop: Property) -> dict[str, Any]:
    """The value of a property in an update: null clears a property whose column may be null."""
    if prop.column_nullable and "const" in prop.schema:
        return {"enum": [prop.schema["const"], None]}
    return {"anyOf": [_value(prop), NULL]} if prop.column_nullable else _value(prop)


def _is_date_time(kind: Any, format_name: str | None) -> bool:
    return kind == "string" and format_name == "date-time"


def _format(prop: Property) -> str | None:
    found: str | None = (prop.items or {}).get("format")
    return found if prop.type == "array" else None
