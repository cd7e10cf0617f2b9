"""Finds integers beyond 2^53 at the two ends of indexed PostgreSQL columns. It reads no whole table."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.contract import Resource
from tidegate.schema import SAFE_INTEGER
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.home import qualified
from tidegate.store.sql.large_integers import plain_keys
from tidegate.store.sql.names import quoted

INDEXED = """SELECT a.attname::text FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid
  AND a.attnum = i.indkey[0] WHERE i.indrelid = $1 AND i.indpred IS NULL AND i.indisvalid"""
"""The columns of the relation with this number (oid) whose two ends an index gives at once."""
_KEYS = f"""SELECT c.relname::text, a.attname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
  JOIN pg_attribute a ON a.attrelid = c.oid
WHERE n.nspname = $1 AND (c.relname, a.attname) IN (SELECT * FROM unnest($2::text[], $3::text[]))
  AND a.atttypid = 'bigint'::regtype AND has_column_privilege(c.oid, a.attnum, 'SELECT')
  AND a.attname IN ({INDEXED.replace("$1", "c.oid")})"""


def beyond(connection: Connection, home: str, resources: Iterable[Resource]) -> list[str]:
    """The keys with a plain integer that have such values, as `table.column`. `home`: the schema of the tables."""
    keys = [(resource.table, name) for resource in resources for name in plain_keys(resource)]
    found = connection.execute(_KEYS, [home, [table for table, _ in keys], [name for _, name in keys]]).fetchall()
    return sorted(
        f"{table}.{name}"
        for table, name in found
        if connection.execute(ends_beyond(qualified(home, table), quoted(name))).fetchall()
    )


def ends_beyond(table: str, column: str) -> str:
    """A query that returns a row if the least or the greatest integer of an indexed column is beyond 2^53."""
    ends = f"SELECT 1 FROM (SELECT min({column}) AS low, max({column}) AS high FROM {table}) ends"
    return f"{ends} WHERE low < {-SAFE_INTEGER} OR high > {SAFE_INTEGER}"
