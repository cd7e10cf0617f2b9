"""Sees whether the tables of the resources, and Tidegate's triggers, still are as the gateway needs them.

Any program may drop, rename or rebuild a table while the gateway serves it. The triggers then are gone, read otherwise,
or lack a condition of a new index, and a column may have another name. A migration mends it, and logs a reset where
changes may be lost. This module reads the catalogue, and only after the schema of the database changed.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import apsw

from tidegate.contract import Resource
from tidegate.store.errors import CHANGED, LACKS, LOST, UNKEYED
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import Connected, definition, fold
from tidegate.store.sqlite.changelog import Replacing, triggers, up_to_date
from tidegate.store.sqlite.replaced_rows import by_unnamed_indexes
from tidegate.store.sqlite.unique_keys import has_unique_key

log = logging.getLogger("tidegate.store")


class TableWatch:
    """Looks through a connection that belongs to its caller."""

    def __init__(self, path: Path, connection: apsw.Connection, resources: Mapping[str, Resource]) -> None:
        self.incomplete: frozenset[str] = frozenset()
        """The resources whose table or triggers are not as they should be."""
        self._path = path
        self._connection = connection
        self._catalogue = Connected(connection)
        self._resources = resources
        self._fitting: dict[str, Replacing] = {}
        """For each resource the unique indexes that its triggers fitted when it was looked at last."""
        self._keyed: set[str] = set()
        """The resources whose key was unique when it was looked at."""
        self._version: int | None = None
        self._said: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Look if the schema changed, and log what is new. Raises apsw.Error."""
        with self._connection:  # one moment
            version = self._connection.pragma("schema_version")
            if version == self._version:
                return
            found = {
                name: fault
                for name, resource in self._resources.items()
                if (fault := self._fault(resource)) is not None
            }
        self._version = version
        self.incomplete = frozenset(found)
        said = set(found.values())
        for text, names in sorted(said - self._said):
            log.error(f"the database %s {text}", self._path, names)
        self._said = said

    def _fault(self, resource: Resource) -> tuple[str, str] | None:
        """A text, and the names to put into it; None where nothing is wrong."""
        table = resource.table
        if definition(self._catalogue, table) is None:
            return LACKS, f"the table {table}"
        there = {fold(name) for _, name, *_ in self._rows(f"PRAGMA table_xinfo({quoted(table)})")}
        missing = [f"{table}.{name}" for name in resource.properties if fold(name) not in there]
        if missing:
            return LACKS, f"the column {', '.join(missing)}"
        replacing = by_unnamed_indexes(self._catalogue, resource)
        before = self._fitting.get(resource.name, replacing)
        if set(replacing.conditions) < set(before.conditions):
            replacing = before  # indexes are gone: triggers that still ask for them miss nothing
        installed: dict[str, str] = dict(
            self._rows("SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", table)
        )
        wrong = triggers(resource, replacing).keys() - up_to_date(installed, resource, replacing)
        if not wrong:
            self._fitting[resource.name] = replacing
            return self._lost_key(resource)
        lost = (wrong & triggers(resource).keys()) - installed.keys()
        return (LOST, ", ".join(sorted(lost))) if lost else (CHANGED, ", ".join(sorted(wrong)))

    def _lost_key(self, resource: Resource) -> tuple[str, str] | None:
        if has_unique_key(self._catalogue, resource.table, resource.key):
            self._keyed.add(resource.name)
        elif resource.name in self._keyed:
            return UNKEYED, f"{', '.join(resource.key)} of {resource.table}"
        return None

    def _rows(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        return list(self._connection.execute(sql, values))
