"""One spelling for each value: date-times as UTC with six decimals, uuids in lower case, whole numbers as integers.

It changes valid values in place, so that the database, filters and everything sent compare alike.
Invariant: canonicalising twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from tidegate.schema.resource import Property

Change = Callable[[Any], Any]
_CANONICAL = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z").fullmatch


class NotCanonical(ValueError):
    """A valid value that cannot be spelled canonically: a leap second, a time before the year 1."""

    def __init__(self, name: str, format_name: str) -> None:
        super().__init__(name)
        self.name = name
        self.format = format_name


def changes(properties: Iterable[Property]) -> dict[str, Change]:
    """What to do with the values of those properties that have more than one spelling."""
    found = {prop.name: _change(prop.type, prop.format) for prop in properties}
    lists = {prop.name: _items_change(prop) for prop in properties}
    return {name: change for name in found if (change := found[name] or lists[name]) is not None}


def canonicalise(row: dict[str, Any], todo: dict[str, Change]) -> None:
    """Change `row` in place. Raises NotCanonical."""
    for name, change in todo.items():
        value = row.get(name)
        if value is not None:
            try:
                row[name] = change(value)
            except (ValueError, OverflowError):
                raise NotCanonical(name, "date-time") from None


def date_time(text: str) -> str:
    """An RFC 3339 date-time as `2026-01-31T12:00:00.000000Z`; more than six decimals are cut.

    Raises ValueError or OverflowError for a leap second and for what UTC puts outside the years 1 to 9999.
    """
    if _CANONICAL(text):
        return text
    moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def _change(kind: str, format_name: str | None) -> Change | None:
    if kind == "string" and format_name == "date-time":
        return date_time
    if kind == "string" and format_name == "uuid":
        return str.lower
    if kind == "integer":
        return int  # JSON Schema: 1.0 is an integer
    return None


def _items_change(prop: Property) -> Change | None:
    items = prop.items or {}
    kind = items.get("type")
    change = _change(kind, items.get("format")) if isinstance(kind, str) else None
    if prop.type != "array" or change is None:
        return None
    return lambda values: [change(value) for value in values]
