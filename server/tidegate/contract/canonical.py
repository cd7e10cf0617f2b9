"""Gives each value one canonical spelling: date-times as UTC with six decimals, uuids in lower case, 1.0 as 1.

It changes valid values in place, so that the database, filters and sent rows compare values in the same way.
Invariant: canonicalising twice changes nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from tidegate.int64 import Int64
from tidegate.json_pointer import escape
from tidegate.schema.filter_schemas import COMBINERS, NULLNESS
from tidegate.schema.resource import Property

Change = Callable[[Any], Any]
# It does not match texts that only look like one: the year 0, or a leap second.
_CANONICAL = re.compile(r"(?!0000)\d{4}-\d\d-\d\dT\d\d:\d\d:[0-5]\d\.\d{6}Z").fullmatch

_A_TIME = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,12})?)?(Z|[+-]\d\d:?\d\d)?", re.IGNORECASE | re.ASCII
).fullmatch


class NotCanonical(ValueError):
    """A valid value has no canonical spelling: a leap second, or a time before the year 1.

    `pointer` is the place of the value in the canonicalised object.
    """

    def __init__(self, pointer: str, format_name: str) -> None:
        super().__init__(pointer)
        self.pointer = pointer
        self.format = format_name


def changes(properties: Iterable[Property]) -> dict[str, Change]:
    """The functions that canonicalise the values of properties. Properties with one spelling have none."""
    found: dict[str, Change] = {}
    for prop in properties:
        change = _change(prop.type, prop.format) or _each(_item_change(prop))
        if change is not None:
            found[prop.name] = change
    return found


def filter_changes(properties: Iterable[Property]) -> dict[str, Change]:
    """The functions that canonicalise single values in filters. For an array, these values are its items."""
    found = {
        prop.name: Int64 if prop.is_int64 else _change(prop.type, prop.format) or _item_change(prop)
        for prop in properties
    }
    return {name: change for name, change in found.items() if change is not None}


def canonicalise(row: dict[str, Any], todo: dict[str, Change]) -> None:
    """Change `row` in place. Raises NotCanonical."""
    for name, change in todo.items():
        value = row.get(name)
        if value is not None:
            row[name] = _changed(change, value, f"/{escape(name)}")


def canonicalise_filters(filters: dict[str, Any], todo: dict[str, Change], place: str = "") -> None:
    """Change the values in `filters` in place, at every depth. `todo` is from `filter_changes`. Raises NotCanonical."""
    for name, asked in filters.items():
        if name in COMBINERS:
            for index, inner in enumerate(asked):
                canonicalise_filters(inner, todo, f"{place}/{name}/{index}")
        elif name in todo and asked is not None:
            here = f"{place}/{escape(name)}"
            filters[name] = _changed_conditions(todo[name], asked, here)


def _changed_conditions(change: Change, asked: Any, place: str) -> Any:
    """Canonicalises one value, or an object of operators."""
    if not isinstance(asked, dict):
        return _changed(change, asked, place)
    changed: dict[str, Any] = {}
    for operator, value in asked.items():
        here = f"{place}/{operator}"
        if operator in NULLNESS:
            changed[operator] = value
        elif isinstance(value, list):
            changed[operator] = [_changed(change, item, f"{here}/{index}") for index, item in enumerate(value)]
        else:
            changed[operator] = _changed(change, value, here)
    return changed


def _changed(change: Change, value: Any, place: str) -> Any:
    try:
        return change(value)
    except (ValueError, OverflowError):
        raise NotCanonical(place, "date-time") from None


def date_time(text: str) -> str:
    """An RFC 3339 date-time as `2026-01-31T12:00:00.000000Z`. Decimals after the sixth are cut off.

    Raises ValueError or OverflowError for a leap second and for times that in UTC are outside the years 1 to 9999.
    """
    if _CANONICAL(text):
        return text
    moment = datetime.fromisoformat(text.upper()).astimezone(UTC)
    return moment.replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def moment(text: str) -> str | None:
    """The one spelling of a time that a program wrote in another one. None for a text that names no moment.

    A time without a zone is in UTC, as SQLite's own functions and most programs mean it.
    """
    if not _A_TIME(text):
        return None
    try:
        time = datetime.fromisoformat(text.upper())
        return date_time((time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat())
    except (ValueError, OverflowError):
        return None


def canonical_default(prop: Property) -> Any:
    """The default of a property that has one, in its one spelling."""
    change = changes([prop]).get(prop.name)
    return prop.default if change is None or prop.default is None else change(prop.default)


def _change(kind: str, format_name: str | None) -> Change | None:
    if kind == "string" and format_name == "date-time":
        return date_time
    if kind == "string" and format_name == "uuid":
        return str.lower
    if kind == "integer":
        return int  # JSON Schema: 1.0 is an integer
    return None


def _item_change(prop: Property) -> Change | None:
    items = prop.items or {}
    kind = items.get("type")
    return _change(kind, items.get("format")) if prop.type == "array" and isinstance(kind, str) else None


def _each(change: Change | None) -> Change | None:
    return None if change is None else lambda values: [change(value) for value in values]
