"""Changes that may lose values. A migration refuses them and names the manual migration that makes them.

It only builds texts and errors; each database finds the changes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from tidegate.store.errors import NeedsManualMigration
from tidegate.store.migration.files import next_file, slugged


class UnsafeChange(NamedTuple):
    """A change that Tidegate never makes by itself, and a name for the manual migration that makes it."""

    text: str
    name: str


def dropped_column(table: str, column: str) -> UnsafeChange:
    return UnsafeChange(
        f"the table {table} has a column {column} that the schema does not: dropping it needs a manual migration",
        f"drop_{table}_{column}",
    )


def converted_column(table: str, column: str, facts: str) -> UnsafeChange:
    """`facts`: a clause that says which type the column has and which type the schema wants."""
    return UnsafeChange(f"{facts}: converting it needs a manual migration", f"convert_{table}_{column}")


def changed_key(table: str, before: tuple[str, ...], wanted: tuple[str, ...]) -> UnsafeChange:
    return UnsafeChange(
        f"the key of the table {table} is ({', '.join(before)}) and the schema wants ({', '.join(wanted)}): "
        "another key needs a manual migration",
        f"key_of_{table}",
    )


def dropped_table(table: str) -> UnsafeChange:
    return UnsafeChange(
        f"the schema has no resource for the table {table} any more: dropping it needs a manual migration",
        f"drop_{table}",
    )


def lost_generated_column(table: str, column: str) -> UnsafeChange:
    return UnsafeChange(
        f"the table {table} has a generated column {column}, which rebuilding the table would lose: that needs a "
        "manual migration",
        f"drop_{table}_{column}",
    )


def refuse(changes: Sequence[UnsafeChange], folder: Path | None) -> None:
    """Raises NeedsManualMigration if there are any `changes`. `folder` holds the manual migrations."""
    if changes:
        texts = "; ".join(change.text for change in changes)
        raise NeedsManualMigration(f"{texts}; {advice(folder, changes[0].name)}")


def advice(folder: Path | None, name: str) -> str:
    """The command that begins a manual migration of this name, and the file that it writes."""
    slug = slugged(name)
    command = f"tidegate migrate --new {slug}"
    return f"type: {command}" + ("" if folder is None else f" and fill in {next_file(folder, slug)}")
