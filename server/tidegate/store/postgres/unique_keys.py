"""Whether PostgreSQL lets two rows of a table have one key: clients would take them for one row. It only reads."""

from __future__ import annotations

from collections.abc import Iterable

from tidegate.contract import Resource
from tidegate.store.errors import no_unique_key
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.home import qualified

# Of an index with INCLUDE, only the first columns are unique together.
HAS_UNIQUE_KEY = """EXISTS (SELECT FROM pg_index i WHERE i.indrelid = {table} AND i.indisunique AND i.indisvalid
    AND i.indpred IS NULL AND i.indexprs IS NULL AND ARRAY(SELECT attname::text FROM pg_attribute
      WHERE attrelid = i.indrelid AND attnum = ANY (i.indkey[0:i.indnkeyatts - 1])) <@ {key})"""
"""SQL: whether a unique index of all rows of `table`, an oid, has no other columns than `key`, a text[]."""
_THERE = f"""SELECT {HAS_UNIQUE_KEY.format(table="t.oid", key="$2::text[]")} FROM pg_class t
WHERE t.oid = to_regclass($1)"""


def notes(connection: Connection, home: str, resources: Iterable[Resource]) -> list[str]:
    """A note for each of `resources` whose table exists and may have rows with equal keys. `home`: its schema."""
    return [
        no_unique_key(resource.table, resource.key)
        for resource in resources
        for (unique,) in connection.execute(_THERE, [qualified(home, resource.table), list(resource.key)])
        if not unique
    ]
