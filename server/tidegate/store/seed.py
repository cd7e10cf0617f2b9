"""Sample rows for tables that have none.

Invariant: a table that has a row is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidegate.contract import Resource
from tidegate.core.ports import WriteOrder
from tidegate.store.database import connect, quoted, sqlite_path
from tidegate.store.orders import Orders


def seed(
    url: str, resources: Mapping[str, Resource], rows: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, int]:
    """Put `rows` into the tables of their resources that are empty; returns how many went into each."""
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
                counts[name] = len(orders.carry_out(connection, order).rows)
    finally:
        connection.close()
    return counts
