"""Finds integers beyond 2^53 at the two ends of indexed SQLite columns. It reads no whole table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from tidegate.contract import Resource
from tidegate.schema import SAFE_INTEGER
from tidegate.store.sql.large_integers import plain_keys
from tidegate.store.sql.names import quoted

Rows = Callable[[str], list[tuple[Any, ...]]]
"""Runs a query and returns its rows."""


def beyond(rows: Rows, resources: Iterable[Resource]) -> list[str]:
    """The keys with a plain integer that have such values, as `table.column`."""
    return [
        f"{resource.table}.{name}"
        for resource in resources
        for name in plain_keys(resource)
        if ends_beyond(rows, resource.table, name)
    ]


def ends_beyond(rows: Rows, table: str, column: str) -> bool:
    """Whether the least or the greatest integer of an indexed column is beyond 2^53. False for any other column."""
    if column not in _indexed(rows, table):
        return False
    # Two queries, because SQLite finds one end by an index, and reads the whole table for both at once.
    return any(
        rows(
            f"SELECT 1 FROM (SELECT {end}({quoted(column)}) AS v FROM {quoted(table)}) "
            f"WHERE typeof(v) = 'integer' AND v NOT BETWEEN {-SAFE_INTEGER} AND {SAFE_INTEGER}"
        )
        for end in ("min", "max")
    )


def _indexed(rows: Rows, table: str) -> set[str]:
    """The columns whose two ends an index or the row number gives at once."""
    keys = {name for _, name, *_, place, _ in rows(f"PRAGMA table_xinfo({quoted(table)})") if place == 1}
    indexes = [name for _, name, *_, some in rows(f"PRAGMA index_list({quoted(table)})") if not some]
    first = (rows(f"PRAGMA index_info({quoted(name)})")[:1] for name in indexes)
    return {*keys, *(name for found in first for _, _, name in found)}
