"""Values that are legal in a column of another program, and that JSON, floats or `jsonb` cannot hold.

No statement of that program fails because of one, and no reader of the other rows either.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.store.application import ANYONE
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import EVERYTHING, compile_filters
from tidegate.core.rows.ports import Mutation, ReadQuery, Row
from tidegate.int64 import Int64
from tidegate.schema.resource import read_resource
from tidegate.store.postgres import rows as images
from tidegate.store.postgres.connection import Connections, connect
from tidegate.store.postgres.filters import POSTGRES
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving.mutations import Mutations
from tidegate.store.postgres.serving.reader import Reader
from tidegate.store.sql.filters import condition

DEEP = "[" * 3000 + "]" * 3000
JSON_VALUES = {
    r'{"a": "x\u0000y"}': {"a": "x\0y"},
    r'"\ud800"': r'"\ud800"',
    r'{"\udc00": [1, {"b": "}],"}]}': r'{"\udc00": [1, {"b": "}],"}]}',
    "[1e200000]": "[1e200000]",
    "-1E400": "-1E400",
    '{"a": 1, "a": 2}': {"a": 2},
    " null ": None,
    ' "null" ': "null",
    "[1, 2.50, 12345678901234567890]": [1, 2.5, 12345678901234567890],
    DEEP: DEEP,
    r'"\ud83d\ude00"': "\U0001f600",
    "[]": [],
}
KINDS = ["array", "boolean", "null", "number", "object", "string"]
ODD = read_resource(
    "odd",
    {
        "title": "Odd",
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": ANYONE,
        "properties": {
            "id": {"type": "integer"},
            "doc": {"type": KINDS},
            "r": {"type": "number"},
            "wide": {"type": "number"},
            "reals": {"type": "string"},
            "day": {"type": "string"},
            "text": {"type": "string"},
            "whole": {"type": "integer"},
            "big": {"type": "string", "format": "int64"},
        },
        "required": ["id"],
    },
    {},
)
ABSENT = compile_filters({"whole": None})
TABLE = """CREATE DOMAIN document AS json;
CREATE TABLE odd (id bigint PRIMARY KEY, doc document, r real, wide numeric(1000, 500), reals real[], day date,
  text text, note text, whole numeric(10, 0), big numeric(18, 0))"""


class Odd(NamedTuple):
    url: str
    connection: psycopg.Connection[tuple[Any, ...]]
    reader: Reader

    def rows(self, asked: Any = None) -> list[Row]:
        where = EVERYTHING if asked is None else compile_filters(asked)
        return self.reader.read(ReadQuery(resource="odd", where=where)).rows

    def check(self, asked: Any) -> list[int]:
        """The ids that SQL finds, which are those that the predicate finds."""
        found = self.rows(asked)
        assert found == [row for row in self.rows() if predicate(compile_filters(asked))(row)]
        return [row["id"] for row in found]

    def logged(self) -> list[Row | None]:
        """What the log has of rows; a migration may have added resets."""
        return [change.new for change in self.reader.changes(0, 10_000, 10_000) if change.action != "reset"]


@pytest.fixture(scope="module")
def database(postgres: PostgresServer) -> Iterator[Odd]:
    with postgres.lent() as url, psycopg.connect(url, autocommit=True) as connection:
        connection.execute(TABLE.encode())
        connection.execute("INSERT INTO odd (id, doc) VALUES (0, %s)", [r'"\u0000"'])  # was there before
        migrate.apply(url, {"odd": ODD})
        connections = Connections(url, reading=True)
        yield Odd(url, connection, Reader(connections, {"odd": ODD}, "public"))
        connections.close()


@pytest.fixture
def odd(database: Odd) -> Odd:
    database.connection.execute("DELETE FROM odd")
    database.connection.execute("DELETE FROM _tidegate.log")
    return database


@pytest.fixture
def documents(odd: Odd) -> Odd:
    with odd.connection.transaction():
        for number, text in enumerate([*JSON_VALUES, None], start=1):
            odd.connection.execute("INSERT INTO odd (id, doc) VALUES (%s, %s)", (number, text))
    return odd


@pytest.mark.parametrize("statement", ["INSERT INTO odd (id, doc) VALUES (1, %s)", "UPDATE odd SET doc = %s"])
@pytest.mark.parametrize("text", JSON_VALUES, ids=lambda text: text[:12])
def test_a_program_writes_any_json(odd: Odd, statement: str, text: str) -> None:
    odd.connection.execute("INSERT INTO odd (id) VALUES (0)")
    odd.connection.execute(statement.encode(), [text])
    odd.connection.execute("UPDATE odd SET note = 'unshared', day = '2026-01-01'")
    odd.connection.execute("DELETE FROM odd")


def test_clients_get_json_that_cannot_be_sent_as_its_text(documents: Odd) -> None:
    expected = [*JSON_VALUES.values(), None]
    assert [row.get("doc") for row in documents.rows()] == expected
    assert [row and row.get("doc") for row in documents.logged()] == expected


def test_a_row_that_was_there_before_is_updated_and_deleted(database: Odd) -> None:
    database.connection.execute("INSERT INTO odd (id, doc) VALUES (0, %s) ON CONFLICT DO NOTHING", [r'"\u0000"'])
    database.connection.execute("UPDATE odd SET text = 'x' WHERE id = 0")
    database.connection.execute("DELETE FROM odd WHERE id = 0")


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"doc": None}, [7, 13]),
        ({"doc": {"null": False}}, [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]),
        ({"doc": "null"}, [8]),
        ({"doc": {"ne": "null"}}, [1, 2, 3, 4, 5, 6, 9, 10, 11, 12]),
        ({"doc": "\U0001f600"}, [11]),
        ({"doc": {"ina": [2.5]}}, [9]),
        ({"doc": {"nina": [2.5]}}, [1, 2, 3, 4, 5, 6, 8, 10, 11, 12]),
    ],
    ids=str,
)
def test_filters_on_json_find_what_clients_see(documents: Odd, asked: Any, ids: list[int]) -> None:
    assert documents.check(asked) == ids


def test_real_numbers_have_their_short_text(odd: Odd) -> None:
    odd.connection.execute("INSERT INTO odd (id, r, reals) VALUES (1, 0.2, '{0.1, 1e30}'), (2, 16777216, '{NaN}')")
    odd.connection.execute("INSERT INTO odd (id, r) VALUES (3, '-Infinity'), (4, 1e-45), (5, NULL)")
    rows = odd.rows()
    assert [row.get("r") for row in rows] == [0.2, 16777216, None, 1e-45, None]
    assert [row.get("reals") for row in rows[:2]] == ["{0.1,1e+30}", "{NaN}"]
    assert odd.logged() == rows
    assert odd.check({"r": 0.2}) == [1]
    assert odd.check({"r": {"in": [0.2, 1e-45]}}) == [1, 4]
    assert odd.check({"r": {"lte": 0.2}}) == [1, 4]
    assert odd.check({"r": {"gt": 0.2}}) == [2]
    assert odd.check({"r": {"ne": 0.2}}) == [2, 4]
    assert odd.check({"r": {"between": [0.2, 0.2]}}) == [1]
    assert odd.check({"r": None}) == [3, 5]
    sort = odd.reader.read(ReadQuery(resource="odd", sort=(("r", "asc"),))).rows
    assert [row["id"] for row in sort] == [5, 3, 4, 1, 2]


def test_a_client_gets_the_real_number_that_it_wrote_and_may_expect_it(odd: Odd) -> None:
    with connect(odd.url) as connection, connection.pipeline(), connection.transaction():
        mutations = Mutations({"odd": ODD}, "public")
        create = Mutation(kind="create", resource="odd", rows=({"id": 1, "r": 0.2},), user="u")
        (row,) = mutations.carry_out(connection, create)
        assert row["r"] == 0.2
        change: Any = {"keys": ({"id": 1},), "data": {"text": "x"}, "expected": {"r": 0.2}}
        (row,) = mutations.carry_out(connection, Mutation(kind="update", resource="odd", user="u", **change))
    assert row["text"] == "x"


def test_numeric_beyond_floats_is_no_value_and_below_them_zero(odd: Odd) -> None:
    values = ("1e400", "-1e400", "1e-400", "NaN", "1e308", "123456789012345678.5", "0.1", "9007199254740993")
    for number, value in enumerate(values, start=1):
        odd.connection.execute("INSERT INTO odd (id, wide) VALUES (%s, %s::numeric)", (number, value))
    odd.connection.execute("UPDATE odd SET text = 'x'")
    wide = [None, None, 0, None, 1e308, 123456789012345678.5, 0.1, 9007199254740992.0]
    assert [row.get("wide") for row in odd.rows()] == wide
    assert [row and row.get("wide") for row in odd.logged()] == wide * 2
    assert odd.check({"wide": 0}) == [3]
    assert odd.check({"wide": 0.1}) == [7]
    assert odd.check({"wide": 9007199254740993}) == [8]
    assert odd.check({"wide": None}) == [1, 2, 4]
    assert odd.check({"wide": {"gt": 0}}) == [5, 6, 7, 8]
    assert odd.check({"wide": {"ne": 0.1}}) == [3, 5, 6, 8]


def test_nan_in_a_numeric_without_digits_after_the_point_is_no_value(odd: Odd) -> None:
    """PostgreSQL has it above every number."""
    for number, value in enumerate(("NaN", "5", "-5", None), start=1):
        odd.connection.execute("INSERT INTO odd (id, whole, big) VALUES (%s, %s, %s)", (number, value, value))
    rows = odd.rows()
    assert [row.get("whole") for row in rows] == [None, 5, -5, None]
    assert [row.get("big") for row in rows] == [None, "5", "-5", None]
    assert odd.logged() == rows
    for name, five, zero in (("whole", 5, 0), ("big", Int64("5"), Int64("0"))):
        assert odd.check({name: five}) == [2]
        assert odd.check({name: None}) == [1, 4]
        assert odd.check({name: {"null": False}}) == [2, 3]
        assert odd.check({name: {"ne": five}}) == [3]
        assert odd.check({name: {"gt": zero}}) == [2]
        assert odd.check({name: {"lte": zero}}) == [3]
    odd.connection.execute("CREATE INDEX ON odd (whole)")
    for way in ("seqscan", "indexscan", "indexonlyscan"):  # a planner would take these for so few rows
        odd.connection.execute(f"SET enable_{way} = off".encode())
    plan = odd.connection.execute(f"EXPLAIN SELECT FROM odd t WHERE {condition(POSTGRES, ODD, ABSENT).sql}".encode())
    assert "BitmapOr" in "\n".join(line for (line,) in plan)


def test_values_that_are_too_large_are_no_value(odd: Odd, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "SELECT string_agg(md5(n::text), '') FROM generate_series(1, 8000) n"
    monkeypatch.setattr(images, "VALUE_BYTES", 250_000)
    migrate.apply(odd.url, {"odd": ODD})
    odd.connection.execute(f"INSERT INTO odd (id, text, doc) SELECT 1, t, to_json(t) FROM ({text}) s (t)".encode())
    odd.connection.execute(f"INSERT INTO odd (id, text) SELECT 2, left(t, 240000) FROM ({text}) s (t)".encode())
    reader = Reader(Connections(odd.url, reading=True), {"odd": ODD}, "public")
    rows = reader.read(ReadQuery(resource="odd")).rows
    reader.close()
    monkeypatch.undo()
    migrate.apply(odd.url, {"odd": ODD})
    assert odd.logged() == rows
    assert [len(row.get("text") or "") for row in rows] == [0, 240_000]
    assert "doc" in rows[0]
    assert rows[0]["doc"] is None


def test_a_table_of_1600_columns_is_logged(odd: Odd) -> None:
    names = [f"c{number}" for number in range(1599)]
    schema = {
        "title": "Broad",
        "type": "object",
        "x-resource": {"key": "id"},
        "x-access": ANYONE,
        "properties": {"id": {"type": "integer"}, **{name: {"type": "string"} for name in names}},
        "required": ["id"],
    }
    odd.connection.execute(f"CREATE TABLE broad (id int PRIMARY KEY, {', '.join(f'{n} text' for n in names)})".encode())
    migrate.apply(odd.url, {"broad": read_resource("broad", schema, {}), "odd": ODD})
    odd.connection.execute("INSERT INTO broad (id, c7) VALUES (1, 'seven')")
    odd.connection.execute("UPDATE broad SET c1598 = 'last'")
    ((new,),) = odd.connection.execute("SELECT new::json ->> 'c1598' FROM _tidegate.log WHERE action = 'update'")
    assert new == "last"
