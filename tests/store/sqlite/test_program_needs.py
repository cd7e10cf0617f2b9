"""Tables whose indexes, checks, columns or triggers need a collation or a function of the owner's program.

Tidegate's connections do not have them: such tables are introspected, migrated, read and followed; what clients cannot
write is told at once, and the log has what the program does.
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.store.application import ANYONE
from tests.store.owner import executed
from tests.store.program import Program
from tests.support.cases import every_case
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Mutation, ReadQuery, Row
from tidegate.schema.resource import read_resource
from tidegate.store import SqliteStore, backends
from tidegate.store.introspect.sqlite import read
from tidegate.store.sqlite.program_needs import unwritable

pytestmark = pytest.mark.process

STATEMENTS = (
    "CREATE TABLE decks (name TEXT PRIMARY KEY NOT NULL COLLATE unicase, size INTEGER)",
    "CREATE TABLE cards (id INTEGER PRIMARY KEY, tag TEXT COLLATE unicase, body TEXT, due INTEGER)",
    "CREATE INDEX cards_tag ON cards (tag)",
    "CREATE UNIQUE INDEX cards_body ON cards (twice(body))",
    "CREATE TABLE checked (id INTEGER PRIMARY KEY, name TEXT CHECK (twice(name) <> 'aa'), note TEXT)",
    "CREATE TABLE computed (id INTEGER PRIMARY KEY, name TEXT, double TEXT AS (twice(name)))",
    "CREATE TABLE followed (id INTEGER PRIMARY KEY, name TEXT)",
    "CREATE TRIGGER follow AFTER INSERT ON followed BEGIN SELECT twice(NEW.name); END",
    "CREATE TABLE plain (id INTEGER PRIMARY KEY, name TEXT COLLATE NOCASE)",
    "INSERT INTO decks VALUES ('A', 1), ('b', 2)",
    "INSERT INTO cards VALUES (1, 'x', 'B', 1), (2, 'X', 'c', 2), (3, 'y', 'd', 3)",
    "INSERT INTO checked VALUES (1, 'x', 'n')",
    "INSERT INTO followed VALUES (1, 'x')",
)
TEXT = {"type": ["string", "null"]}
INTEGER = {"type": ["integer", "null"]}
ID = {"type": "integer", "readOnly": True}
PROPERTIES: dict[str, dict[str, Any]] = {
    "decks": {"name": {"type": "string"}, "size": INTEGER},
    "cards": {"id": ID, "tag": TEXT, "body": TEXT, "due": INTEGER},
    "checked": {"id": ID, "name": TEXT, "note": TEXT},
    "computed": {"id": ID, "name": TEXT},
    "followed": {"id": ID, "name": TEXT},
    "plain": {"id": ID, "name": TEXT},
}
RESOURCES = {
    name: read_resource(
        name,
        {
            "title": name,
            "type": "object",
            "x-resource": {"key": (key := next(iter(properties)))},
            "x-access": ANYONE,
            "properties": properties,
            "required": [key],
        },
        {},
    )
    for name, properties in PROPERTIES.items()
}
READ_ONLY = {"decks", "cards", "checked", "computed", "followed"}


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("owned") / "cards.db"
    executed(path, *STATEMENTS)
    return path


@pytest.fixture(scope="module")
def migrated(owned: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = Path(shutil.copy(owned, tmp_path_factory.mktemp("migrated")))
    backends.migrations(f"sqlite:///{path}").apply(f"sqlite:///{path}", RESOURCES)
    return path


@pytest.fixture
def path(migrated: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(migrated, tmp_path))


@pytest.fixture
async def store(path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    yield store
    await store.close()


async def rows(store: SqliteStore, resource: str, **query: Any) -> list[Row]:
    return (await store.read(ReadQuery(resource=resource, **query))).rows


def test_introspection_takes_such_tables_and_names_them(owned: Path) -> None:
    found = read(f"sqlite:///{owned}")
    assert {table.name for table in found.tables} == set(RESOURCES)
    told = [text for text in found.left_out if "its own program" in text]
    assert {text.split()[0] for text in told} == READ_ONLY


def test_a_migration_names_them(path: Path) -> None:
    notes = backends.migrations(f"sqlite:///{path}").notes(f"sqlite:///{path}", RESOURCES)
    assert {text.split()[0] for text in notes if "its own program" in text} == READ_ONLY
    (decks,) = (text for text in notes if text.startswith("decks"))
    assert "no such collation sequence: unicase" in decks
    assert decks.endswith("they cannot create rows or delete rows or update some columns")


async def test_a_gateway_names_them_when_it_starts(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    await store.close()
    said = [record.getMessage() for record in caplog.records if "its own program" in record.getMessage()]
    assert len(said) == len(READ_ONLY)


async def test_rows_are_read_by_code_point(store: SqliteStore) -> None:
    assert [row["name"] for row in await rows(store, "decks", sort=(("name", "desc"),))] == ["b", "A"]
    for filters, ids in (({"tag": "x"}, [1]), ({"tag": {"gt": "Z"}}, [1, 3]), ({"tag": {"contains": "X"}}, [1, 2])):
        assert [row["id"] for row in await rows(store, "cards", where=compile_filters(filters))] == ids
    found = await rows(store, "decks", keys=({"name": "A"}, {"name": "B"}))
    assert found == [{"name": "A", "size": 1}]


async def test_what_needs_the_program_is_refused_for_good_and_the_rest_is_written(store: SqliteStore) -> None:
    refused = [
        Mutation(kind="create", resource="decks", rows=({"name": "c"},)),
        Mutation(kind="delete", resource="decks", keys=({"name": "A"},)),
        Mutation(kind="create", resource="cards", rows=({"body": "x"},)),
        Mutation(kind="update", resource="cards", keys=({"id": 1},), data={"body": "x"}),
        Mutation(kind="create", resource="checked", rows=({"name": "x"},)),
        Mutation(kind="create", resource="computed", rows=({"name": "x"},)),
        Mutation(kind="create", resource="followed", rows=({"name": "x"},)),
    ]
    done = [
        Mutation(kind="update", resource="decks", keys=({"name": "A"},), data={"size": 7}),
        Mutation(kind="update", resource="cards", keys=({"id": 1},), data={"due": 7}),
        Mutation(kind="update", resource="checked", keys=({"id": 1},), data={"note": "x"}),
        Mutation(kind="delete", resource="followed", keys=({"id": 1},)),
        Mutation(kind="create", resource="plain", rows=({"name": "x"},)),
    ]
    with every_case() as case:
        for mutation in refused:
            with case(mutation):
                with pytest.raises(Refused) as error:
                    await store.write(mutation)
                assert (error.value.code, error.value.temporary) == ("internal", False)
        for mutation in done:
            with case(mutation):
                await store.write(mutation)


async def test_the_log_has_what_the_program_does(store: SqliteStore, path: Path) -> None:
    before = await store.read(ReadQuery(resource="decks"))
    executed(
        path,
        "UPDATE decks SET name = 'a' WHERE size = 1",
        "INSERT OR REPLACE INTO decks VALUES ('B', 3)",
        "INSERT OR REPLACE INTO cards VALUES (9, 'z', 'b', 9), (10, 'z', 'B', 10)",
        "UPDATE OR REPLACE cards SET body = 'D' WHERE id = 2",
        "UPDATE OR REPLACE cards SET body = 'd' WHERE id = 2",
        "INSERT INTO computed (id, name) VALUES (1, 'x')",
    )
    changes = await store.changes(before.seq, before.seq + 100, 100)
    assert [(change.action, *change.key.values()) for change in changes] == [
        ("delete", "A"),
        ("create", "a"),
        ("delete", "b"),
        ("create", "B"),
        ("create", 9),
        ("delete", 1),
        ("create", 10),
        ("update", 2),
        ("delete", 3),
        ("update", 2),
        ("create", 1),
    ]


def test_a_program_without_them_can_do_what_it_could_before(owned: Path, path: Path, tmp_path: Path) -> None:
    """Tidegate's triggers need a collation or a function only where the table itself needs it."""
    untouched = Program(Path(shutil.copy(owned, tmp_path / "untouched.db")))
    touched = Program(path)
    statements = (
        "UPDATE decks SET size = 8",
        "UPDATE decks SET name = 'q' WHERE size = 9",
        "UPDATE cards SET due = 8",
        "UPDATE cards SET body = 'q' WHERE id = 1",
        "UPDATE checked SET note = 'q'",
        "UPDATE followed SET name = 'q'",
        "DELETE FROM followed",
        "DELETE FROM computed",
        "DELETE FROM checked",
        "DELETE FROM cards WHERE id = 1",
        "INSERT INTO decks VALUES ('r', 1)",
    )
    with every_case() as case:
        for statement in statements:
            with case(statement):
                assert _outcome(touched, statement) == _outcome(untouched, statement)
    untouched.close()
    touched.close()


def _outcome(program: Program, statement: str) -> str:
    try:
        program.execute(statement)
    except sqlite3.Error as error:
        return str(error)
    return "done"


def test_asking_writes_nothing(path: Path) -> None:
    connection = apsw.Connection(str(path))
    assert unwritable(connection, "plain") is None
    assert connection.execute("SELECT count(*) FROM plain").fetchall() == [(0,)]
    connection.close()
