"""Subscriptions whose rows cannot be written to a table with Tidegate's triggers.

From PostgreSQL 16 on, a worker writes as the owner of the table. It may queue no deferred trigger then, unless that
owner may become the owner of the subscription, or the subscription has `run_as_owner`. It only reads the catalogue.
"""

from __future__ import annotations

from collections.abc import Collection

from tidegate.store.postgres.connection import Connection

SINCE = 160000
_STOPPED = """SELECT quote_ident(s.subname), quote_ident(c.relname) FROM pg_subscription s
JOIN pg_subscription_rel r ON r.srsubid = s.oid JOIN pg_class c ON c.oid = r.srrelid
WHERE s.subdbid = (SELECT oid FROM pg_database WHERE datname = current_database()) AND NOT s.subrunasowner
  AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1) AND c.relname = ANY($2)
  AND NOT pg_has_role(c.relowner, s.subowner, 'SET')
ORDER BY 1, 2"""


def notes(connection: Connection, home: str, tables: Collection[str]) -> list[str]:
    """A note for each table that a subscription cannot write to. `home`: the schema of the tables."""
    if connection.info.server_version < SINCE:
        return []
    return [
        f"the subscription {name} stops at its next row for the shared table {table}: PostgreSQL lets its worker "
        f"queue no deferred trigger; type: ALTER SUBSCRIPTION {name} SET (run_as_owner = true)"
        for name, table in connection.execute(_STOPPED, [home, list(tables)])
    ]
