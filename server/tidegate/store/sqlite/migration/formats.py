"""The form of dates, times and UUIDs in tables that Tidegate made: SQL conditions for SQLite.

Filters compare text. A value in another spelling would be missed, so that no program may write one.
Invariant: every value that the gateway writes meets its condition, and every condition is true for NULL. No condition
needs the collation of a column, which only its own program may have. The text of a condition stays the same, because
the records of tables have it: another text would rebuild existing tables.
"""

from __future__ import annotations

from tidegate.contract import Property
from tidegate.store.sql.names import quoted

_DAY = "[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]"
_CLOCK = "[0-9][0-9]:[0-9][0-9]:[0-9][0-9]"


def form(prop: Property) -> str | None:
    """The condition for the values of the property's column. None for another format."""
    if prop.type != "string":
        return None
    return {"date-time": _date_time, "date": _date, "time": _time, "uuid": _uuid}.get(prop.format or "", _none)(
        quoted(prop.name)
    )


def _date_time(column: str) -> str:
    """2026-01-31T12:00:00.000000Z, from the year 1 on."""
    looks = f"{column} GLOB '{_DAY}T{_CLOCK}.[0-9][0-9][0-9][0-9][0-9][0-9]Z' AND {column} NOT GLOB '0000*'"
    # Without the fraction, which SQLite would round. '+0 days' makes it count: February has no 30th.
    exists = f"strftime('%Y-%m-%dT%H:%M:%S', substr({column}, 1, 19), '+0 days') IS substr({column}, 1, 19)"
    return _where(column, looks, 27, exists)


def _date(column: str) -> str:
    exists = f"strftime('%Y-%m-%d', {column}, '+0 days') IS substr({column}, 1, 10)"
    return _where(column, f"{column} GLOB '{_DAY}'", 10, exists)


def _time(column: str) -> str:
    """Any time of RFC 3339, with its zone."""
    zone = f"{column} GLOB '*[Zz]' OR {column} GLOB '*[-+][0-2][0-9]:[0-5][0-9]'"
    return f"{column} IS NULL OR ({column} GLOB '[0-2][0-9]:[0-5][0-9]:[0-6][0-9]*' AND ({zone}))"


def _uuid(column: str) -> str:
    """In lower case."""
    groups = "-".join("?" * length for length in (8, 4, 4, 4, 12))
    digits = f"{column} NOT GLOB '*[^-0-9a-f]*' AND length(replace({column}, '-', '')) = 32"
    return _where(column, f"{column} GLOB '{groups}'", 36, digits)


def _none(_: str) -> None:
    return None


def _where(column: str, looks: str, size: int, exact: str) -> str:
    """`exact` is asked only of text that looks right and has this many bytes: GLOB ends at a NUL."""
    return f"CASE WHEN {looks} AND length(CAST({column} AS BLOB)) = {size} THEN {exact} ELSE {column} IS NULL END"
