"""The owner changes tables while a gateway serves them: what clients read stays right, or the gateway says that it is
not.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.store.program import Program
from tests.support.cases import every_case
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, ReadQuery
from tidegate.schema.resource import read_resource
from tidegate.store import SqliteStore
from tidegate.store.errors import CHANGED_TABLES
from tidegate.store.sqlite.migration import migrate

TABLE = "CREATE TABLE pets (id INTEGER PRIMARY KEY, name TEXT, legacy TEXT, age INTEGER)"
ROWS = "INSERT INTO pets VALUES (1, 'Rex', 'x', 3), (2, 'Tom', 'y', 4)"
PET: dict[str, Any] = {
    "title": "Pet",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": ANYONE,
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "name": {"type": ["string", "null"]},
        "age": {"type": ["integer", "null"]},
    },
    "required": ["id"],
}
PETS = read_resource("pets", PET, {})
RESOURCES = {"pets": PETS}
REBUILT = "CREATE TABLE new (id INTEGER PRIMARY KEY, name {}, legacy TEXT, age INTEGER) {}"
COPIED = ("INSERT INTO new SELECT * FROM pets", "DROP TABLE pets", "ALTER TABLE new RENAME TO pets")
HARMLESS = {
    "a new column": ("ALTER TABLE pets ADD COLUMN colour TEXT DEFAULT 'red'",),
    "a generated column": ("ALTER TABLE pets ADD COLUMN older INTEGER AS (age + 1)",),
    "a new index": ("CREATE INDEX by_name ON pets (name)",),
    "a column that the schema does not name, renamed": ("ALTER TABLE pets RENAME COLUMN legacy TO heritage",),
    "a column that the schema does not name, dropped": ("ALTER TABLE pets DROP COLUMN heritage",),
    "a view": ("CREATE VIEW old_pets AS SELECT * FROM pets WHERE age > 3",),
    "another table": ("CREATE TABLE toys (pet REFERENCES pets)", "ALTER TABLE toys RENAME TO things"),
    "another name, and back": ("ALTER TABLE pets RENAME TO p", "ALTER TABLE p RENAME TO pets"),
    "a column with another name, and back": (
        "ALTER TABLE pets RENAME COLUMN name TO title",
        "ALTER TABLE pets RENAME COLUMN title TO name",
    ),
    "vacuum": ("VACUUM", "ANALYZE", "REINDEX"),
}
HARMFUL = {
    "a column of the schema, renamed": (("ALTER TABLE pets RENAME COLUMN name TO title",), "the column pets.name"),
    "another name": (("ALTER TABLE pets RENAME TO animals",), "the table pets"),
    "no table": (("DROP TABLE pets",), "the table pets"),
    "a view in its place": (
        ("ALTER TABLE pets RENAME TO animals", "CREATE VIEW pets AS SELECT * FROM animals"),
        "the table pets",
    ),
    "the table made again": (("DROP TABLE pets", TABLE, ROWS), "lost triggers"),
    "another type": ((REBUILT.format("BLOB", ""), *COPIED), "lost triggers"),
    "STRICT": ((REBUILT.format("TEXT", "STRICT"), *COPIED), "lost triggers"),
    "WITHOUT ROWID": ((REBUILT.format("TEXT", "WITHOUT ROWID"), *COPIED), "lost triggers"),
    "a unique index": (
        ("CREATE UNIQUE INDEX one_name ON pets (lower(name))",),
        "no longer fit their table",
    ),
    "a trigger dropped": (("DROP TRIGGER tidegate_pets_after_update",), "tidegate_pets_after_update"),
}


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    path = tmp_path / "pets.db"
    program = Program(path)
    for statement in (TABLE, ROWS):
        program.execute(statement)
    migrate.apply(f"sqlite:///{path}", RESOURCES)
    yield program
    program.close()


@pytest.fixture
async def store(program: Program, tmp_path: Path) -> AsyncIterator[SqliteStore]:
    store = await SqliteStore.open(f"sqlite:///{tmp_path / 'pets.db'}", RESOURCES)
    for timer in store._timers.values():
        timer.cancel()  # the tests look themselves, and only one thread may
    yield store
    await store.close()


async def read(store: SqliteStore) -> list[dict[str, Any]]:
    return (await store.read(ReadQuery(resource="pets"))).rows


def selected(program: Program) -> list[dict[str, Any]]:
    rows = program.execute("SELECT id, name, age FROM pets ORDER BY id")
    return [dict(zip(("id", "name", "age"), row, strict=True)) for row in rows]


async def test_harmless_changes_of_a_table_leave_reads_and_the_log_right(store: SqliteStore, program: Program) -> None:
    age = 10
    with every_case() as case:
        for name, statements in HARMLESS.items():
            with case(name):
                for statement in statements:
                    program.execute(statement)
                before, age = await store.read(ReadQuery(resource="pets")), age + 1
                program.execute("UPDATE pets SET age = ? WHERE id = 1", (age,))
                store._guard.look()
                assert (store.problem, list(store.incomplete)) == (None, [])
                rows = await read(store)
                assert rows == selected(program)
                (change,) = await store.changes(before.seq, before.seq + 1, 10)
                assert (change.old, change.new) == (before.rows[0], rows[0])
                await store.write(Mutation(kind="update", resource="pets", keys=({"id": 2},), data={"age": age}))


@pytest.mark.parametrize("name", HARMFUL)
async def test_the_gateway_says_that_it_cannot_follow_a_table(
    name: str, store: SqliteStore, program: Program, caplog: pytest.LogCaptureFixture
) -> None:
    statements, said = HARMFUL[name]
    for statement in statements:
        program.execute(statement)
    store._guard.look()
    store._guard.look()
    assert (store.problem, list(store.incomplete)) == (CHANGED_TABLES, ["pets"])
    (text,) = (record.getMessage() for record in caplog.records if record.levelname == "ERROR")
    assert said in text
    assert text.endswith("type: tidegate migrate")


@pytest.mark.parametrize("statement", ["ALTER TABLE pets RENAME COLUMN name TO title", "DROP TABLE pets"])
async def test_no_request_takes_the_name_of_a_column_for_its_value(
    statement: str, store: SqliteStore, program: Program
) -> None:
    program.execute(statement)
    for request in (
        lambda: read(store),
        lambda: store.write(Mutation(kind="update", resource="pets", keys=({"id": 1},), data={"age": 9})),
        lambda: store.write(Mutation(kind="create", resource="pets", rows=({"age": 9},))),
    ):
        with pytest.raises(Refused):
            await request()


async def test_a_unique_index_may_be_renamed_with_its_column_and_dropped(
    store: SqliteStore, program: Program, tmp_path: Path
) -> None:
    program.execute("CREATE UNIQUE INDEX one ON pets (lower(legacy)) WHERE legacy <> 'x'")
    migrate.apply(f"sqlite:///{tmp_path / 'pets.db'}", RESOURCES)
    for statement in ("ALTER TABLE pets RENAME COLUMN legacy TO heritage", "DROP INDEX one"):
        store._guard.look()
        assert store.problem is None
        program.execute(statement)
    store._guard.look()
    assert store.problem is None
    program.execute("UPDATE pets SET heritage = 'z', age = 20 WHERE id = 1")
    assert await read(store) == selected(program)


async def test_text_in_double_quotes_in_a_trigger_of_the_owner_stays_text(store: SqliteStore, program: Program) -> None:
    program.execute("CREATE TABLE seen (word)")
    program.execute('CREATE TRIGGER see AFTER UPDATE ON pets BEGIN INSERT INTO seen VALUES ("changed"); END')
    await store.write(Mutation(kind="update", resource="pets", keys=({"id": 1},), data={"age": 9}))
    assert program.execute("SELECT word FROM seen") == [("changed",)]


async def test_a_renamed_key_is_not_taken_for_text(store: SqliteStore, program: Program) -> None:
    program.execute("ALTER TABLE pets RENAME COLUMN id TO number")
    with pytest.raises(Refused):
        await store.write(Mutation(kind="delete", resource="pets", keys=({"id": 1},)))
    assert program.execute("SELECT count(*) FROM pets") == [(2,)]


async def test_a_migration_ends_the_loss_and_makes_subscribers_read_again(
    store: SqliteStore, program: Program, tmp_path: Path
) -> None:
    seq = (await store.read(ReadQuery(resource="pets"))).seq
    program.execute("CREATE UNIQUE INDEX one_name ON pets (lower(name))")
    store._guard.look()
    assert list(store.incomplete) == ["pets"]
    program.execute("INSERT OR REPLACE INTO pets (id, name) VALUES (3, 'REX')")
    migrate.apply(f"sqlite:///{tmp_path / 'pets.db'}", RESOURCES)
    store._guard.look()
    assert (store.problem, list(store.incomplete)) == (None, [])
    changes = await store.changes(seq, seq + 10, 10)
    assert [change.action for change in changes] == ["create", "reset"]


async def test_triggers_that_log_more_columns_are_good_enough(
    store: SqliteStore, program: Program, tmp_path: Path
) -> None:
    """A migration to a newer schema must not stop a gateway that still has the older one."""
    legacy = {"legacy": {"type": ["string", "null"]}}
    newer = read_resource("pets", {**PET, "properties": {**legacy, **PET["properties"]}}, {})
    url = f"sqlite:///{tmp_path / 'pets.db'}"
    assert "install trigger tidegate_pets_after_update" in migrate.apply(url, {"pets": newer})
    store._guard.look()
    assert store.problem is None
    migrate.check(url, RESOURCES)
    program.execute("UPDATE pets SET name = 'Max' WHERE id = 1")
    (change,) = await store.changes(0, 10, 10)
    assert change.new == {"id": 1, "name": "Max", "age": 3}
