"""Row schemas for a PostgreSQL database of other programs: types, rules, keys, and what a schema cannot hold."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.contract import Resource
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError, introspect
from tidegate.store.postgres.migration import migrate

Database = psycopg.Connection[tuple[Any, ...]]


@pytest.fixture
def theirs(postgres: PostgresServer) -> Iterator[Database]:
    """A database of another program."""
    with postgres.lent() as url, psycopg.connect(url, autocommit=True) as connection:
        yield connection


def url(database: Database) -> str:
    return f"postgresql://tidegate@127.0.0.1:{database.info.port}/{database.info.dbname}"


def only(database: Database) -> tuple[dict[str, Any], list[str]]:
    """The one file that is made, and notes about what it cannot hold."""
    found = introspect.read(url(database))
    (file,), left = introspect.files(found.tables, {})
    return file.schema, found.left_out + left


def as_resources(database: Database) -> dict[str, Resource]:
    files, _ = introspect.files(introspect.read(url(database)).tables, {})
    return {file.name: read_resource(file.name, file.schema, {}) for file in files}


JSON = ["object", "array", "string", "number", "boolean"]
TYPES = {
    "bigint": {"type": "integer"},
    "integer": {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1},
    "smallint": {"type": "integer", "minimum": -(2**15), "maximum": 2**15 - 1},
    "numeric(10,2)": {"type": "number"},
    "numeric(3)": {"type": "integer", "minimum": -999, "maximum": 999},
    "numeric(4,-2)": {"type": "string"},
    "numeric": {"type": "string"},
    "numeric(16,2)": {"type": "string"},
    "real": {"type": "number"},
    "double precision": {"type": "number"},
    "boolean": {"type": "boolean"},
    "text": {"type": "string"},
    "varchar(40)": {"type": "string", "maxLength": 40},
    "varchar": {"type": "string"},
    "char(3)": {"type": "string", "maxLength": 3},
    "uuid": {"type": "string", "format": "uuid"},
    "date": {"type": "string", "format": "date"},
    "time": {"type": "string"},
    "timestamp": {"type": "string"},
    "timestamptz": {"type": "string", "format": "date-time"},
    "interval": {"type": "string"},
    "inet": {"type": "string"},
    "jsonb": {"type": JSON},
    "json": {"type": JSON},
    "mood": {"type": "string", "enum": ["sad", "ok"]},
    "moods": {"type": "string", "enum": ["sad", "ok"]},
    "short": {"type": "string", "maxLength": 5},
    "text[]": {"type": "string"},
    "mood[]": {"type": "string"},
    "int4range": {"type": "string"},
}


def own_types(database: Database) -> None:
    database.execute("CREATE TYPE mood AS ENUM ('sad', 'ok')")
    database.execute("CREATE DOMAIN moods AS mood")
    database.execute("CREATE DOMAIN named AS varchar(5)")
    database.execute("CREATE DOMAIN short AS named CHECK (VALUE <> '')")


def test_every_type_has_a_schema(theirs: Database) -> None:
    own_types(theirs)
    columns = ", ".join(f'"{name}" {name} NOT NULL' for name in TYPES)
    theirs.execute(f"CREATE TABLE things (id int PRIMARY KEY, {columns})".encode())
    schema, left = only(theirs)
    assert {name: schema["properties"][name] for name in TYPES} == TYPES
    assert schema["required"] == ["id", *TYPES]
    bigints = [line for line in left if line.startswith("things: no row has an integer beyond 2^53")]
    assert [": bigint; " in line for line in bigints] == [True]
    told = {line.partition(" is ")[0].removeprefix("things.") for line in left if line not in bigints}
    spelled = {"time", "timestamp", "interval", "inet", "text[]", "mood[]", "int4range"}
    assert told == {"numeric(4,-2)", "numeric", "numeric(16,2)"} | spelled


def test_null_defaults_and_computed_values_are_described(theirs: Database) -> None:
    theirs.execute(
        """CREATE TABLE things (id serial PRIMARY KEY, note varchar(9), state text NOT NULL DEFAULT 'it''s new',
        count int NOT NULL DEFAULT -1, share numeric(4,2) DEFAULT 0.5, open boolean DEFAULT true,
        tags jsonb DEFAULT '[]', made timestamptz NOT NULL DEFAULT now(),
        ref uuid DEFAULT gen_random_uuid(), day date DEFAULT '2020-01-01',
        twice int GENERATED ALWAYS AS (count * 2) STORED, api_key text, part text DEFAULT NULL)"""
    )
    theirs.execute("COMMENT ON TABLE things IS 'What there is.'")
    theirs.execute("COMMENT ON COLUMN things.note IS 'Anything.'")
    schema, left = only(theirs)
    words = schema["properties"]
    integer = {"type": "integer", "minimum": -(2**31), "maximum": 2**31 - 1}
    filled = {"description": "The database sets it.", "readOnly": True}
    assert left == []
    assert schema["description"] == "What there is."
    assert words["id"] == integer | {"description": "The key. The database sets it.", "readOnly": True}
    assert words["note"] == {"type": ["string", "null"], "maxLength": 9, "description": "Anything."}
    assert words["state"] == {"type": "string", "default": "it's new"}
    assert words["count"] == integer | {"default": -1}
    assert words["share"] == {"type": ["number", "null"], "default": 0.5}
    assert words["open"] == {"type": ["boolean", "null"], "default": True}
    assert words["tags"] == {"type": [*JSON, "null"], "default": []}
    assert words["made"] == {"type": "string", "format": "date-time"} | filled
    assert words["ref"] == {"type": ["string", "null"], "format": "uuid"} | filled
    assert words["day"] == {"type": ["string", "null"], "format": "date"}
    assert words["twice"] == integer | {"type": ["integer", "null"]} | filled
    assert words["api_key"]["writeOnly"] is True
    assert words["part"] == {"type": ["string", "null"]}
    assert schema["required"] == ["id", "state", "count", "made"]


def test_keys_uniqueness_indexes_and_references_are_described(theirs: Database) -> None:
    theirs.execute("CREATE SCHEMA elsewhere")
    theirs.execute("CREATE TABLE elsewhere.far (id int PRIMARY KEY)")
    theirs.execute("CREATE TABLE parents (a int, b int, code text UNIQUE, PRIMARY KEY (b, a))")
    theirs.execute(
        "CREATE TABLE children (id int PRIMARY KEY, a int, b int, far int REFERENCES elsewhere.far, up int REFERENCES "
        "children, code text REFERENCES parents (code), FOREIGN KEY (b, a) REFERENCES parents, UNIQUE (code, a))"
    )
    theirs.execute("CREATE INDEX ON children (a, b DESC)")
    theirs.execute("CREATE INDEX ON children (lower(code))")
    theirs.execute("CREATE UNIQUE INDEX few ON children (up) WHERE up > 0")
    found = introspect.read(url(theirs))
    (children, parents), left = introspect.files(found.tables, {})
    assert left == []
    assert parents.schema["x-resource"] == {"table": "parents", "key": ["b", "a"], "unique": [["code"]]}
    assert children.schema["x-resource"] == {
        "table": "children",
        "key": "id",
        "unique": [["code", "a"]],
        "indexes": [["a", "b"]],
        "references": {"up": "children.id", "code": "parents.code"},
    }
    assert found.left_out == [
        "children: the unique index few covers expressions, some rows or left-out columns",
        "children.far refers to far, which is in another schema",
        "children: the reference to parents has several columns",
    ]


def test_what_cannot_be_shared_is_left_out_with_a_note(theirs: Database) -> None:
    theirs.execute(
        "CREATE TABLE things (id int PRIMARY KEY, photo bytea NOT NULL, place point, cost money DEFAULT 1, "
        "later int GENERATED ALWAYS AS (id + 1) VIRTUAL, at timestamptz[])"
    )
    theirs.execute("CREATE TABLE log (line text)")
    theirs.execute("CREATE TABLE all_cars (id int PRIMARY KEY)")
    theirs.execute("CREATE TABLE cars () INHERITS (all_cars)")
    theirs.execute("CREATE VIEW seen AS SELECT id FROM things")
    theirs.execute("CREATE TABLE parts (id int PRIMARY KEY) PARTITION BY RANGE (id)")
    theirs.execute("CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (9)")
    schema, left = only(theirs)
    assert list(schema["properties"]) == ["id"]
    assert left == [
        "all_cars has tables that inherit from it, and the change log cannot follow its rows in them",
        "cars has no primary key, so that clients cannot name a row",
        "log has no primary key, so that clients cannot name a row",
        "parts is a partitioned table, which the change log cannot follow",
        "parts_1 is a part of a partitioned table",
        "seen is a view, which the change log cannot follow",
        "things.photo: it holds bytes, which JSON cannot hold; without it clients cannot create rows",
        "things.place: Tidegate does not know the type point",
        "things.cost: Tidegate does not know the type money",
        "things.later: the database computes it when it is read, and triggers do not see it",
        "things.at: Tidegate does not know the type timestamp with time zone[]",
    ]


def test_unique_columns_that_are_never_null_are_a_key(theirs: Database) -> None:
    for definition in (
        "pushers (id int NOT NULL UNIQUE, app text NOT NULL, ts bigint NOT NULL, UNIQUE (ts, app))",
        "tied (b text NOT NULL UNIQUE, a text NOT NULL UNIQUE)",
        "hidden (token text NOT NULL UNIQUE, a int NOT NULL, b int NOT NULL, UNIQUE (b, a))",
        "photos (hash bytea PRIMARY KEY, name text NOT NULL UNIQUE)",
        "wide (a int NOT NULL, b int, UNIQUE (a) INCLUDE (b))",
        "nullable (a int UNIQUE)",
        "nulls (a int UNIQUE NULLS NOT DISTINCT)",
        "late (a int NOT NULL UNIQUE DEFERRABLE)",
        "loose (a int NOT NULL)",
        "documents (a jsonb NOT NULL UNIQUE)",
    ):
        theirs.execute(f"CREATE TABLE {definition}".encode())
    theirs.execute("CREATE INDEX ON loose (a)")
    theirs.execute("CREATE UNIQUE INDEX ON loose (a) WHERE a > 1")
    theirs.execute("CREATE UNIQUE INDEX ON loose ((a + 1))")
    found = introspect.read(url(theirs))
    assert {table.name: table.key for table in found.tables} == {
        "pushers": ("id",),
        "tied": ("a",),
        "hidden": ("b", "a"),
        "photos": ("name",),
        "wide": ("a",),
    }
    for name in ("documents", "late", "loose", "nullable", "nulls"):
        assert f"{name} has no primary key, so that clients cannot name a row" in found.left_out
    assert "pushers: it has no primary key, so the unique columns (id) are the key" in found.left_out
    assert "photos: its primary key (hash) cannot be in a file, so the unique columns (name) are the key" in (
        found.left_out
    )


def test_a_default_that_json_cannot_hold_is_left_to_the_database(theirs: Database) -> None:
    theirs.execute(
        """CREATE TABLE things (id int PRIMARY KEY, a float8 DEFAULT 'NaN', b float8 DEFAULT '-Infinity',
        c json DEFAULT '"\\ud800"', d json DEFAULT '[NaN]'::text::json, e numeric(3) DEFAULT 1000,
        f json DEFAULT '"\u2603"', g float8 DEFAULT 0.5)"""
    )
    schema, _ = only(theirs)
    defaults = {name: prop["default"] for name, prop in schema["properties"].items() if "default" in prop}
    assert defaults == {"f": "\u2603", "g": 0.5}


def test_names_that_generated_models_cannot_have_are_left_out(theirs: Database) -> None:
    theirs.execute(
        """CREATE TABLE things (id int PRIMARY KEY, "a""b" text, "a\\b" text NOT NULL, "a'b" text, "%s" text)"""
    )
    schema, left = only(theirs)
    assert list(schema["properties"]) == ["id", "a'b", "%s"]
    why = "its name has a quotation mark or a backslash, which generated Python models cannot have"
    assert left == [f'things.a"b: {why}', f"things.a\\b: {why}; without it clients cannot create rows"]


def test_a_secret_that_the_database_computes_is_left_out(theirs: Database) -> None:
    theirs.execute(
        "CREATE TABLE users (id int PRIMARY KEY, token uuid DEFAULT gen_random_uuid(), name text, "
        "name_hash text GENERATED ALWAYS AS (md5(name)) STORED)"
    )
    schema, left = only(theirs)
    assert list(schema["properties"]) == ["id", "token", "name"]
    assert schema["properties"]["token"]["writeOnly"] is True
    assert left == ["users.name_hash: a secret by its name, which the database computes"]


def test_a_migration_leaves_an_older_table_as_it_is_and_says_so(theirs: Database) -> None:
    theirs.execute(
        "CREATE TABLE things (id int PRIMARY KEY, name text, photo bytea, price numeric(10,2) DEFAULT 1, code text)"
    )
    theirs.execute("CREATE INDEX mine ON things (name)")
    resources = as_resources(theirs)
    definition = "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = 'things'::regclass"
    before = theirs.execute(definition.encode()).fetchall()
    steps = migrate.apply(url(theirs), resources)
    assert [step for step in steps if "things" in step] == [
        "note table things",
        'install function _tidegate."log_things"',
        'install trigger 00_tidegate_rows on "things"',
        'install trigger 00_tidegate_truncate on "things"',
    ]
    assert theirs.execute(definition.encode()).fetchall() == before
    (note,) = migrate.notes(url(theirs), resources)
    assert note.startswith("the table things was there before Tidegate")

    # Rules of the schema that theirs does not have are not brought into it; what is missing altogether is added.
    schema = resources["things"].schema
    properties = schema["properties"] | {"name": {"type": "string", "maxLength": 3}, "added": {"type": "string"}}
    rules = schema["x-resource"] | {"unique": [["code"]], "indexes": [["name"], ["price"]]}
    wanted = schema | {"properties": properties, "x-resource": rules, "required": ["id", "name"]}
    more = {"things": read_resource("things", wanted, {})}
    steps = migrate.apply(url(theirs), more)
    assert [step.partition("_tg")[0] for step in steps if "function" not in step] == [
        "add column things.added",
        "add unique index on things (code)",
        "add index things_price_idx",
    ]
    assert theirs.execute(definition.encode()).fetchall() == before
    assert migrate.planned(url(theirs), more) == []
    odd = schema | {"properties": schema["properties"] | {"code": {"type": "integer"}}}
    with pytest.raises(StoreError, match=r"things\.code is of the type text, which the schema's property cannot stand"):
        migrate.check(url(theirs), {"things": read_resource("things", odd, {})})


def test_tidegates_older_tables_without_a_record_are_recognised(theirs: Database) -> None:
    theirs.execute("CREATE TABLE things (id int PRIMARY KEY, name text)")
    resources = as_resources(theirs)
    theirs.execute("DROP TABLE things")
    limited = resources["things"].schema
    limited = limited | {"properties": limited["properties"] | {"name": {"type": "string", "maxLength": 3}}}
    ours = {"things": read_resource("things", limited, {})}
    migrate.apply(url(theirs), ours)
    theirs.execute("DELETE FROM _tidegate.meta WHERE name = 'table things'")
    assert migrate.apply(url(theirs), ours) == ["note table things"]
    assert migrate.notes(url(theirs), ours) == []
    steps = migrate.apply(url(theirs), resources)
    assert any(step.startswith("drop constraint things_name_check") for step in steps)


def test_a_table_that_a_manual_migration_makes_belongs_to_tidegate(theirs: Database, tmp_path: Path) -> None:
    theirs.execute("CREATE TABLE things (id int PRIMARY KEY, name text)")
    theirs.execute("CREATE TABLE kept (id int PRIMARY KEY, name text)")
    resources = as_resources(theirs)
    migrate.apply(url(theirs), resources)
    schema = resources["things"].schema
    schema = schema | {"properties": schema["properties"] | {"name": {"type": "string", "maxLength": 3}}}
    more = {
        name: read_resource(name, schema | {"x-resource": {"key": "id"}}, {}) for name in ("kept", "made", "renamed")
    }
    (tmp_path / "0001_more.py").write_text(
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE made (id int PRIMARY KEY, name text)')\n"
        "    db.execute_sql('ALTER TABLE things RENAME TO renamed')\n"
        "def down(migrator, db):\n"
        "    pass\n"
    )
    steps = migrate.apply(url(theirs), more, tmp_path)
    assert [step.partition("_tg")[0] for step in steps if "check" in step] == ["add check made_name_check"]
    (note,) = migrate.notes(url(theirs), more)
    assert note.startswith("the tables kept, renamed were there before")


def test_a_table_with_inheriting_tables_is_refused(theirs: Database) -> None:
    """A SELECT of the table returns the rows of the inheriting tables, but the log never has them."""
    theirs.execute("CREATE TABLE things (id int PRIMARY KEY)")
    resources = as_resources(theirs)
    theirs.execute("CREATE TABLE more () INHERITS (things)")
    with pytest.raises(StoreError, match="other tables inherit from things"):
        migrate.apply(url(theirs), resources)


BIG = {"type": "string", "format": "int64"}


def properties(found: introspect.Found) -> dict[str, Any]:
    """The schema of each column without its description, by `table.column`."""
    return {
        f"{table.name}.{column.name}": {word: value for word, value in column.schema.items() if word != "description"}
        for table in found.tables
        for column in table.columns
    }


def test_bigints_are_text_where_they_are_beyond_2_to_53_or_may_be(theirs: Database) -> None:
    for statement in (
        "CREATE FUNCTION snowflake() RETURNS bigint LANGUAGE sql RETURN 110000000000000000",
        "CREATE TABLE accounts (id bigint PRIMARY KEY DEFAULT snowflake(), hits bigint NOT NULL DEFAULT 0)",
        "CREATE TABLE counted (id bigserial PRIMARY KEY, up bigint REFERENCES counted, ns bigint, big bigint)",
        "CREATE TABLE identity (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, "
        "at bigint DEFAULT 9223372036854775807)",
        "CREATE TABLE profiles (account bigint PRIMARY KEY REFERENCES accounts, counted bigint REFERENCES counted)",
        "CREATE TABLE extras (profile bigint PRIMARY KEY REFERENCES profiles)",
        "CREATE TABLE details (counted bigint PRIMARY KEY REFERENCES counted, money numeric(18), n numeric(15))",
        "CREATE TABLE pairs (a bigint, b int, PRIMARY KEY (a, b))",
        "CREATE TABLE triples (id int PRIMARY KEY, a bigint, b int, FOREIGN KEY (a, b) REFERENCES pairs)",
        "CREATE TABLE overgrown (id bigserial PRIMARY KEY, note text)",
        "INSERT INTO counted (ns, big) VALUES (1, 9007199254740992)",
        "INSERT INTO overgrown (id) SELECT generate_series(1, 10050)",
        "INSERT INTO overgrown VALUES (-9007199254740992)",
    ):
        theirs.execute(statement.encode())
    found = introspect.read(url(theirs))
    types = properties(found)
    assert {name for name, schema in types.items() if schema == BIG} == {
        *("accounts.id", "profiles.account", "extras.profile", "counted.big", "identity.at", "details.money"),
        *("pairs.a", "triples.a", "overgrown.id"),
    }
    assert {name for name, schema in types.items() if schema == {"type": "integer"}} == {
        *("accounts.hits", "counted.id", "counted.up", "counted.ns", "identity.id", "profiles.counted"),
        "details.counted",
    }
    by_name = {table.name: table for table in found.tables}
    at = by_name["identity"].column("at")
    assert at is not None
    assert at.default == "9223372036854775807"
    notes = "\n".join(found.left_out)
    assert "accounts: integers that may be beyond 2^53 are text on the wire (format int64): id" in notes
    assert "accounts: no row has an integer beyond 2^53, so that these are numbers on the wire: hits; " in notes
    assert "counted: no row has an integer beyond 2^53, so that these are numbers on the wire: ns; " in notes
    migrate.apply(url(theirs), as_resources(theirs))


def test_a_key_that_no_request_can_name_gets_a_note(theirs: Database) -> None:
    theirs.execute(
        "CREATE TABLE prices (amount numeric(10, 2), active boolean, place text, PRIMARY KEY (place, amount, active))"
    )
    _, left_out = only(theirs)
    assert left_out == [
        "prices: requests name a row by texts and integers, and its key has another value (amount, active): clients "
        "list its rows and follow them, but cannot get, update or delete one"
    ]
