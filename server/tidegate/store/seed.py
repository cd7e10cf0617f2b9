"""Sample rows for tables that have none.

Invariant: a table that has a row is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.ports import WriteOrder
from tidegate.store.database import connect, quoted, sqlite_path
from tidegate.store.errors import StoreError
from tidegate.store.orders import Orders


def seed(
    url: str, resources: Mapping[str, Resource], rows: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, int]:
    """Put `rows` into the tables of their resources that are empty, or into none; returns how many went into each.

    Raises StoreError for rows that do not fit.
    """
    check_names(resources, rows)
    connection = connect(sqlite_path(url))
    orders, counts = Orders(resources), {}
    try:
        with connection:
            empty = [
                name
                for name in rows
                if not connection.execute(f"SELECT 1 FROM {quoted(resources[name].table)} LIMIT 1").fetchall()
            ]
            for name in empty:
                order = WriteOrder(
                    kind="create", resource=name, rows=tuple(dict(row) for row in rows[name]), user="seed", array=True
                )
                try:
                    counts[name] = len(orders.carry_out(connection, order).rows)
                except Refused as refused:
                    place = (refused.pointer or "").removeprefix("/data")
                    raise StoreError(f"sample rows: /{name}{place}: {refused.message}") from None
    finally:
        connection.close()
    return counts


def check_names(resources: Mapping[str, Resource], rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
    """Raises StoreError for resources and properties that the schema does not have."""
    for name, several in rows.items():
        if name not in resources:
            raise StoreError(f"sample rows: /{name}: the schema has no such resource")
        for number, row in enumerate(several):
            for unknown in row.keys() - resources[name].properties.keys():
                raise StoreError(f"sample rows: /{name}/{number}/{unknown}: the schema has no such property")
