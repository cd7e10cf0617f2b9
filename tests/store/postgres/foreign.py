"""Another program that writes to PostgreSQL: plain SQL over psycopg, no setting of ours.

`run` checks after every statement that the change log, folded over the tables as they were, gives the tables as they
are. Tables are read in psycopg's own types, apart from everything of ours.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

from tests.store import application
from tests.store.application import ANYONE
from tests.support.driver import psycopg
from tests.support.driver import sql as names
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource

VISITS: dict[str, Any] = {
    "title": "Visit",
    "type": "object",
    "x-resource": {"key": "id", "table": 'Visits "of" \'26', "unique": [['t."select" %', "at"]]},
    "x-access": ANYONE,
    "properties": {
        "id": {"type": "string", "format": "uuid", "readOnly": True},
        "at": {"type": "string", "format": "date-time"},
        't."select" %': {"type": "string"},
        "image": {"type": "array", "items": {"type": "string"}},
        "ä" * 31: {"type": "integer", "enum": [1, 2, 3]},
    },
    "required": ["id"],
}
RESOURCES: dict[str, Resource] = {**application.RESOURCES, "visits": read_resource("visits", VISITS, {})}

Values = dict[str, Any]
RowKey = tuple[Any, ...]
Tables = dict[str, dict[RowKey, Values]]


class Entry(NamedTuple):
    """An entry of the change log."""

    seq: int
    resource: str
    key: RowKey
    action: str
    old: Values | None
    new: Values | None


class ForeignPostgres:
    """Another program. Every statement is a transaction, unless it says BEGIN."""

    def __init__(
        self, connection: psycopg.Connection[tuple[Any, ...]], resources: Mapping[str, Resource] = RESOURCES
    ) -> None:
        self.connection = connection
        self.resources = resources

    def run(self, statement: str, *parameters: Any) -> list[Entry]:
        """Run one statement; returns its entries in the log, which must be what it did. `?` stands for a parameter."""
        with self.told() as entries:
            self.execute(statement, *parameters)
        return entries

    def execute(self, statement: str, *parameters: Any) -> None:
        if parameters:
            statement = statement.replace("?", "%s")
        self.connection.execute(statement.encode(), parameters or None)

    @contextmanager
    def told(self) -> Iterator[list[Entry]]:
        """The log's entries of the `with` block, once that has ended."""
        before, mark = self.tables(), self.head()
        entries: list[Entry] = []
        try:
            yield entries
        finally:
            entries += self.log(mark)
            assert folded(before, entries) == self.tables()

    def tables(self) -> Tables:
        """All rows, by resource and key: what SELECT says."""
        return {name: self.table(resource) for name, resource in self.resources.items()}

    def table(self, resource: Resource) -> dict[RowKey, Values]:
        columns = [name for name, prop in resource.properties.items() if not prop.write_only]
        found = self.connection.execute(
            names.SQL("SELECT {} FROM {}").format(
                names.SQL(", ").join(map(names.Identifier, columns)), names.Identifier(resource.table)
            )
        )
        rows = [dict(zip(columns, map(plain, values), strict=True)) for values in found]
        return {tuple(row[name] for name in resource.key): row for row in rows}

    def head(self) -> int:
        return int(self.value("SELECT coalesce(max(seq), 0) FROM _tidegate.log"))

    def value(self, statement: str) -> Any:
        ((value,),) = self.connection.execute(statement.encode())
        return value

    def log(self, after: int = 0) -> list[Entry]:
        found = self.connection.execute(
            "SELECT seq, resource, key, action, old, new FROM _tidegate.log WHERE seq > %s ORDER BY seq", (after,)
        )
        return [
            Entry(
                seq,
                name,
                tuple(json.loads(key).get(part) for part in self.resources[name].key),
                action,
                old and json.loads(old),
                new and json.loads(new),
            )
            for seq, name, key, action, old, new in found
        ]


def add(program: ForeignPostgres, code: str, **values: Any) -> None:
    """A new boat."""
    columns = ["code", *values]
    program.run(
        f"INSERT INTO boats ({', '.join(columns)}) VALUES ({', '.join('?' * len(columns))})", code, *values.values()
    )


def plain(value: Any) -> Any:
    """A value of psycopg as the wire has it."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return str(value) if isinstance(value, UUID) else value


def folded(before: Tables, entries: Iterable[Entry], *, check_old: bool = True) -> Tables:
    """`before` as `entries` change it, each starting where the last one of its row ended."""
    now = {name: dict(rows) for name, rows in before.items()}
    for entry in entries:
        rows = now[entry.resource]
        if entry.action == "reset":
            rows.clear()
            continue
        if check_old:
            assert entry.old == rows.get(entry.key), entry
        if entry.new is None:
            del rows[entry.key]
        else:
            rows[entry.key] = entry.new
    return now


def happened(entries: Iterable[Entry]) -> list[tuple[str, RowKey]]:
    """Only what happened to which row."""
    return [(entry.action, entry.key) for entry in entries]
