"""Whether the tables that a gateway shares are still where they were, with all their rows visible to the gateway.

The owner can move or drop a table, or give it row level security, while the gateway runs: none of that breaks a
connection. The change feed asks before it delivers, and delivers nothing while something is wrong.
It only reads the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tidegate.contract import Resource
from tidegate.store.errors import StoreError
from tidegate.store.postgres.connection import Connection


class SharedTables:
    """Of one database. Has no state: every thread may ask."""

    def __init__(self, home: str, resources: Iterable[Resource]) -> None:
        """`home`: the schema of the tables."""
        self._home = home
        self._asked: list[Any] = [home, [resource.table for resource in resources]]

    def check(self, connection: Connection) -> None:
        """Raises StoreError: what is wrong."""
        found = connection.execute(_WRONG, self._asked).fetchall()
        if found:
            ((table, secured),) = found
            if secured:
                raise StoreError(
                    f"row level security of the table {table} hides rows from the gateway's role; clients get nothing "
                    "until the role has BYPASSRLS or the table has no row level security"
                )
            raise StoreError(f"the table {table} is not in the schema {self._home} any more")


_WRONG = """SELECT asked.name, c.oid IS NOT NULL FROM unnest($2::text[]) asked (name)
LEFT JOIN pg_class c ON c.relname = asked.name AND c.relkind = 'r'
  AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
WHERE c.oid IS NULL OR row_security_active(c.oid) LIMIT 1"""
