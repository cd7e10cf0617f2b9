"""Row schemas for an SQLite database of other programs: types, rules, keys, and what a schema cannot hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.sqlite import foreign
from tidegate.store import StoreError, introspect


def read(path: Path, *statements: str) -> introspect.Found:
    """What is found in a database that these statements made."""
    with foreign(path) as connection:
        for statement in statements:
            connection.execute(statement)
    before = path.read_bytes()
    found = introspect.read(f"sqlite:///{path}")
    assert path.read_bytes() == before
    return found


def properties(found: introspect.Found) -> dict[str, Any]:
    (file,), left_out = introspect.files(found.tables, {})
    assert left_out == []
    found_properties: dict[str, Any] = file.schema["properties"]
    return found_properties


@pytest.mark.parametrize(
    ("declared", "values", "expected"),
    [
        ("INTEGER", (1, 2), {"type": "integer"}),
        ("BIGINT UNSIGNED", (), {"type": "integer"}),
        ("INTEGER", (1, 0.5), {"type": "number"}),
        ("NVARCHAR(120)", ("x",), {"type": "string", "maxLength": 120}),
        ("CHARACTER(20)", (), {"type": "string", "maxLength": 20}),
        ("VARCHAR(3)", ("longer",), {"type": "string"}),
        ("TEXT", (), {"type": "string"}),
        ("NUMERIC(10,2)", (0.99, 2), {"type": "number"}),
        ("DECIMAL(5)", (), {"type": "number"}),
        ("DOUBLE PRECISION", (), {"type": "number"}),
        ("BOOLEAN", (0, 1), {"type": "boolean"}),
        ("BOOLEAN", ("yes",), {"type": "string"}),
        ("BIT", (0, 7), {"type": "integer"}),
        ("DATETIME", ("2009-01-01 00:00:00",), {"type": "string"}),
        ("DATETIME", (1230768000,), {"type": "integer"}),
        ("DATE", ("2009-01-01",), {"type": "string", "format": "date"}),
        ("DATE", ("2009-01-01", "soon"), {"type": "string"}),
        ("TIMESTAMP", (), {"type": "string"}),
        ("JSON", ('{"a": 1}', "[]"), {"type": ["object", "array", "string", "number", "boolean"]}),
        ("JSON", ("{",), {"type": "string"}),
        ("POINT", ("1 2",), {"type": "string"}),
        ("", (5,), {"type": "integer"}),
    ],
)
def test_a_property_follows_the_declared_type_and_the_rows(
    tmp_path: Path, declared: str, values: tuple[Any, ...], expected: dict[str, Any]
) -> None:
    path = tmp_path / "theirs.db"
    with foreign(path) as connection:
        connection.execute(f"CREATE TABLE things (id INTEGER PRIMARY KEY, value {declared} NOT NULL)")
        connection.executemany("INSERT INTO things (value) VALUES (?)", [(value,) for value in values])
    assert properties(read(path))["value"] == expected


def test_null_and_defaults_are_described(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE things (id TEXT PRIMARY KEY, note TEXT, state TEXT NOT NULL DEFAULT 'it''s new', "
        "count INT NOT NULL DEFAULT (-1), open BOOLEAN DEFAULT 1, price REAL DEFAULT 0, big TEXT DEFAULT NULL, "
        "made DATETIME NOT NULL DEFAULT CURRENT_TIMESTAMP, short VARCHAR(2) DEFAULT 'long', token TEXT NOT NULL, "
        "joined TEXT NOT NULL DEFAULT ('a' || 'b'), odd TEXT DEFAULT ('it' || 's') COLLATE NOCASE)",
    )
    words = properties(found)
    assert words["id"] == {"type": "string"}
    assert words["note"] == words["big"] == {"type": ["string", "null"]}
    assert words["state"] == {"type": "string", "default": "it's new"}
    assert words["count"] == {"type": "integer", "default": -1}
    assert words["open"] == {"type": ["boolean", "null"], "default": True}
    assert words["price"] == {"type": ["number", "null"], "default": 0}
    assert words["made"] == {"type": "string", "description": "The database sets it.", "readOnly": True}
    assert words["joined"] == words["made"]
    assert words["odd"] == {"type": ["string", "null"], "description": "The database sets it.", "readOnly": True}
    assert words["short"] == {"type": ["string", "null"], "maxLength": 2}
    assert words["token"]["writeOnly"] is True
    ((file,), _) = introspect.files(found.tables, {"read": "anyone"})
    assert file.schema["required"] == ["id", "state", "count", "made", "joined"]
    assert file.schema["x-access"] == {"read": "anyone"}


def test_keys_uniqueness_indexes_and_references_are_described(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE parents (id INTEGER PRIMARY KEY AUTOINCREMENT, code TEXT UNIQUE, other TEXT)",
        "CREATE TABLE children (one INT, two INT, parent INT REFERENCES parents, code TEXT REFERENCES PARENTS (Code), "
        "loose TEXT REFERENCES parents (other), gone INT REFERENCES nowhere, "
        "PRIMARY KEY (two, one), UNIQUE (code, one))",
        "CREATE INDEX by_parent ON children (parent, one DESC)",
        "CREATE INDEX by_length ON children (length(code))",
        "CREATE UNIQUE INDEX some ON children (loose) WHERE loose <> ''",
    )
    (children, parents), left_out = introspect.files(found.tables, {})
    assert parents.schema["x-resource"] == {"table": "parents", "key": "id", "unique": [["code"]]}
    assert parents.schema["properties"]["id"]["readOnly"] is True
    assert children.schema["x-resource"] == {
        "table": "children",
        "key": ["two", "one"],
        "unique": [["code", "one"]],
        "indexes": [["parent", "one"]],
        "references": {"parent": "parents.id", "code": "parents.code"},
    }
    assert children.schema["required"] == ["one", "two"]
    assert found.left_out == ["children: the unique index some covers expressions, some rows or left-out columns"]
    assert left_out == [
        "children.loose refers to parents.other, which is no key that a file names",
        "children.gone refers to nowhere, which has no schema file",
    ]


def test_a_reference_of_another_type_is_left_out_with_a_note(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE parents (id INTEGER PRIMARY KEY)",
        "CREATE TABLE children (id INTEGER PRIMARY KEY, parent TEXT REFERENCES parents, other INT REFERENCES parents)",
    )
    (children, _), left_out = introspect.files(found.tables, {})
    assert children.schema["x-resource"]["references"] == {"other": "parents.id"}
    assert left_out == ["children.parent refers to parents.id, whose values have another type"]


def test_what_cannot_be_shared_is_left_out_with_a_note(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, photo BLOB, thumb BLOB NOT NULL, odd GEOMETRY, "
        'twice INT AS (id * 2), "or" TEXT, mixed)',
        "INSERT INTO things (thumb, mixed) VALUES (x'00', 1), (x'00', 'one')",
        "CREATE TABLE log (line TEXT)",
        "CREATE TABLE pairs (a INT, b INT, PRIMARY KEY (a, b)) WITHOUT ROWID",
        "CREATE TABLE hashes (hash BLOB PRIMARY KEY)",
        "CREATE VIEW seen AS SELECT * FROM things",
        "CREATE VIRTUAL TABLE words USING fts5 (word)",
        "CREATE TABLE numbered (id TEXT PRIMARY KEY, rowid BLOB)",
        "CREATE TABLE tidegate_log (seq INTEGER PRIMARY KEY)",
    )
    assert [table.name for table in found.tables] == ["things"]
    assert list(properties(found)) == ["id"]
    assert found.left_out == [
        "hashes.hash: it holds bytes, which JSON cannot hold",
        "hashes: the table is left out, because it has no key without hash",
        "log has no primary key, so that clients cannot name a row",
        "numbered.rowid: it holds bytes, which JSON cannot hold",
        "numbered has a column rowid, which hides the row number from the change log",
        "pairs is WITHOUT ROWID, which the change log cannot follow",
        "seen is a view, which no trigger can follow",
        "things.twice is a generated column, which migrations do not support",
        "things.photo: it holds bytes, which JSON cannot hold",
        "things.thumb: it holds bytes, which JSON cannot hold; without it clients cannot create rows",
        "things.odd: neither its type (GEOMETRY) nor its rows say what it holds",
        "things.or: filters use this name for something different",
        "things.mixed: neither its type (none) nor its rows say what it holds",
        "words is a virtual table, which no trigger can follow",
    ]


def test_rows_of_another_type_than_declared_get_a_note(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, count INT, large INT)",
        "INSERT INTO things (count, large) VALUES (1, 9007199254740993), ('many', 1)",
    )
    assert properties(found)["count"] == {"type": ["integer", "null"]}
    assert found.left_out == [
        "things.count is declared INT and some rows hold integer and text: clients get these as they are",
        "things: integers that may be beyond 2^53 are text on the wire (format int64): large",
    ]


def test_text_in_a_column_that_keeps_numbers_gets_a_note(tmp_path: Path) -> None:
    """STRING is no type of text to SQLite, and VARCHAR is."""
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE things (id INTEGER PRIMARY KEY, name STRING, word VARCHAR, at DATETIME, any)",
        "INSERT INTO things (name, word, at, any) VALUES ('Ada', 'Ada', '2026-01-01', 'Ada')",
    )
    assert properties(found)["name"] == {"type": ["string", "null"]}
    assert found.left_out == [
        "things.name is declared STRING, which is no type of text to SQLite: text that looks like a number (007) "
        "becomes one (7) there, and clients get the number"
    ]


def test_keys_that_are_null_get_a_note(tmp_path: Path) -> None:
    """SQLite allows it in all but integer keys."""
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE words (word TEXT PRIMARY KEY)",
        "INSERT INTO words VALUES ('a'), (NULL), (NULL)",
    )
    assert found.left_out == ["words: some rows have NULL in their key, so that clients cannot tell them apart"]


def test_a_key_that_no_request_can_name_gets_a_note(tmp_path: Path) -> None:
    found = read(tmp_path / "theirs.db", "CREATE TABLE levels (at REAL NOT NULL PRIMARY KEY, name TEXT)")
    assert found.left_out == [
        "levels: requests name a row by texts and integers, and its key has another value (at): clients list its rows "
        "and follow them, but cannot get, update or delete one"
    ]


def test_unique_columns_that_are_never_null_are_a_key(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE pushers (id INT NOT NULL, app TEXT NOT NULL, pushkey TEXT NOT NULL, ts BIGINT NOT NULL, "
        "UNIQUE (app, pushkey), UNIQUE (ts, app))",
        "CREATE UNIQUE INDEX pushers_id ON pushers (id)",
        "CREATE TABLE tied (b TEXT NOT NULL UNIQUE, a TEXT NOT NULL UNIQUE)",
        "CREATE TABLE hidden (token TEXT NOT NULL UNIQUE, a INT NOT NULL, b INT NOT NULL, UNIQUE (b, a))",
        "CREATE TABLE photos (hash BLOB PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        "CREATE TABLE nullable (a INT UNIQUE)",
        "CREATE TABLE folded (a TEXT COLLATE NOCASE NOT NULL UNIQUE)",
        "CREATE TABLE some (a INT NOT NULL)",
        "CREATE UNIQUE INDEX some_a ON some (a) WHERE a > 1",
        "CREATE TABLE computed (a TEXT NOT NULL)",
        "CREATE UNIQUE INDEX computed_a ON computed (lower(a))",
        "CREATE TABLE loose (a INT NOT NULL)",
        "CREATE INDEX loose_a ON loose (a)",
        "CREATE TABLE strict (a TEXT NOT NULL, b INT NOT NULL, UNIQUE (b, a)) STRICT",
    )
    keys = {table.name: table.key for table in found.tables}
    assert keys == {
        "pushers": ("id",),
        "tied": ("a",),
        "hidden": ("b", "a"),
        "photos": ("name",),
        "strict": ("b", "a"),
    }
    files, left_out = introspect.files(found.tables, {"read": "anyone"})
    pushers = next(file.schema for file in files if file.name == "pushers")
    assert pushers["x-resource"]["unique"] == [["app", "pushkey"], ["ts", "app"]]
    assert "readOnly" not in pushers["properties"]["id"]
    assert left_out == []
    for name in ("computed", "folded", "loose", "nullable", "some"):
        assert f"{name} has no primary key, so that clients cannot name a row" in found.left_out
    assert "pushers: it has no primary key, so the unique columns (id) are the key" in found.left_out
    assert "photos: its primary key (hash) cannot be in a file, so the unique columns (name) are the key" in (
        found.left_out
    )


def test_a_table_that_cannot_be_read_gets_a_note_and_the_others_files(tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with foreign(path) as program:
        program.create_collation("unicase", lambda one, other: (one > other) - (one < other))
        program.execute("CREATE TABLE cards (id INTEGER PRIMARY KEY, name TEXT COLLATE unicase)")
        program.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY)")
        program.execute("CREATE VIEW gone AS SELECT * FROM nowhere")
        program.execute("PRAGMA writable_schema = 1")
        program.execute(
            "INSERT INTO sqlite_master (type, name, tbl_name, rootpage, sql) "
            "VALUES ('table', 'map', 'map', 0, 'CREATE VIRTUAL TABLE map USING unknown_module (a)')"
        )
        program.commit()
    found = introspect.read(f"sqlite:///{path}")
    assert "notes" in {table.name for table in found.tables}
    assert "map is a virtual table, which no trigger can follow" in found.left_out
    assert "gone is a view, which no trigger can follow" in found.left_out


def test_unusable_names_are_converted(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        'CREATE TABLE "Order Details" (id INTEGER PRIMARY KEY)',
        'CREATE TABLE "Order/Details" (id INTEGER PRIMARY KEY, "Unit Price" INT, order_id REFERENCES "Order Details")',
        'CREATE TABLE "Model" (id INTEGER PRIMARY KEY, "a.b" TEXT)',
        'CREATE TABLE "2nd" (id INTEGER PRIMARY KEY)',
        f'CREATE TABLE "{"long" * 16}" (id INTEGER PRIMARY KEY)',
        'CREATE TABLE "a""b" (id INTEGER PRIMARY KEY)',
        "CREATE TABLE users (id INTEGER PRIMARY KEY)",
        "CREATE TABLE users_key (id INTEGER PRIMARY KEY)",
    )
    files, left_out = introspect.files(found.tables, {})
    named = {file.table: (file.name, file.schema["title"]) for file in files}
    assert named == {
        "2nd": ("2nd", "Table2nd"),
        'a"b': ("a_b", "AB"),
        "Model": ("Model", "ModelRow"),
        "Order Details": ("Order_Details", "OrderDetails"),
        "Order/Details": ("Order_Details_2", "OrderDetails2"),
        "users": ("users", "Users"),
        "users_key": ("users_key", "UsersKeyRow"),
    }
    assert left_out == [f"{'long' * 16!r}: names of tables have at most 63 characters, and no control characters"]


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    missing, broken = tmp_path / "missing.db", tmp_path / "broken.db"
    with pytest.raises(StoreError, match=r"there is no database .*missing\.db"):
        introspect.read(f"sqlite:///{missing}")
    assert not missing.exists()
    broken.write_text("this is no database, whatever its name says")
    with pytest.raises(StoreError, match="not a database"):
        introspect.read(f"sqlite:///{broken}")


def test_integers_beyond_2_to_53_are_text(tmp_path: Path) -> None:
    found = read(
        tmp_path / "theirs.db",
        "CREATE TABLE users (id INTEGER PRIMARY KEY, small INT DEFAULT 5, at INT NOT NULL DEFAULT 9007199254740993)",
        "CREATE TABLE posts (id INTEGER PRIMARY KEY, user INT REFERENCES Users, untyped, ns INT, late INT)",
        "CREATE INDEX late ON posts (late)",
        "INSERT INTO users VALUES (110000000000000001, 1, 0)",
        "INSERT INTO posts (user, untyped, ns) VALUES (NULL, 9007199254740992, -9007199254740992)",
        "INSERT INTO posts (id) WITH RECURSIVE n (v) AS (SELECT 2 UNION ALL SELECT v + 1 FROM n LIMIT 10050) "
        "SELECT v FROM n",
        "UPDATE posts SET late = 9223372036854775807 WHERE id = 10050",
    )
    big, integer = {"type": "string", "format": "int64"}, {"type": "integer"}
    columns = {f"{table.name}.{column.name}": column for table in found.tables for column in table.columns}
    assert {name: column.schema for name, column in columns.items()} == {
        "posts.id": integer,
        "posts.user": big,
        "posts.untyped": integer,
        "posts.ns": big,
        "posts.late": big,
        "users.id": big,
        "users.small": integer,
        "users.at": big,
    }
    assert (columns["users.small"].default, columns["users.at"].default) == (5, "9007199254740993")
    assert found.left_out == [
        "posts.untyped has integers beyond 2^53, which programs in JavaScript round",
        "posts: integers that may be beyond 2^53 are text on the wire (format int64): user, ns, late",
        "users: integers that may be beyond 2^53 are text on the wire (format int64): id, at",
    ]
