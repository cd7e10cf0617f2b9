"""What a program asks SQLite after its statements is the same with Tidegate's triggers as without them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.store.program import connect
from tests.support.cases import every_case
from tests.support.sqlite import foreign
from tidegate.schema.resource import read_resource
from tidegate.store.sqlite.changelog import image
from tidegate.store.sqlite.migration import migrate

TABLE = (
    "CREATE TABLE pets (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, age INTEGER)",
    "INSERT INTO pets (name, age) VALUES ('Rex', 1), ('Tom', 2), ('Max', 3)",
)
PETS = {
    "pets": read_resource(
        "pets",
        {
            "title": "Pet",
            "type": "object",
            "x-resource": {"key": "id", "unique": [["name"]]},
            "x-access": ANYONE,
            "properties": {
                "id": {"type": "integer", "readOnly": True},
                "name": {"type": ["string", "null"]},
                "age": {"type": ["integer", "null"]},
            },
            "required": ["id"],
        },
        {},
    )
}
STATEMENTS = (
    "INSERT INTO pets (name) VALUES ('a')",
    "INSERT OR REPLACE INTO pets (name, age) VALUES ('Rex', 7)",
    "INSERT OR REPLACE INTO pets (id, name) VALUES (2, 'a')",
    "INSERT OR IGNORE INTO pets (name) VALUES ('Max')",
    "INSERT INTO pets (name) VALUES ('Max') ON CONFLICT (name) DO UPDATE SET age = age + 1 RETURNING id, age",
    "INSERT INTO pets (name) VALUES ('b'), ('c') RETURNING id, name",
    "UPDATE pets SET age = 9 RETURNING id",
    "UPDATE OR REPLACE pets SET name = 'b' WHERE name = 'c' RETURNING *",
    "UPDATE pets SET id = 50 WHERE name = 'b'",
    "INSERT INTO pets (name) VALUES ('b')",
    "INSERT INTO pets (name) VALUES ('d')",
    "DELETE FROM pets WHERE age = 9 RETURNING name",
    "DELETE FROM pets",
    "INSERT INTO pets DEFAULT VALUES",
)
ASKED = (
    "SELECT last_insert_rowid(), changes()",
    "SELECT * FROM pets ORDER BY id",
    "SELECT name, seq FROM sqlite_sequence WHERE name = 'pets'",
)


@pytest.fixture(params=[False, True], ids=["recursive_triggers off", "recursive_triggers on"])
def programs(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[sqlite3.Connection]]:
    """Two connections to equal tables: the second has the triggers."""
    found = []
    for name in ("untouched", "touched"):
        connection = connect(tmp_path / f"{name}.db")
        for statement in TABLE:
            connection.execute(statement)
        if name == "touched":
            connection.close()
            migrate.apply(f"sqlite:///{tmp_path / name}.db", PETS)
            connection = connect(tmp_path / f"{name}.db")
            connection.execute("INSERT INTO pets (name) VALUES ('e')")
        else:
            connection.execute("INSERT INTO pets (name) VALUES ('e')")
        connection.execute(f"PRAGMA recursive_triggers = {int(request.param)}")
        found.append(connection)
    yield found
    for connection in found:
        connection.close()


def outcome(connection: sqlite3.Connection, sql: str) -> Any:
    try:
        return connection.execute(sql).fetchall()
    except sqlite3.Error as error:
        return str(error)


def test_results_counts_and_numbers_are_the_same(programs: list[sqlite3.Connection]) -> None:
    untouched, touched = programs
    with every_case() as case:
        for statement in STATEMENTS:
            with case(statement):
                for sql in (statement, *ASKED):
                    assert outcome(touched, sql) == outcome(untouched, sql)


def test_a_dump_restores_rows_triggers_and_log(programs: list[sqlite3.Connection], tmp_path: Path) -> None:
    _, touched = programs
    script = "\n".join(touched.iterdump())
    with closing(connect(tmp_path / "restored.db")) as restored:
        restored.executescript(script)
        logged = restored.execute("SELECT count(*) FROM tidegate_log").fetchone()
        assert logged == touched.execute("SELECT count(*) FROM tidegate_log").fetchone()
        restored.execute("UPDATE pets SET age = 11 WHERE name = 'Rex'")
        assert restored.execute("SELECT count(*) FROM tidegate_log").fetchone()[0] == logged[0] + 1
    migrate.check(f"sqlite:///{tmp_path / 'restored.db'}", PETS)


def test_writes_through_attach_and_exclusive_locks_are_logged(
    programs: list[sqlite3.Connection], tmp_path: Path
) -> None:
    untouched, touched = programs
    untouched.execute("ATTACH ? AS other", (str(tmp_path / "touched.db"),))
    untouched.execute("UPDATE other.pets SET age = 12 WHERE name = 'Rex'")
    untouched.execute("DETACH other")
    for pragma in ("locking_mode = exclusive", "foreign_keys = 1", "secure_delete = 1", "case_sensitive_like = 1"):
        touched.execute(f"PRAGMA {pragma}")
    touched.execute("VACUUM")
    touched.execute("UPDATE pets SET age = 13 WHERE name = 'Rex'")
    images = touched.execute("SELECT new FROM tidegate_log ORDER BY seq DESC LIMIT 2").fetchall()
    assert [json.loads(new)["age"] for (new,) in images] == [13, 12]


def test_the_plan_of_a_migration_tells_that_the_journal_mode_changes(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'pets.db'}"
    with closing(connect(tmp_path / "pets.db")) as connection:
        connection.execute(TABLE[0])
        (note,) = (text for text in migrate.notes(url, PETS) if "journal mode" in text)
        assert note.startswith("the journal mode of the file is delete")
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    migrate.apply(url, PETS)
    assert not [text for text in migrate.notes(url, PETS) if "journal mode" in text]


def test_an_image_may_have_as_many_columns_as_a_table(tmp_path: Path) -> None:
    """SQLite's limits: 2,000 columns, and expressions of 1,000 levels."""
    names = [f"c{number}" for number in range(2000)]
    with foreign(tmp_path / "wide.db") as connection:
        connection.execute(f"CREATE TABLE wide ({', '.join(names)})")
        connection.execute("INSERT INTO wide (c0, c1999) VALUES ('first', 'last')")
        ((text,),) = connection.execute(f"SELECT {image('t', names)} FROM wide t").fetchall()
    found = json.loads(text)
    assert list(found) == names
    assert (found["c0"], found["c1"], found["c1999"]) == ("first", None, "last")


def test_a_shared_column_can_be_dropped_once_the_schema_does_not_have_it(tmp_path: Path) -> None:
    """As docs/reference/owners-programs.md says."""
    url = f"sqlite:///{tmp_path / 'pets.db'}"
    with foreign(tmp_path / "pets.db") as program:
        for statement in TABLE:
            program.execute(statement)
    migrate.apply(url, PETS)
    drop = "ALTER TABLE pets DROP COLUMN age"
    with (
        foreign(tmp_path / "pets.db") as program,
        pytest.raises(sqlite3.OperationalError, match="error in trigger tidegate_pets"),
    ):
        program.execute(drop)
    properties = {name: rule for name, rule in PETS["pets"].schema["properties"].items() if name != "age"}
    without = read_resource("pets", {**PETS["pets"].schema, "properties": properties}, {})
    migrate.apply(url, {"pets": without})
    with foreign(tmp_path / "pets.db") as program:
        assert program.execute("SELECT age FROM pets WHERE id = 2").fetchone() == (2,)
        program.execute(drop)
        program.execute("INSERT INTO pets (name) VALUES ('Kit')")
