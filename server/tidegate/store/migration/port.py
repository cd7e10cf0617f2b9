"""What `tidegate migrate` asks of a database, whichever it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from tidegate.contract import Resource

RUN = "run migration "
"""Begins the name of a step that runs a written migration."""
Progress = Callable[[str, int, int], object]
"""Told a table, how many of its rows were copied, and how many there are."""


class Migrations(Protocol):
    """What `tidegate migrate` asks of a database. `folder` holds migrations written by hand. All raise StoreError."""

    def check(self, url: str, resources: Mapping[str, Resource]) -> None:
        """Raises Unmigrated when the database lacks anything that serving needs."""

    def planned(self, url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> Sequence[object]:
        """What `apply` would do, in order."""

    def statements(self, url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
        """The SQL by which `apply` would change definitions; up to the first written migration."""

    def notes(self, url: str, resources: Mapping[str, Resource]) -> list[str]:
        """What a migration leaves alone that one might expect it to change."""

    def apply(
        self,
        url: str,
        resources: Mapping[str, Resource],
        folder: Path | None = None,
        progress: Progress | None = None,
    ) -> list[str]:
        """Bring the database up to date, in one transaction; returns what was done."""

    def down(
        self, url: str, resources: Mapping[str, Resource], folder: Path | None, progress: Progress | None = None
    ) -> list[str]:
        """Take the last written migration back; returns what was done."""


def left_alone(tables: list[str]) -> list[str]:
    """What is to be known of tables that were there before Tidegate."""
    if not tables:
        return []
    which, its, has = ("table", "its", "it has") if len(tables) == 1 else ("tables", "their", "they have")
    was = "was" if len(tables) == 1 else "were"
    return [
        f"the {which} {', '.join(tables)} {was} there before Tidegate: {its} columns, indexes and triggers are "
        f"completed; what {has} stays as it is, whatever the schema says of it"
    ]
