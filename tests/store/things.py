"""A resource with a property of every type that a filter can ask about, and its table in a real file.

Some properties have the names of columns of json_each or of SQL itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw

from tests.core.filters.filter_cases import KINDS
from tests.store.application import ANYONE, created
from tidegate.contract import Resource
from tidegate.core.filters.tree import Filter
from tidegate.core.rows.ports import ReadQuery, Row
from tidegate.schema.resource import read_resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.connection import connect
from tidegate.store.sqlite.rows import to_column
from tidegate.store.sqlite.serving.reader import Reader

THINGS: dict[str, Any] = {
    "title": "Thing",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": ANYONE,
    "properties": {
        "id": {"type": "integer"},
        **KINDS,
        "word": {"enum": ["a", "A", "b", "ä"]},
        "value": {"type": "array", "items": {"type": "string"}},
        "type": {"type": "array", "items": {"type": "number"}},
        "atom": {},
        't."select" %': {"type": "string"},
        "never_null": {"type": "string", "default": ""},
    },
    "required": ["id"],
    "additionalProperties": False,
}
RESOURCE: Resource = read_resource("things", THINGS, {})


class Things:
    """Writes to the table as other programs do, and reads from it as the gateway does."""

    def __init__(self, path: Path, reader: Reader) -> None:
        self._connection: apsw.Connection = connect(path)
        self._connection.pragma("synchronous", "off")
        # As the table of another program, which has no CHECK.
        self._connection.pragma("ignore_check_constraints", True)
        self._reader = reader

    def put(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Replace all rows with these, which are values of the columns."""
        self._connection.execute("BEGIN IMMEDIATE; DELETE FROM things; DELETE FROM tidegate_log")
        for row in rows:
            names, marks = ", ".join(map(quoted, row)), ", ".join("?" * len(row))
            self._connection.execute(f"INSERT INTO things ({names}) VALUES ({marks})", tuple(row.values()))
        self._connection.execute("COMMIT")

    def rows(self) -> list[Row]:
        return self._reader.read(ReadQuery(resource="things")).rows

    def ids(self, filters: Filter, **more: Any) -> list[int]:
        """What SQL finds."""
        return [row["id"] for row in self._reader.read(ReadQuery(resource="things", where=filters, **more)).rows]

    def close(self) -> None:
        self._connection.close()


def columns(row: Row) -> dict[str, Any]:
    """A wire row as the store writes it."""
    return {name: to_column(RESOURCE.properties[name], value) for name, value in row.items()}


@contextmanager
def opened(folder: Path) -> Iterator[Things]:
    path = folder / "things.db"
    created(path, {"things": RESOURCE})
    reader = Reader(path, {"things": RESOURCE})
    things = Things(path, reader)
    try:
        yield things
    finally:
        things.close()
        reader.close()


def possible(row: dict[str, Any]) -> dict[str, Any]:
    """A row from SQLite as PostgreSQL can keep it."""
    found: dict[str, Any] = {}
    for name, value in row.items():
        if isinstance(value, str):
            found[name] = value.replace("\\u0000", "").replace("\0", "")
        elif name == "num" and value in (float("inf"), float("-inf")):
            found[name] = None
        else:
            found[name] = bool(value) if name == "bool" and value is not None else value
    return found
