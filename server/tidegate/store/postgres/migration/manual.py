"""Migrations written by hand, on PostgreSQL: `migrations/NNNN_name.py` beside the schema files, with `up` and `down`.

playhouse.migrations finds, runs and remembers them, over the very connection on which the rest of the migration runs.
Invariant: a written migration is a part of the one transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import peewee
import psycopg
from playhouse.migrations import Runner

from tidegate.store.migration.files import HISTORY
from tidegate.store.postgres.connection import Connection


class Written:
    """Those in one folder; none where there is no folder."""

    def __init__(self, database: peewee.PostgresqlDatabase, connection: Connection, folder: Path | None) -> None:
        self._connection = connection
        self._database = database
        there = folder is not None and folder.is_dir()
        self._runner = Runner(database, str(folder), table_name=HISTORY) if there else None

    def pending(self) -> list[str]:
        """Migrations that were not applied yet, in order."""
        if self._runner is None:
            return []
        with self._speaking() as runner:
            applied = runner.applied()
            return [migration.name for migration in runner.migrations() if migration.name not in applied]

    def last(self) -> str | None:
        """The one that was applied last."""
        if self._runner is None:
            return None
        with self._speaking() as runner:
            applied: list[str] = [migration.name for migration in runner.status() if migration.applied]
            return applied[-1] if applied else None

    def skip(self, name: str) -> None:
        """Note it as applied: new tables are made as the schema has them now, which is where it leads."""
        with self._speaking() as runner:
            runner.fake(name)

    def up(self, name: str) -> None:
        with self._speaking() as runner:
            runner.up(name)

    def down(self, name: str) -> None:
        with self._speaking() as runner:
            runner.down(name)

    @contextmanager
    def _speaking(self) -> Iterator[Runner]:
        """peewee writes %s for bound values, we $1."""
        assert self._runner is not None
        self._connection.cursor_factory = psycopg.Cursor
        try:
            yield self._runner
        finally:
            self._connection.cursor_factory = psycopg.RawCursor
