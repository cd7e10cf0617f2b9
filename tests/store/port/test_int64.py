"""Integers of 64 bits on every database: text on the wire, an integer in the table, and compared as an integer."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from msgspec.structs import replace

from tests.store.application import ANYONE
from tests.store.mutations import create, refused
from tests.store.port.conftest import Database
from tidegate.contract import Resource
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.core.rows.ports import Mutation, ReadQuery, Store
from tidegate.int64 import Int64
from tidegate.schema.resource import read_resource
from tidegate.store import StoreError, backends

LOWEST, HIGHEST = str(-(2**63)), str(2**63 - 1)
A, B, C = (str(110_000_000_000_000_000 + number) for number in (1, 2, 3))
"""Three keys that a double cannot tell apart."""
BIG = {"type": "string", "format": "int64"}


def resource(name: str, key: Any, properties: dict[str, Any], **rules: Any) -> Resource:
    names = [key] if isinstance(key, str) else key
    schema = {
        "title": name.title(),
        "type": "object",
        "x-resource": {"key": key, **rules},
        "x-access": ANYONE,
        "properties": properties,
        "required": names,
    }
    return read_resource(name, schema, {})


def blog(big: dict[str, Any], *, level: list[Any]) -> dict[str, Resource]:
    """The same tables for text of integers and for plain integers."""
    nullable = {**big, "type": [big["type"], "null"]}
    return {
        "posts": resource(
            "posts",
            "id",
            {
                "id": big,
                "parent": nullable,
                "level": {**big, "enum": level, "default": level[0]},
                "note": {"type": "string"},
            },
            references={"parent": "posts.id"},
        ),
        "likes": resource("likes", ["post", "person"], {"post": big, "person": big}, references={"post": "posts.id"}),
        "counted": resource("counted", "id", {"id": {**big, "readOnly": True}, "note": {"type": "string"}}),
    }


TEXTS = blog(BIG, level=["0", HIGHEST])
INTEGERS = blog({"type": "integer"}, level=[0, 2**63 - 1])


def migrated(database: Database, resources: dict[str, Resource]) -> list[str]:
    return backends.migrations(database.url).apply(database.url, {**database.resources, **resources})


@pytest.fixture
async def store(database: Database) -> AsyncIterator[Store]:
    migrated(database, TEXTS)
    store = await database.open(TEXTS)
    yield store
    await store.close()


async def ids(store: Store, name: str = "posts", **query: Any) -> list[str]:
    return [row["id"] for row in (await store.read(ReadQuery(resource=name, **query))).rows]


async def test_close_keys_are_different_rows_for_every_request(store: Store, database: Database) -> None:
    written = await store.write(create({"id": A}, {"id": B, "parent": A}, {"id": C}, resource="posts"))
    assert written.rows == [{"id": key, "parent": A if key == B else None, "level": "0"} for key in (A, B, C)]
    assert await ids(store, keys=({"id": B},)) == [B]
    assert await ids(store, keys=({"id": C}, {"id": A})) == [A, C]
    assert await ids(store, where=compile_filters({"parent": Int64(A)})) == [B]
    change = Mutation(kind="update", resource="posts", keys=({"id": B},), data={"level": HIGHEST})
    assert await refused(store, replace(change, expected={"parent": B})) == (
        "conflict",
        "/if/parent",
        None,
    )
    (row,) = (await store.write(replace(change, expected={"parent": A}))).rows
    assert row == {"id": B, "parent": A, "level": HIGHEST}
    assert await refused(store, create({"id": "5", "parent": "6"}, resource="posts")) == (
        "conflict",
        "/data/parent",
        "references",
    )
    assert await refused(store, create({"id": A}, resource="posts")) == ("conflict", "/data/id", "unique")
    await store.write(Mutation(kind="delete", resource="posts", keys=({"id": C},)))
    found = await store.changes(0, 99, 99)
    assert [(each.action, each.key) for each in found] == [
        *(("create", {"id": key}) for key in (A, B, C)),
        ("update", {"id": B}),
        ("delete", {"id": C}),
    ]
    assert [each.old and each.old["level"] for each in found] == [None, None, None, "0", "0"]
    assert found[3].new == row
    database.foreign.execute(f"UPDATE posts SET note = 'theirs' WHERE id = {B} AND level = {HIGHEST}")
    assert (await store.read(ReadQuery(resource="posts", keys=({"id": B},)))).rows == [{**row, "note": "theirs"}]


async def test_integers_of_foreign_programs_are_sent_with_all_digits(store: Store, database: Database) -> None:
    numbers = [2**53 - 1, 2**53, 2**53 + 1, -(2**53) - 1, 2**63 - 1, -(2**63), 9, 10, 0]
    for number in numbers:
        database.foreign.execute(f"INSERT INTO posts (id) VALUES ({number})")
    rows = (await store.read(ReadQuery(resource="posts"))).rows
    assert [row["id"] for row in rows] == [str(number) for number in sorted(numbers)]
    assert [each.new for each in await store.changes(0, 99, 99)] == [
        {"id": str(number), "parent": None, "level": "0"} for number in numbers
    ]
    assert await ids(store, sort=(("id", "desc"),), limit=2) == [HIGHEST, str(2**53 + 1)]
    for filters in ({"id": {"gt": Int64(9)}}, {"id": {"between": [Int64(LOWEST), Int64(9)]}}, {"id": {"ne": Int64(9)}}):
        where = compile_filters(filters)
        assert await ids(store, where=where) == [row["id"] for row in rows if predicate(where)(row)] != []


async def test_keys_of_several_properties_and_keys_that_the_database_counts(store: Store) -> None:
    await store.write(create({"id": A}, {"id": B}, resource="posts"))
    await store.write(create({"post": A, "person": HIGHEST}, {"post": B, "person": LOWEST}, resource="likes"))
    key = {"post": B, "person": LOWEST}
    assert (await store.read(ReadQuery(resource="likes", keys=(key,)))).rows == [key]
    assert (await store.write(Mutation(kind="delete", resource="likes", keys=(key,)))).rows == [key]
    written = await store.write(create({"note": "a"}, {"note": "b"}, resource="counted"))
    assert [row["id"] for row in written.rows] == ["1", "2"]


async def test_a_table_of_plain_integers_becomes_one_of_text_without_a_migration(database: Database) -> None:
    """The images in the log are older than the schema, and the table is the same."""
    migrated(database, INTEGERS)
    database.foreign.execute(f"INSERT INTO posts (id) VALUES ({A})")
    database.foreign.execute(f"UPDATE posts SET parent = {A}")
    assert migrated(database, TEXTS) == []
    store = await database.open(TEXTS)
    first, second = await store.changes(0, 99, 99)
    await store.close()
    assert (first.key, second.key) == ({"id": A}, {"id": A})
    assert (second.old, second.new) == (first.new, {"id": A, "parent": A, "level": "0"})
    assert migrated(database, INTEGERS) == []


async def test_integers_that_clients_would_round_are_told(database: Database, caplog: pytest.LogCaptureFixture) -> None:
    """A row of another program is sent as it is. The operator learns of keys at once, and of the rest with the row."""
    plain = {"id": {"type": "integer"}, "other": {"type": "integer"}, "small": {"type": "integer"}}
    resources = {"theirs": resource("theirs", "id", plain)}
    migrated(database, resources)
    migrations = backends.migrations(database.url)

    def told() -> list[str]:
        return [line for line in [*migrations.notes(database.url, resources), *caplog.messages] if "2^53" in line]

    database.foreign.execute(f"INSERT INTO theirs (id, other, small) VALUES (1, {2**53 - 1}, 1)")
    store = await database.open(resources)
    assert (await store.read(ReadQuery(resource="theirs"))).rows == [{"id": 1, "other": 2**53 - 1, "small": 1}]
    assert told() == []
    database.foreign.execute(f"INSERT INTO theirs (id, other) VALUES (2, {-(2**53)}), (3, {2**60})")
    assert len((await store.read(ReadQuery(resource="theirs"))).rows) == 3
    assert ["a row of theirs has in other an integer beyond 2^53" in line for line in told()] == [True]
    await store.close()
    caplog.clear()
    database.foreign.execute("INSERT INTO theirs (id) VALUES (9007199254740992)")
    (note,) = told()
    assert note.startswith("integers beyond 2^53")
    assert note.endswith(": theirs.id")
    await (await database.open(resources)).close()
    assert told() == [note, note]
    caplog.clear()
    database.foreign.execute("UPDATE theirs SET id = -9007199254740992 WHERE id = 9007199254740992")
    assert told() == [note]


async def test_a_column_of_text_is_refused_when_migrating(database: Database) -> None:
    database.foreign.execute("CREATE TABLE theirs (id integer NOT NULL PRIMARY KEY, big text)")
    with pytest.raises(StoreError, match=r"theirs\.big"):
        migrated(database, {"theirs": resource("theirs", "id", {"id": {"type": "integer"}, "big": BIG})})


async def test_sample_rows_have_the_text(database: Database) -> None:
    migrated(database, TEXTS)
    assert backends.seed(database.url, TEXTS, {"posts": [{"id": A}, {"id": B, "parent": A}]}) == {"posts": 2}
    store = await database.open(TEXTS)
    assert await ids(store) == [A, B]
    await store.close()
    with pytest.raises(StoreError, match="/likes/0"):
        backends.seed(database.url, TEXTS, {"likes": [{"post": A, "person": "many"}]})
