"""What is never done to a table by itself, in words, and the written migration that does it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tidegate.store.migration.files import next_file, slugged


class Refusal(NamedTuple):
    """What is never done by itself, and how the migration that does it would be called."""

    text: str
    name: str


def dropped_column(table: str, column: str) -> Refusal:
    return Refusal(
        f"the table {table} has a column {column} that the schema does not: dropping it needs a written migration",
        f"drop_{table}_{column}",
    )


def another_key(table: str, before: tuple[str, ...], wanted: tuple[str, ...]) -> Refusal:
    return Refusal(
        f"the key of the table {table} is ({', '.join(before)}) and the schema wants ({', '.join(wanted)}): "
        "another key needs a written migration",
        f"key_of_{table}",
    )


def dropped(table: str) -> Refusal:
    return Refusal(
        f"the schema has no resource for the table {table} any more: dropping it needs a written migration",
        f"drop_{table}",
    )


def generated(table: str, column: str) -> Refusal:
    return Refusal(
        f"the table {table} has a generated column {column}, which rebuilding the table would lose: that needs a "
        "written migration",
        f"drop_{table}_{column}",
    )


def to_write(folder: Path | None, name: str) -> str:
    """What to type, and the file that it makes."""
    slug = slugged(name)
    command = f"tidegate migrate --new {slug}"
    return f"type: {command}" + ("" if folder is None else f" and fill in {next_file(folder, slug)}")
