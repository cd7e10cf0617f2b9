"""What generated code tells a client of a resource: enough to order its rows, to find them, and to invent new ones.

Invariant: the properties are those that the gateway sends.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidegate.schema import Resource, derive
from tidegate.schema.resource import Property

_FORMATS = frozenset({"date", "date-time", "duration", "int64", "time", "uuid"})
"""The formats of text that change how values compare, or how a client writes one."""


@dataclass(frozen=True, slots=True)
class RowFacts:
    """Of one resource."""

    key: tuple[str, ...]
    types: dict[str, str]
    """{property: its format, or its JSON type}"""
    defaults: dict[str, Any]
    """What a new row has where the client gives nothing."""
    assigned: bool
    """The database makes the key of a new row."""
    now: tuple[str, ...]
    """The properties that have the time at which the row was made."""


def row_facts(resource: Resource) -> RowFacts:
    """What a client needs for the rows of `resource`."""
    sent = derive.readable(resource)
    return RowFacts(
        key=resource.key,
        types={prop.name: _type(prop) for prop in sent},
        defaults={prop.name: prop.default for prop in sent if prop.has_default and prop.default is not None},
        assigned=any(prop.read_only for prop in resource.key_properties),
        now=tuple(prop.name for prop in sent if _is_now(prop)),
    )


def _type(prop: Property) -> str:
    return prop.format if prop.type == "string" and prop.format in _FORMATS else prop.type


def _is_now(prop: Property) -> bool:
    """The database fills it in, as the tables that Tidegate makes do."""
    return (
        prop.read_only and prop.required and not prop.has_default and prop.claim is None and prop.format == "date-time"
    )
