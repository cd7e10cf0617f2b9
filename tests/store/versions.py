"""Versions of the application with a changed schema, and everything that a migration could change in a database."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.store.application import RESOURCES, SCHEMAS
from tests.store.program import connect
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource
from tidegate.store.sqlite.migration.migrate import apply, planned

Schemas = dict[str, dict[str, Any]]


def with_rows(path: Path, *statements: str) -> None:
    connection = connect(path)
    for sql in statements:
        connection.execute(sql)
    connection.close()


def plan(url: str, resources: Mapping[str, Resource], folder: Path | None = None) -> list[str]:
    """The names of the steps that a migration of this SQLite database would take."""
    return [step.name for step in planned(url, resources, folder)]


def changed(change: Callable[[Schemas], object]) -> dict[str, Resource]:
    schemas = copy.deepcopy(SCHEMAS)
    change(schemas)
    return {name: read_resource(name, schema, {}) for name, schema in schemas.items()}


def with_property(name: str, schema: dict[str, Any], required: bool = False) -> dict[str, Resource]:
    """The application with one more property of a boat."""

    def change(schemas: Schemas) -> None:
        schemas["boats"]["properties"][name] = schema
        schemas["boats"]["required"] += [name] if required else []

    return changed(change)


def change(resource: str, prop: str, remove: tuple[str, ...] = (), **words: Any) -> Callable[[Schemas], None]:
    """Change keywords in the schema of one property."""

    def run(schemas: Schemas) -> None:
        schema = schemas[resource]["properties"][prop]
        for word in remove:
            del schema[word]
        schema.update(words)

    return run


def required(resource: str, prop: str, *, now: bool) -> Callable[[Schemas], None]:
    def run(schemas: Schemas) -> None:
        names = schemas[resource]["required"]
        names.append(prop) if now else names.remove(prop)

    return run


def annotated(resource: str, word: str, value: Any) -> Callable[[Schemas], None]:
    return lambda schemas: schemas[resource]["x-resource"].update({word: value})


def surrounded(path: Path) -> str:
    """A database with rows, and with everything that other programs may have put around Tidegate's tables."""
    with_rows(
        path,
        "INSERT INTO boats (code, sign, weight, extra, harbour) VALUES ('a', 1, 2.0, '[1]', 'Ost'), "
        "('b', 2, NULL, NULL, NULL), ('c', 3, 3, '{}', NULL)",
        "DELETE FROM boats WHERE code = 'b'",
        "INSERT INTO people (name, email) VALUES ('Ada', 'a@x'), ('Bob', NULL), ('Cid', 'c@x')",
        "DELETE FROM people WHERE name = 'Cid'",
        "INSERT INTO berths (harbour, number, boat) VALUES ('Ost', 1, 'a'), ('Ost', 2, NULL)",
        "CREATE TABLE ledger (person INTEGER REFERENCES people (id), berth TEXT, sum REAL)",
        "INSERT INTO ledger VALUES (1, 'Ost', 1.5)",
        "CREATE INDEX their_index ON people (lower(name)) WHERE email IS NOT NULL",
        "CREATE UNIQUE INDEX their_other ON berths (boat)",
        "CREATE TRIGGER their_trigger AFTER INSERT ON people BEGIN INSERT INTO ledger (person) VALUES (NEW.id); END",
        "CREATE TRIGGER their_reader AFTER INSERT ON ledger BEGIN UPDATE ledger SET berth = "
        "(SELECT harbour FROM berths LIMIT 1) WHERE berth IS NULL; END",
        "CREATE TRIGGER their_berths BEFORE DELETE ON berths BEGIN SELECT RAISE(ABORT, 'never'); END",
        "CREATE VIEW their_view AS SELECT name, state FROM people, berths",
    )
    url = f"sqlite:///{path}"
    apply(url, RESOURCES)  # so that the triggers know their unique index
    return url


def contents(path: Path) -> list[tuple[Any, ...]]:
    """Everything that a migration may change: definitions, rows with their numbers and types, the epoch."""
    connection = connect(path)
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY 1")]
    found = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY 1, 2").fetchall()
    for name in tables:
        for row in connection.execute(f'SELECT *, rowid FROM "{name}"'):
            found.append((name, *row, " ".join(type(value).__name__ for value in row)))
    connection.close()
    return found


def rows(path: Path, *tables: str) -> list[tuple[Any, ...]]:
    """The part of `contents` that is in these tables."""
    return [row for row in contents(path) if row[0] in tables]
