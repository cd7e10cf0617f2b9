"""OR REPLACE by unique indexes that no schema file names: the log has the rows that it replaces."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.application import ANYONE, Foreign
from tests.store.program import connect
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError
from tidegate.store.sqlite.migration import migrate
from tidegate.store.sqlite.replaced_rows import parsed

TABLE = """CREATE TABLE items (
  id INTEGER PRIMARY KEY, name TEXT, state TEXT, place TEXT COLLATE NOCASE UNIQUE, file BLOB, price INTEGER,
  level INTEGER GENERATED ALWAYS AS (price / 10) STORED)"""
INDEXES = (
    "CREATE UNIQUE INDEX lower_name ON items (lower(name) DESC, coalesce(state, ',)'))",
    "CREATE UNIQUE INDEX \"one (1)\" ON items (price) WHERE state = 'open' -- ) WHERE",
    "CREATE UNIQUE INDEX folded ON items (state COLLATE NOCASE) WHERE state LIKE 'x%'",
    "CREATE UNIQUE INDEX files ON items (file)",
    "CREATE UNIQUE INDEX levels ON items (level)",
)
COLUMNS = "(id, name, state, place, file, price)"
ROWS = "(1, 'Ada', 'open', 'Ost', x'01', 10), (2, 'Bob', 'x', 'West', x'02', 20)"
TEXT = {"type": ["string", "null"]}
ITEMS = read_resource(
    "items",
    {
        "title": "Item",
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": ANYONE,
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": TEXT,
            "state": TEXT,
            "place": TEXT,
            "price": {"type": ["integer", "null"]},
        },
        "required": ["id"],
    },
    {},
)
RESOURCES = {"items": ITEMS}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database whose table, with rows 1 and 2, was there before Tidegate."""
    path = tmp_path_factory.mktemp("shop") / "shop.db"
    connection = connect(path)
    for statement in (TABLE, *INDEXES, f"INSERT INTO items {COLUMNS} VALUES {ROWS}"):
        connection.execute(statement)
    connection.close()
    migrate.apply(f"sqlite:///{path}", RESOURCES)
    return path


@pytest.fixture(params=[False, True], ids=["recursive_triggers off", "recursive_triggers on"])
def program(request: pytest.FixtureRequest, shop: Path, tmp_path: Path) -> Iterator[Foreign]:
    foreign = Foreign(connect(Path(shutil.copy(shop, tmp_path))), RESOURCES, recursive_triggers=request.param)
    yield foreign
    foreign.close()


@pytest.mark.parametrize(
    ("values", "gone"),
    [
        ("(3, 'ADA', 'open', NULL, NULL, NULL)", [1]),
        ("(3, 'ADA', 'shut', NULL, NULL, NULL)", []),
        ("(3, NULL, 'open', NULL, NULL, 10)", [1]),
        ("(3, NULL, 'shut', NULL, NULL, 20)", [2]),  # the level
        ("(3, NULL, 'X', NULL, NULL, NULL)", [2]),
        ("(3, NULL, NULL, 'OST', NULL, NULL)", [1]),
        ("(3, NULL, NULL, NULL, x'02', NULL)", [2]),
        ("(3, NULL, NULL, NULL, NULL, 29)", [2]),
        ("(3, 'ada', 'open', 'west', NULL, NULL)", [1, 2]),
        ("(3, 'Eve', 'shut', 'Sund', x'03', 30)", []),
    ],
)
def test_a_replaced_row_is_logged(program: Foreign, values: str, gone: list[int]) -> None:
    told = program.run(f"INSERT OR REPLACE INTO items {COLUMNS} VALUES {values}")
    assert sorted(entry.key[0] for entry in told if entry.action == "delete") == gone
    assert [entry.key for entry in told if entry.action == "create"] == [(3,)]


@pytest.mark.parametrize(
    ("change", "gone"),
    [("name = 'ADA', state = 'open'", [1]), ("price = 19", [1]), ("file = x'01'", [1]), ("price = 21", [])],
)
def test_a_row_replaced_by_an_update_is_logged(program: Foreign, change: str, gone: list[int]) -> None:
    told = program.run(f"UPDATE OR REPLACE items SET {change} WHERE id = 2")
    assert [entry.key[0] for entry in told if entry.action == "delete"] == gone


def test_an_ignored_row_is_not_logged(program: Foreign) -> None:
    assert program.run("INSERT OR IGNORE INTO items (id, name, state) VALUES (3, 'ADA', 'open')") == []


def test_an_index_that_comes_later_needs_a_migration(tmp_path: Path) -> None:
    url, connection = f"sqlite:///{tmp_path / 'shop.db'}", connect(tmp_path / "shop.db")
    connection.execute(TABLE)
    migrate.apply(url, RESOURCES)
    connection.execute(INDEXES[0])
    with pytest.raises(StoreError, match="tidegate_items_before_insert"):
        migrate.check(url, RESOURCES)
    migrate.apply(url, RESOURCES)
    migrate.check(url, RESOURCES)
    foreign = Foreign(connection, RESOURCES)
    foreign.run("INSERT INTO items (id, name) VALUES (1, 'Ada')")
    foreign.run("REPLACE INTO items (id, name) VALUES (2, 'ADA')")
    foreign.close()


def test_the_sql_of_an_index_is_parsed_as_sqlite_parses_it() -> None:
    sql = 'CREATE UNIQUE INDEX [a (b] ON "t,(" (f(x, \')\') /* , */ ASC, "y," COLLATE NOCASE desc) where x > (1) -- (\n'
    terms, where = parsed(sql)
    assert terms == ["f(x, ')')", '"y," COLLATE NOCASE']
    assert where.split() == ["(", "x", ">", "(1)", ")"]
    assert parsed("CREATE UNIQUE INDEX i ON t(x,y)") == (["x", "y"], "1")
