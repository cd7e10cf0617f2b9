"""What `tidegate migrate`, `tidegate dev` and a starting gateway ask of the migrations of a database.

Each database implements the port `Migrations` with a module. The port knows no database.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tidegate.contract import Resource
from tidegate.store.migration.files import Bodies
from tidegate.store.migration.plan import PlannedStep
from tidegate.store.migration.unsafe_changes import dropping

Progress = Callable[[str, int, int], object]
"""Called with a table, the number of its rows that were copied, and the number of all its rows; with "" and the numbers
of steps that were taken, and of all that are known.
"""
LOCK_TIMEOUT_S = 10.0
"""How long a migration waits for locks that other programs hold, unless the caller says it."""


class Migrations(Protocol):
    """The migrations of one kind of database. `folder` holds the manual migrations. Every method raises StoreError."""

    def check(self, url: str, resources: Mapping[str, Resource], *, durable: bool = ...) -> None:
        """Raises Unmigrated when the database lacks anything that serving needs. `durable`: also for durable rooms."""

    def planned(self, url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> Sequence[PlannedStep]:
        """What `apply` would do, in order. Steps after a manual migration that is to run are not known yet."""

    def statements(self, url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
        """The SQL with which `apply` would change definitions, up to the first manual migration."""

    def notes(self, url: str, resources: Mapping[str, Resource]) -> list[str]:
        """What a migration leaves as it is although an operator might expect a change."""

    def suggestions(self, url: str, resources: Mapping[str, Resource]) -> Mapping[str, Bodies]:
        """The bodies of manual migrations that the database may need, by the names that errors and notes give them."""

    def apply(
        self,
        url: str,
        resources: Mapping[str, Resource],
        folder: Path | None = None,
        progress: Progress | None = None,
        lock_timeout: float = LOCK_TIMEOUT_S,
    ) -> list[str]:
        """Bring the database up to date in one transaction; returns the names of the steps that were taken.

        `lock_timeout`: the seconds that it waits for locks that other programs hold.
        """

    def down(
        self,
        url: str,
        resources: Mapping[str, Resource],
        folder: Path | None,
        progress: Progress | None = None,
        lock_timeout: float = LOCK_TIMEOUT_S,
    ) -> list[str]:
        """Take back the manual migration that was applied last; returns the names of the steps that were taken.

        `resources` should be those from before that migration: the database is brought to them in the same transaction.
        """


def left_columns(table: str, columns: Sequence[str]) -> list[str]:
    """A note about columns of a table of Tidegate's that the schema does not name; no note without columns."""
    if not columns:
        return []
    word, them = ("column", "it") if len(columns) == 1 else ("columns", "one of them")
    return [
        f"left alone: the {word} {', '.join(columns)} of {table}, which the schema does not name; to drop {them}: "
        f"tidegate migrate --new {dropping(table, columns[0])}"
    ]


def left_alone(tables: Sequence[str]) -> list[str]:
    """A note about `tables`, which are older than Tidegate; no note without tables."""
    if not tables:
        return []
    words = ("table", "was", "it lacks") if len(tables) == 1 else ("tables", "were", "they lack")
    which, was, it_lacks = words
    return [
        f"the {which} {', '.join(tables)} {was} there before Tidegate, which adds the columns, indexes and triggers "
        f"that {it_lacks} and changes nothing else there, whatever the schema says"
    ]
