"""The home of a change log: the one schema of the database whose tables the log follows.

The log knows tables by their bare names. So one database has one application, whose tables are in one schema; META
records which. It only reads.
Invariant: no table of another schema is taken for a table of the application.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import NamedTuple

from tidegate.store.errors import StoreError
from tidegate.store.postgres.changelog import META, ROWS_TRIGGER, SCHEMA
from tidegate.store.postgres.connection import Connection
from tidegate.store.sql.names import literal, quoted

ENTRY = "schema"
"""The entry in META that records the home."""


class LoggedTable(NamedTuple):
    """A table that has Tidegate's triggers."""

    schema: str
    table: str
    function: str
    """The name of the trigger function, without its schema."""


def qualified(home: str, table: str) -> str:
    """A table's name as SQL, the same table whatever the search_path."""
    return f"{quoted(home)}.{quoted(table)}"


def here(connection: Connection) -> str:
    """The schema to which the connection leads, where new tables are created. Raises StoreError."""
    ((found,),) = connection.execute("SELECT current_schema()::text")
    if found is None or found.startswith("pg_"):  # the schema of temporary tables is the last in the search_path
        raise StoreError(
            "the search_path leads to no schema that exists and that the role may use (GRANT USAGE ON SCHEMA); name "
            "the schema of the tables in the URL: ?options=-csearch_path%3DNAME"
        )
    return str(found)


def recorded(connection: Connection) -> str | None:
    """The home in META; None before it is recorded."""
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
        return None
    found = connection.execute(f"SELECT value FROM {META} WHERE name = $1", [ENTRY]).fetchall()
    return None if not found else str(found[0][0])


def record(home: str) -> str:
    """A statement that records the home."""
    return (
        f"INSERT INTO {META} (name, value) VALUES ('{ENTRY}', {literal(home)}) "
        "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    )


def refusal(connection: Connection, home: str) -> str | None:
    """Why the log cannot follow tables in the schema `home`; None where it can.

    A log whose home is gone may get another one: the schema was renamed, or dropped with its tables.
    """
    logged = {each.schema for each in logged_tables(connection)}
    known = recorded(connection)
    owners = logged if known is None else {known}
    if not owners or home in owners:
        return None
    if known is not None and not _exists(connection, known) and logged <= {home}:
        return None
    owner = known if known is not None else sorted(owners)[0]
    return (
        f"the change log of this database follows the tables of the schema {owner}, and this URL leads to the schema "
        f"{home}: one database has one application, in one schema. Put the tables of {home} into a database of their "
        f"own, or, if {owner} is meant, write it into the URL: ?options=-csearch_path%3D{owner}"
    )


def refuse_moved(connection: Connection, home: str, missing: Collection[tuple[str, str]]) -> None:
    """Raises StoreError where a table that is missing at `home` was moved to another schema.

    `missing`: tables, each with the name of its trigger function.
    """
    if not missing:
        return
    for found in logged_tables(connection):
        for table, function in missing:
            if found.schema != home and function in {found.function, quoted(found.function)}:
                there = qualified(found.schema, found.table)
                raise StoreError(
                    f"the table {table} is not in the schema {home} any more: {found.schema}.{found.table} has "
                    f"Tidegate's triggers. Move it back (ALTER TABLE {there} SET SCHEMA {quoted(home)}), or, if it is "
                    f"not the table of this application, drop its triggers (DROP TRIGGER {quoted(ROWS_TRIGGER)} "
                    f"ON {there})"
                )


def logged_tables(connection: Connection) -> list[LoggedTable]:
    """The tables of all schemas that have Tidegate's triggers."""
    return [LoggedTable(*row) for row in connection.execute(_LOGGED, [SCHEMA, ROWS_TRIGGER])]


def _exists(connection: Connection, schema: str) -> bool:
    return bool(connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = $1", [schema]).fetchall())


_LOGGED = """SELECT n.nspname::text, c.relname::text, p.proname::text FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_proc p ON p.oid = t.tgfoid JOIN pg_namespace f ON f.oid = p.pronamespace
WHERE f.nspname = $1 AND t.tgname = $2 ORDER BY 1, 2"""
