"""Changes that may lose values. A migration refuses them and names the manual migration that makes them.

It only builds texts and errors; each database finds the changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from tidegate.store.errors import NeedsManualMigration
from tidegate.store.migration.files import next_file, slugged

Column = tuple[str, str]
"""A table, and a column of it."""


class UnsafeChange(NamedTuple):
    """A change that Tidegate never makes by itself, and a name for the manual migration that makes it."""

    text: str
    name: str


def probable_renames(gone: Mapping[str, Sequence[str]]) -> list[tuple[str, str]]:
    """Pairs of an old and a new name that probably are one column. `gone`: for each column that the schema no longer
    names, the new properties that have its type.

    Several columns may go and come at once: only what has one partner is a pair.
    """
    partners = Counter(new for names in gone.values() for new in names)
    return [(old, names[0]) for old, names in gone.items() if len(names) == 1 and partners[names[0]] == 1]


def renamed_column(table: str, column: str, new: str) -> UnsafeChange:
    """`column` is gone from the schema, and `new`, of the same type, is in the schema only."""
    return UnsafeChange(
        f"the schema has {new} instead of the column {column} of {table}: did you rename it to {new}? If not, drop it: "
        f"tidegate migrate --new {dropping(table, column)}. If so",
        renaming(table, column, new),
    )


def renaming(table: str, column: str, new: str) -> str:
    """The name of the manual migration that renames a column."""
    return slugged(f"rename_{table}_{column}_to_{new}")


def dropping(table: str, column: str) -> str:
    """The name of the manual migration that drops a column."""
    return slugged(f"drop_{table}_{column}")


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


def refuse_after_down(name: str, before: Collection[Column], after: Collection[Column]) -> None:
    """Raises NeedsManualMigration for columns that `down` of the migration `name` made and the schema does not name.

    `before`, `after`: the columns that the schema does not name.
    """
    made = sorted(set(after) - set(before))
    if made:
        table, column = made[0]
        raise NeedsManualMigration(
            f"after `down` of {name} the table {table} has a column {column} that the schema does not: restore the "
            "schema files from before that migration, and type: tidegate migrate --down"
        )


def left_by_down(name: str, error: NeedsManualMigration) -> NeedsManualMigration:
    """The error for what is unsafe after `down` of the migration `name`, which should have done it."""
    what = str(error).partition("; type: ")[0].replace("needs a manual migration", "is what `down` has to do")
    return NeedsManualMigration(f"after `down` of {name}: {what}")


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
