"""Rows of another program whose key has no value that JSON has: NULL, an infinite time, NaN.

Clients could not tell such a row from the next one, and would give up the subscription. They do not get it; what they
get is the same in a read and in the changes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from tests.store.application import ANYONE
from tests.store.port.conftest import Database
from tests.support.cases import every_case
from tidegate.contract import Resource
from tidegate.core.rows.ports import ReadQuery, Store
from tidegate.schema.resource import read_resource
from tidegate.store import backends
from tidegate.store.serving import named_rows


class Case(NamedTuple):
    """`named`, `other`: values of the column `at` as SQL; `unnamed`: such values without one in JSON."""

    kind: str
    definition: str
    at: dict[str, Any]
    named: str
    other: str
    unnamed: tuple[str, ...]


NUMBER, MOMENT, TEXT = {"type": "number"}, {"type": "string", "format": "date-time"}, {"type": "string"}
CASES = {
    "words": Case("sqlite", "at TEXT PRIMARY KEY, n INTEGER", TEXT, "'a'", "'b'", ("NULL",)),
    "pairs": Case("sqlite", "at TEXT, n INTEGER, PRIMARY KEY (at, n)", TEXT, "'a'", "'b'", ("NULL",)),
    "numbers": Case("sqlite", "at REAL NOT NULL PRIMARY KEY, n INTEGER", NUMBER, "1.5", "2", ("9e999", "-9e999")),
    "descending": Case("sqlite", "at INTEGER PRIMARY KEY DESC, n INTEGER", {"type": "integer"}, "1", "2", ("NULL",)),
    "floats": Case("postgresql", "at float8 PRIMARY KEY, n bigint", NUMBER, "1.5", "2", ("'NaN'", "'Infinity'")),
    "times": Case(
        "postgresql",
        "at timestamptz PRIMARY KEY, n bigint",
        MOMENT,
        "'2026-01-01Z'",
        "'2027-01-01Z'",
        ("'infinity'", "'-infinity'", "'12000-01-01'"),
    ),
    "periods": Case(
        "postgresql",
        "n bigint, at timestamptz DEFAULT 'infinity', PRIMARY KEY (n, at)",
        MOMENT,
        "'2026-01-01Z'",
        "'2027-01-01Z'",
        ("'infinity'",),
    ),
}


def resource_of(name: str, case: Case) -> Resource:
    key = ["at", "n"] if "(" in case.definition else "at"
    schema = {
        "title": name.title(),
        "type": "object",
        "x-resource": {"key": key},
        "x-access": ANYONE,
        "properties": {"at": case.at, "n": {"type": "integer"}},
        "required": ["at", "n"],
    }
    return read_resource(name, schema, {})


async def everything(store: Store, resource: str) -> tuple[list[dict[str, Any]], int]:
    found = await store.read(ReadQuery(resource=resource, count=True))
    assert found.total == len(found.rows)
    assert (await store.read(ReadQuery(resource=resource, limit=1))).rows == found.rows[:1]
    return found.rows, found.seq


async def test_they_are_in_no_read_and_in_no_change(
    database: Database, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(named_rows.UNNAMED, "_due", None)
    run = database.foreign.execute
    cases = {name: case for name, case in CASES.items() if case.kind == database.kind}
    for table, case in cases.items():
        run(f"CREATE TABLE {table} ({case.definition})")
        for number, value in enumerate((case.named, *case.unnamed), start=1):
            run(f"INSERT INTO {table} (at, n) VALUES ({value}, {number})")
    resources = {name: resource_of(name, case) for name, case in cases.items()}
    backends.migrations(database.url).apply(database.url, {**database.resources, **resources})
    store = await database.open(resources)
    try:
        with every_case() as tried:
            for table, case in cases.items():
                with tried(table):
                    await check(store, database, resources[table], case)
    finally:
        await store.close()
    assert "has no value in its key" in caplog.text


async def check(store: Store, database: Database, resource: Resource, case: Case) -> None:
    table, key = resource.table, resource.key
    rows, seq = await everything(store, table)
    assert [row["n"] for row in rows] == [1]
    for statement in (
        f"UPDATE {table} SET n = 12 WHERE n = 2",  # a row without a key, and it stays so
        f"INSERT INTO {table} (at, n) VALUES ({case.other}, 20)",
        f"DELETE FROM {table} WHERE n = 12",
        f"UPDATE {table} SET at = {case.unnamed[0]} WHERE n = 20",  # loses its key
        f"INSERT INTO {table} (at, n) VALUES ({case.other}, 30)",
        f"DELETE FROM {table} WHERE n = 1",
        f"UPDATE {table} SET at = {case.named} WHERE n = 20",  # gets one
    ):
        database.foreign.execute(statement)
    after, upto = await everything(store, table)
    changes = list(await store.changes(seq, upto, 100))
    assert sorted(row["n"] for row in after) == [20, 30]
    assert [change.action for change in changes] == ["create", "delete", "create", "delete", "create"]
    copy = {tuple(row[name] for name in key): row for row in rows}
    for change in changes:
        named = tuple(change.key[name] for name in key)
        if change.new is None:
            assert copy.pop(named) == change.old
        else:
            copy[named] = change.new
    assert copy == {tuple(row[name] for name in key): row for row in after}
