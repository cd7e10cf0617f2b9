"""The columns of Tidegate's tables that the schema does not name, and which of them probably have another name now.

It only reads.
"""

from __future__ import annotations

from collections.abc import Mapping

from playhouse.apsw_ext import APSWDatabase

from tidegate.store.migration.files import Bodies, dropping_bodies, renaming_bodies
from tidegate.store.migration.unsafe_changes import dropping, probable_renames, renaming
from tidegate.store.sqlite.catalogue import ColumnThere, columns_there
from tidegate.store.sqlite.migration.recorded_tables import RecordedTable
from tidegate.store.sqlite.migration.tables import Column


class LeftColumns:
    """Of one database. Tables without a record, which Tidegate did not make, have none."""

    def __init__(
        self,
        database: APSWDatabase,
        recorded: Mapping[str, RecordedTable],
        wanted: Mapping[str, Mapping[str, Column]],
    ) -> None:
        """`wanted`: the columns that the schema names, by table."""
        self._database = database
        self._recorded = recorded
        self._wanted = wanted
        existing = set(database.get_tables())
        self.tables = [table for table in wanted if table in recorded and table in existing]

    def of(self, table: str) -> dict[str, ColumnThere]:
        """The columns of one table."""
        existing = columns_there(self._database, table)
        return {name: column for name, column in existing.items() if name not in self._wanted[table]}

    def names(self) -> list[tuple[str, str]]:
        """Tables and columns."""
        return [(table, name) for table in self.tables for name in self.of(table)]

    def renames(self, table: str) -> list[tuple[str, str]]:
        """Pairs of a column that the schema named until now and a new property of its type that takes its place."""
        known, wanted = self._recorded[table].columns, self._wanted[table]
        existing = columns_there(self._database, table)
        gone = {
            name: [new for new in wanted if new not in existing and wanted[new].type == known[name].type]
            for name in self.of(table)
            if name in known and not known[name].left
        }
        return probable_renames(gone)

    def suggestions(self) -> dict[str, Bodies]:
        """The bodies of manual migrations that errors and notes name."""
        found = {}
        for table in self.tables:
            for name, column in self.of(table).items():
                found[dropping(table, name)] = dropping_bodies(table, name, column.declared)
            for old, new in self.renames(table):
                found[renaming(table, old, new)] = renaming_bodies(table, old, new)
        return found
