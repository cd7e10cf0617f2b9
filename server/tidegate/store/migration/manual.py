"""Manual migrations: which files of `migrations/` were applied to a database, and how one is applied or taken back.

playhouse.migrations finds the files, runs them and records them. What surrounds a run differs by database and stands
in its own module `manual`.
Invariant: a manual migration is a part of the migration's one transaction.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import Any, Literal

import peewee
from playhouse.migrations import Runner

from tidegate.store.errors import StoreError
from tidegate.store.migration.files import HISTORY
from tidegate.store.migration.plan import RUN, TAKE_BACK, Step

Direction = Literal["up", "down"]
Run = Callable[[str, Direction], object]
"""Runs the manual migration of this name, with what the database needs around it."""


class ManualMigrations:
    """The manual migrations of one folder and one open database. Without a folder there are none."""

    def __init__(
        self,
        database: peewee.Database,
        folder: Path | None,
        around: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        """`around`: a context in which peewee uses the database's connection."""
        self.folder = folder
        self._around = around
        self._runner: Any = None
        if folder is not None and folder.is_dir():
            self._runner = Runner(database, str(folder), table_name=HISTORY)

    def made_tables(self, tables: Collection[str]) -> set[str]:
        """Those of `tables` that pending migrations make or rename a table to, as far as their texts tell."""
        texts = [self._text(name) for name in self.pending()]
        return {table for table in tables if any(_makes(text, table) for text in texts)}

    def _text(self, name: str) -> str:
        assert self.folder is not None
        try:
            return (self.folder / f"{name}.py").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""  # running it fails, and the error says why

    def pending(self) -> list[str]:
        """The names of the migrations that were not applied yet, in order."""
        return self._names(applied=False)

    def last(self) -> str:
        """The name of the migration that was applied last. Raises StoreError when there is none."""
        applied = self._names(applied=True)
        if not applied:
            raise StoreError("there is no manual migration to take back")
        return applied[-1]

    def skip(self, name: str) -> None:
        """Record the migration as applied without running it."""
        with self._around():
            self._runner.fake(name)

    def run(self, name: str, direction: Direction) -> None:
        """Run `up` or `down` of the file. Raises whatever the file raises."""
        with self._around():
            self._runner.up(name) if direction == "up" else self._runner.down(name)

    def _names(self, *, applied: bool) -> list[str]:
        if self._runner is None:
            return []
        with self._around():
            return [migration.name for migration in self._runner.status() if bool(migration.applied) is applied]


def _makes(text: str, table: str) -> bool:
    """Whether the Python of a migration makes the table, by SQL or by peewee's functions."""
    begins = r"""create\s+(?:temp\w*\s+)?table\s+(?:if\s+not\s+exists\s+)?|rename\s+to\s+|['"]\s*,\s*['"]"""
    by_name = rf"""(?i)(?:{begins})[\\"'`\[]*{re.escape(table)}(?!\w)"""
    return re.search(by_name, text) is not None or re.search(r"\.create_tables?\s*\(", text) is not None


def failed(name: str, why: object) -> StoreError:
    """The error for a manual migration that cannot be run."""
    return StoreError(f"the migration {name} failed and nothing was changed: {why}")


def reason(error: Exception) -> str:
    """What `error` says, or its name where it says nothing."""
    return str(error).strip() or type(error).__name__


def pending_steps(migrations: ManualMigrations, run: Run, *, new: bool) -> list[Step]:
    """A step for each pending migration.

    `new`: no table of a resource exists yet. New tables follow the schema of today, to which the migrations lead, so
    that the migrations are recorded without being run.
    """
    if new:
        why = "new tables are made as it would leave them"
        return [
            Step(f"skip migration {name}", why, partial(migrations.skip, name), independent=True)
            for name in migrations.pending()
        ]
    why = "it is in the folder and was not applied yet"
    return [Step(f"{RUN}{name}", why, partial(run, name, "up"), moves_references=True) for name in migrations.pending()]


def last_step_back(migrations: ManualMigrations, run: Run) -> Step:
    """The step that takes back the migration that was applied last. Raises StoreError when there is none."""
    name = migrations.last()
    return Step(
        f"{TAKE_BACK}{name}",
        "it is the last one that was applied",
        partial(run, name, "down"),
        moves_references=True,
    )
