"""An application whose tables have everything that a schema can ask for, and other programs that write to them.

`Foreign` is such a program: the standard library's SQLite, no setting of ours. `run` checks after every statement that
the change log tells exactly what it did; the tests then look at how it is told.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from tests.store.program import Program
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource
from tidegate.store.sqlite.migration import migrate
from tidegate.store.sqlite.rows import unmarked

ANYONE = dict.fromkeys(("read", "create", "update", "delete"), "anyone")
BOATS: dict[str, Any] = {
    "title": "Boat",
    "type": "object",
    "x-resource": {"key": "code", "unique": [["name", "harbour"], ["sign"]], "indexes": [["harbour"]]},
    "x-access": ANYONE,
    "properties": {
        "code": {"type": "string", "maxLength": 40},
        "name": {"type": "string", "default": "nameless"},
        "harbour": {"type": ["string", "null"]},
        "sign": {"type": "integer"},
        "weight": {"type": "number"},
        "afloat": {"type": "boolean", "default": False},
        "tags": {"type": "array", "default": []},
        "papers": {"type": ["object", "null"]},
        "extra": {},
        "pin": {"type": "string", "writeOnly": True},
    },
    "required": ["code", "name", "afloat", "tags"],
}
BERTHS: dict[str, Any] = {
    "title": "Berth",
    "type": "object",
    "x-resource": {"key": ["harbour", "number"], "references": {"boat": "boats.code"}},
    "x-access": ANYONE,
    "properties": {
        "harbour": {"type": "string"},
        "number": {"type": "integer"},
        "boat": {"type": "string"},
        "state": {"enum": ["free", "taken"], "default": "free"},
    },
    "required": ["harbour", "number", "state"],
}
PEOPLE: dict[str, Any] = {
    "title": "Person",
    "type": "object",
    "x-resource": {"key": "id", "unique": [["email"]]},
    "x-access": ANYONE,
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": "string", "maxLength": 20},
        "email": {"type": "string"},
        "joined_at": {"type": "string", "format": "date-time", "readOnly": True},
    },
    "required": ["id", "name", "joined_at"],
}
SCHEMAS = {"boats": BOATS, "berths": BERTHS, "people": PEOPLE}
RESOURCES: dict[str, Resource] = {name: read_resource(name, schema, {}) for name, schema in SCHEMAS.items()}

Values = dict[str, Any]
RowKey = tuple[Any, ...]
"""A key as a test names it: its values in the key's order."""


class Entry(NamedTuple):
    """An entry of the change log, its images as raw column values."""

    seq: int
    resource: str
    key: RowKey
    action: str
    old: Values | None
    new: Values | None


class Foreign:
    """Another program. Every statement is a transaction, unless it says BEGIN."""

    def __init__(
        self,
        connection: sqlite3.Connection | Program,
        resources: Mapping[str, Resource] = RESOURCES,
        *,
        recursive_triggers: bool = False,
    ) -> None:
        self.connection = connection
        self.resources = resources
        self.connection.execute(f"PRAGMA recursive_triggers = {int(recursive_triggers)}")

    def run(self, sql: str, *parameters: Any) -> list[Entry]:
        """Run one statement; returns its entries in the log, which must be what it did."""
        before, mark = self.tables(), self.head()
        try:
            self.connection.execute(sql, parameters).fetchall()
        finally:
            entries = self.log(mark)
            check_told(before, self.tables(), entries)
        return entries

    def execute(self, sql: str) -> None:
        self.connection.execute(sql)

    def tables(self) -> dict[str, dict[RowKey, Values]]:
        """All rows, by resource and key: what SELECT says."""
        return {name: self.table(resource) for name, resource in self.resources.items()}

    def table(self, resource: Resource) -> dict[RowKey, Values]:
        columns = [name for name, prop in resource.properties.items() if not prop.write_only]
        quoted = ", ".join(f'"{column}"' for column in columns)
        found = self.connection.execute(f'SELECT {quoted} FROM "{resource.table}"')
        rows = [dict(zip(columns, values, strict=True)) for values in found]
        return {tuple(row[name] for name in resource.key): row for row in rows}

    def head(self) -> int:
        found: int = self.connection.execute(
            "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'tidegate_log'"
        ).fetchone()[0]
        return found

    def log(self, after: int = 0) -> list[Entry]:
        found = self.connection.execute(
            "SELECT seq, resource, key, action, old, new FROM tidegate_log WHERE seq > ? ORDER BY seq", (after,)
        )
        return [
            Entry(
                seq,
                name,
                tuple(raw(key)[part] for part in self.resources[name].key),
                action,
                old and raw(old),
                new and raw(new),
            )
            for seq, name, key, action, old, new in found
        ]

    def close(self) -> None:
        self.connection.close()


def add(program: Foreign, code: str, **values: Any) -> None:
    """A new boat."""
    names = ["code", *values]
    program.run(
        f"INSERT INTO boats ({', '.join(names)}) VALUES ({', '.join('?' * len(names))})", code, *values.values()
    )


def raw(image: str) -> Values:
    """An image's column values, as SELECT would give them."""
    return {name: unmarked(value) for name, value in json.loads(image, strict=False).items()}


def check_told(
    before: Mapping[str, Mapping[RowKey, Values]],
    after: Mapping[str, Mapping[RowKey, Values]],
    entries: Iterable[Entry],
) -> None:
    """`entries`, each starting where the last one of its row ended, lead from `before` to `after`."""
    now = {name: dict(rows) for name, rows in before.items()}
    for entry in entries:
        rows = now[entry.resource]
        assert same(entry.old, rows.get(entry.key)), entry
        assert entry.action == {(True, False): "create", (False, True): "delete"}.get(
            (entry.old is None, entry.new is None), "update"
        )
        if entry.new is None:
            del rows[entry.key]
        else:
            rows[entry.key] = entry.new
    assert {name: set(rows) for name, rows in now.items()} == {name: set(rows) for name, rows in after.items()}
    for name, rows in now.items():
        for key, row in rows.items():
            assert same(row, after[name][key]), key


def same(one: Values | None, other: Values | None) -> bool:
    """Equal, and of equal types: 1 is not 1.0."""
    if one is None or other is None:
        return one is other
    return one == other and [type(value) for value in one.values()] == [type(other[name]) for name in one]


def told(entries: Iterable[Entry]) -> list[tuple[str, RowKey]]:
    """Only what happened to which row."""
    return [(entry.action, entry.key) for entry in entries]


def created(path: Path, resources: Mapping[str, Resource] = RESOURCES) -> str:
    """Migrate a new database; returns its URL."""
    url = f"sqlite:///{path}"
    migrate.apply(url, resources)
    return url
