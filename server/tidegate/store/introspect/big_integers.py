"""Which integers of an existing database travel as text (`format: int64`), and which as numbers.

JSON readers in JavaScript round integers beyond 2^53. Small integers are handier as numbers, so that text is for
columns that hold such an integer, or will: keys that another counter than the database's fills, such as snowflakes. A
reference has the type of what it refers to.
Invariant: of two columns that a reference connects, both are text or none, unless the values of one make it text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from tidegate.schema import SAFE_INTEGER
from tidegate.store.introspect.found import NO_DEFAULT, Column, Found, Table

AS_TEXT = {"type": "string", "format": "int64"}


def decided(found: Found) -> Found:
    """`found` with the types of its integers of 64 bits, and notes about them."""
    big = _Big(found.tables)
    tables, notes = [], []
    for table in found.tables:
        columns = tuple(big.column(table, column) for column in table.columns)
        tables.append(msgspec.structs.replace(table, columns=columns))
        notes += _notes(table, columns)
    return msgspec.structs.replace(found, tables=tables, left_out=found.left_out + notes)


class _Big:
    def __init__(self, tables: Iterable[Table]) -> None:
        self._tables: Mapping[str, Table] = {table.name.lower(): table for table in tables}

    def column(self, table: Table, column: Column) -> Column:
        if not self._is_text(table, column, set()):
            safe = not _is_unsafe(column.default)
            return column if safe else msgspec.structs.replace(column, default=NO_DEFAULT)
        default = column.default if column.default is NO_DEFAULT else str(column.default)
        schema = {**{word: value for word, value in column.schema.items() if word == "description"}, **AS_TEXT}
        return msgspec.structs.replace(column, schema=schema, default=default)

    def _is_text(self, table: Table, column: Column, seen: set[tuple[str, str]]) -> bool:
        if column.integer is None:
            return False
        if column.integer == "beyond 2^53" or _is_unsafe(column.default):
            return True
        target = self._target(table, column)
        if target is None or (target[0].name, target[1].name) in seen:
            return column.integer == "bigint" and column.name in table.key
        return self._is_text(*target, {*seen, (table.name, column.name)})

    def _target(self, table: Table, column: Column) -> tuple[Table, Column] | None:
        """What the column refers to, if that is another column of a table that can be shared."""
        name, target_column = (table.parts | table.references).get(column.name, ("", ""))
        target = self._tables.get(name.lower())
        found = None if target is None else target.column(target_column)
        return None if target is None or found is None or (target, found) == (table, column) else (target, found)


def _is_unsafe(value: Any) -> bool:
    return isinstance(value, int) and abs(value) > SAFE_INTEGER


def _notes(table: Table, columns: tuple[Column, ...]) -> list[str]:
    text = [column.name for column in columns if column.integer is not None and column.schema["type"] == "string"]
    rest = [column.name for column in columns if column.integer == "bigint" and column.schema["type"] == "integer"]
    notes = []
    if text:
        notes.append(
            f"{table.name}: integers that may be beyond 2^53 are text on the wire (format int64): {', '.join(text)}"
        )
    if rest := [name for name in rest if name not in table.parts | table.references]:
        notes.append(
            f"{table.name}: no row has an integer beyond 2^53, so that these are numbers on the wire: "
            f"{', '.join(rest)}; where larger ones may come, write "
            '{"type": "string", "format": "int64"}'
        )
    return notes
