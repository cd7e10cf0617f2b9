"""Chooses the key of a table: its primary key, or unique columns that are never NULL.

It knows no database. A unique index counts if it covers all rows and plain columns, and compares values byte by byte.
Invariant: two reads of an equal table choose an equal key, whatever the order of the indexes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tidegate.store.introspect.found import Column
from tidegate.store.introspect.secrets import is_secret

Names = tuple[str, ...]


def choose_key(
    table: str, columns: Iterable[Column], primary: Names, unique: Iterable[Names], left_out: list[str]
) -> Names | None:
    """The key's columns; None, with a note in `left_out`, for a table without a usable key.

    `unique`: the columns of the table's unique indexes, with NULL or without.
    """
    by_name = {column.name: column for column in columns}
    key = _chosen(table, by_name, primary, unique, left_out)
    if unnamed := [name for name in key or () if by_name[name].schema["type"] in {"number", "boolean"}]:
        left_out.append(
            f"{table}: requests name a row by texts and integers, and its key has another value "
            f"({', '.join(unnamed)}): clients list its rows and follow them, but cannot get, update or delete one"
        )
    return key


def _chosen(
    table: str, by_name: Mapping[str, Column], primary: Names, unique: Iterable[Names], left_out: list[str]
) -> Names | None:
    """As `choose_key`, whatever the types of the key."""
    if primary and by_name.keys() >= set(primary):
        return primary
    found = [names for names in unique if all(_can_be_in_key(by_name, name) for name in names)]
    if found:
        key = min(found, key=lambda names: (_has_secret(table, by_name, names), len(names), names))
        why = f"its primary key ({', '.join(primary)}) cannot be in a file" if primary else "it has no primary key"
        left_out.append(f"{table}: {why}, so the unique columns ({', '.join(key)}) are the key")
        return key
    if primary:
        missing = next(name for name in primary if name not in by_name)
        left_out.append(f"{table}: the table is left out, because it has no key without {missing}")
    else:
        left_out.append(f"{table} has no primary key, so that clients cannot name a row")
    return None


def _can_be_in_key(columns: Mapping[str, Column], name: str) -> bool:
    column = columns.get(name)
    return column is not None and not column.null and isinstance(column.schema["type"], str)


def _has_secret(table: str, columns: Mapping[str, Column], names: Names) -> bool:
    return any(is_secret(name, table, columns[name].schema, key=True) for name in names)
