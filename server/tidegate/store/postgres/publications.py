"""Publications that contain what their owner may not expect: Tidegate's tables, and tables without a replica identity.

It only reads the catalogue.
"""

from __future__ import annotations

from collections.abc import Collection

from tidegate.store.postgres.changelog import SCHEMA
from tidegate.store.postgres.connection import Connection

_ALL = "SELECT quote_ident(pubname) FROM pg_publication WHERE puballtables ORDER BY 1"
_LACKING = """SELECT DISTINCT quote_ident(p.tablename) FROM pg_publication_tables p JOIN pg_publication USING (pubname)
JOIN pg_class c ON c.relname = p.tablename
  AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = p.schemaname)
WHERE p.schemaname = $1 AND p.tablename = ANY($2) AND (pubupdate OR pubdelete) AND (c.relreplident = 'n'
  OR (c.relreplident = 'd' AND NOT EXISTS (SELECT FROM pg_index WHERE indrelid = c.oid AND indisprimary)))
ORDER BY 1"""


def notes(connection: Connection, home: str, tables: Collection[str]) -> list[str]:
    """A note for each surprise. `home`: the schema of the tables."""
    found = [
        f"the publication {name} is FOR ALL TABLES: its subscribers need the tables of the schema {SCHEMA} too; "
        f"publish FOR TABLES IN SCHEMA {home} to leave them out"
        for (name,) in connection.execute(_ALL)
    ]
    return found + [
        f"the table {table} is published and has no primary key: PostgreSQL refuses every update and delete there; "
        f"type: ALTER TABLE {table} REPLICA IDENTITY FULL"
        for (table,) in connection.execute(_LACKING, [home, list(tables)])
    ]
