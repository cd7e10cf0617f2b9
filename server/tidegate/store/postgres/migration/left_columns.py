"""The columns of Tidegate's tables that the schema does not name, and which of them probably have another name now.

It reads PostgreSQL's catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tidegate.contract import Resource
from tidegate.store.errors import StoreError
from tidegate.store.migration.files import Bodies, dropping_bodies, renaming_bodies
from tidegate.store.migration.unsafe_changes import dropping, probable_renames, renaming
from tidegate.store.postgres import home, log_record
from tidegate.store.postgres.catalogue import ColumnThere, columns
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration import ownership
from tidegate.store.postgres.rows import column_type


class LeftColumns:
    """Of one database. Tables that Tidegate did not make have none."""

    def __init__(self, connection: Connection, resources: Mapping[str, Resource]) -> None:
        self._connection = connection
        self._resources = resources

    def names(self) -> list[tuple[str, str]]:
        """Tables and columns."""
        return [(table, name) for table, names in self.by_table().items() for name in names]

    def by_table(self) -> dict[str, list[str]]:
        """The columns, by table."""
        return {
            resource.table: [name for name in existing if name not in resource.properties]
            for resource, existing in self._tables()
        }

    def suggestions(self) -> dict[str, Bodies]:
        """The bodies of manual migrations that errors and notes name."""
        found = {}
        for resource, existing in self._tables():
            for name, there in existing.items():
                if name not in resource.properties:
                    found[dropping(resource.table, name)] = dropping_bodies(resource.table, name, there.declared)
            for old, new in self.renames(resource, existing):
                found[renaming(resource.table, old, new)] = renaming_bodies(resource.table, old, new)
        return found

    def renames(self, resource: Resource, existing: Mapping[str, ColumnThere]) -> list[tuple[str, str]]:
        """Pairs of a column that the schema named until now and a new property of its type that takes its place."""
        known = log_record.read(self._connection, resource)
        new = {name: prop for name, prop in resource.properties.items() if name not in existing}
        gone = {
            name: [other for other, prop in new.items() if column_type(prop).fits(there, made=True)]
            for name, there in existing.items()
            if name not in resource.properties and (known is None or name in known.columns)
        }
        return probable_renames(gone)

    def _tables(self) -> Iterator[tuple[Resource, dict[str, ColumnThere]]]:
        connection, schema = self._connection, home.here(self._connection)
        for resource in self._resources.values():
            number = table_number(connection, schema, resource.table)
            if number is not None and ownership.owner(connection, resource.table, number) == ownership.TIDEGATE:
                yield resource, columns(connection, number)


def table_number(connection: Connection, schema: str, table: str) -> int | None:
    """The number (oid) of a table in this schema; None without a table. Raises StoreError."""
    found = connection.execute(
        "SELECT c.oid::bigint, c.relkind::text, EXISTS (SELECT FROM pg_inherits WHERE inhparent = c.oid) "
        "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2",
        [schema, table],
    ).fetchall()
    if not found:
        return None
    ((number, kind, parents),) = found
    if kind != "r":
        raise StoreError(f"{table} is no plain table, which the change log cannot follow")
    if parents:
        raise StoreError(f"other tables inherit from {table}, and the change log cannot follow its rows in them")
    return int(number)
