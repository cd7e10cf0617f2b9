"""What `tidegate dev` asks of a PostgreSQL database: whether it has tables that Tidegate did not make."""

from __future__ import annotations

import psycopg

from tidegate.store.errors import StoreError
from tidegate.store.migration.files import HISTORY
from tidegate.store.postgres.changelog import SCHEMA
from tidegate.store.postgres.connection import opened, shown
from tidegate.store.postgres.migration import ownership

TABLES = """SELECT n.nspname::text, c.relname::text, n.nspname = current_schema() FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p') AND n.nspname !~ '^pg_' AND n.nspname NOT IN ('information_schema', $1)
ORDER BY 1, 2"""


def tables_of_others(url: str) -> list[str]:
    """The tables that Tidegate did not make, those of other schemas as `schema.table`. Raises StoreError."""
    try:
        with opened(url) as connection:
            own = ownership.own_tables(connection) | {HISTORY}
            found = connection.execute(TABLES, [SCHEMA]).fetchall()
    except psycopg.Error as error:
        raise StoreError(f"database {shown(url)}: {str(error).strip()}") from None
    return [
        table if current else f"{schema}.{table}" for schema, table, current in found if not current or table not in own
    ]
