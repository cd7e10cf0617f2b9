"""Reads the indexes and the references of an SQLite table from SQLite's pragmas.

It only reads. What a schema file cannot hold gets a note in `left_out`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from tidegate.store.sql.names import quoted

Rows = Callable[..., list[tuple[Any, ...]]]
"""Runs a statement and returns its rows."""
Names = tuple[str, ...]


def plain_unique_indexes(rows: Rows, table: str) -> Iterator[Names]:
    """The columns of each unique index over all rows and plain columns that compares byte by byte."""
    for _, index, unique, _, partial in rows(f"PRAGMA index_list({quoted(table)})"):
        found = rows(f"PRAGMA index_xinfo({quoted(index)})")
        keys = [(name, collation) for *_, name, _, collation, is_key in found if is_key]
        if unique and not partial and all(name is not None and collation == "BINARY" for name, collation in keys):
            yield tuple(name for name, _ in keys)


def indexes(
    rows: Rows, table: str, key: Names, names: Mapping[str, str], left_out: list[str]
) -> tuple[tuple[Names, ...], tuple[Names, ...]]:
    """The columns of the unique indexes and of the others, of those over plain columns and all rows.

    `names`: the columns that are in the file, by their names in lower case.
    """
    found: dict[bool, dict[Names, None]] = {True: {}, False: {}}
    for _, index, unique, origin, partial in sorted(rows(f"PRAGMA index_list({quoted(table)})"), key=itemgetter(1)):
        terms = [name for _, _, name in rows(f"PRAGMA index_info({quoted(index)})")]
        columns = tuple(names.get((name or "").lower(), "") for name in terms)
        if partial or not all(columns):
            if unique and origin != "pk":
                left_out.append(f"{table}: the unique index {index} covers expressions, some rows or left-out columns")
        elif columns != key:
            found[bool(unique)][columns] = None
    return tuple(found[True]), tuple(columns for columns in found[False] if columns not in found[True])


def references(rows: Rows, table: str, names: Mapping[str, str], left_out: list[str]) -> dict[str, tuple[str, str]]:
    """{column: (other table, its column)} for each reference of one column."""
    grouped: dict[int, list[tuple[Any, ...]]] = {}
    for number, *rest in rows(f"PRAGMA foreign_key_list({quoted(table)})"):
        grouped.setdefault(number, []).append(tuple(rest))
    found = {}
    for parts in grouped.values():
        _, target, column, target_column, *_ = parts[0]
        if len(parts) > 1:
            left_out.append(f"{table}: the reference to {target} has several columns")
            continue
        if column.lower() in names:
            found[names[column.lower()]] = (target, target_column or _primary_key(rows, target))
    return found


def _primary_key(rows: Rows, table: str) -> str:
    """The first column of the table's primary key; "" without one."""
    found = sorted((place, name) for _, name, *_, place in rows(f"PRAGMA table_info({quoted(table)})") if place)
    return found[0][1] if found else ""
