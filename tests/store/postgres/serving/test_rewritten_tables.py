"""ALTER TABLE and ALTER TYPE may give all rows other values, which no trigger sees: clients have to read them again.

Each case holds while a gateway serves the table, and while none runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.store.application import ANYONE
from tests.support.cases import every_case
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tidegate.schema.resource import read_resource
from tidegate.store.errors import REPLACED, REWRITTEN
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.connection import connect, shown
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving import table_shapes

OFFER: dict[str, Any] = {
    "title": "Offer",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": ANYONE,
    "properties": {
        "id": {"type": "integer"},
        "count": {"type": "integer"},
        "price": {"type": "number"},
        "state": {"type": "string"},
        "word": {"type": "string"},
        "double": {"type": "integer", "readOnly": True},
    },
    "required": ["id"],
}
OFFERS = {"offers": read_resource("offers", OFFER, {})}
TABLE = """CREATE TYPE state AS ENUM ('open', 'sold');
CREATE TYPE other AS ENUM ('a');
CREATE TABLE offers (id bigint PRIMARY KEY, count bigint, price numeric(10, 2), state state, word varchar(20),
  base bigint, double bigint GENERATED ALWAYS AS (base * 2) STORED, legacy bigint);
INSERT INTO offers VALUES (1, 2, 3.14, 'open', 'w', 5)"""
OTHER_VALUES = {
    "another type": ("ALTER TABLE offers ALTER count TYPE integer USING count * 2", "count"),
    "the same type": ("ALTER TABLE offers ALTER count TYPE bigint USING count * 2", "count"),
    "fewer digits": ("ALTER TABLE offers ALTER price TYPE numeric(10, 1)", "price"),
    "shorter text": ("ALTER TABLE offers ALTER word TYPE varchar(1) USING left(word, 1)", "word"),
    "dropped and added": ("ALTER TABLE offers DROP count, ADD count bigint DEFAULT 7", "count"),
    "a renamed value of an enumerated type": ("ALTER TYPE state RENAME VALUE 'open' TO 'new'", "state"),
    "exchanged names": (
        "ALTER TABLE offers RENAME count TO c; ALTER TABLE offers RENAME base TO count; "
        "ALTER TABLE offers RENAME c TO base",
        "count",
    ),
}
EXPRESSION = ("ALTER TABLE offers ALTER double SET EXPRESSION AS (base * 3)", "double")
"""PostgreSQL 17 and later."""
SAME_VALUES = {
    "rows in another file": "CLUSTER offers USING offers_pkey",
    "another column, with new values": "ALTER TABLE offers ADD COLUMN made uuid DEFAULT gen_random_uuid()",
    "another column with other values": "ALTER TABLE offers ALTER legacy TYPE integer USING 5",
    "an attribute of a column": "ALTER TABLE offers ALTER count SET STATISTICS 10, ALTER count SET DEFAULT 5",
    "longer text": "ALTER TABLE offers ALTER word TYPE varchar(30)",
    "text without a limit": "ALTER TABLE offers ALTER word TYPE text",
    "more digits": "ALTER TABLE offers ALTER price TYPE numeric(12, 2)",
    "a new value of an enumerated type": "ALTER TYPE state ADD VALUE 'gone' BEFORE 'sold'",
    "another enumerated type": "ALTER TYPE other RENAME VALUE 'a' TO 'b'",
    "another name, and back": "ALTER TABLE offers RENAME count TO c; ALTER TABLE offers RENAME c TO count",
    "emptied": "TRUNCATE offers",
}


@pytest.fixture
def url(postgres: PostgresServer) -> Iterator[str]:
    with postgres.lent() as url:
        with psycopg.connect(url, autocommit=True) as program:
            program.execute(TABLE)
        migrate.apply(url, OFFERS)
        yield url


def alter(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as program:
        program.execute(statements.encode())


async def epoch(url: str) -> str:
    """Of a gateway that starts."""
    store = await PostgresStore.open(url, OFFERS)
    await store.close()
    return store.epoch


def test_every_statement_is_judged(url: str) -> None:
    with every_case() as case, connect(url) as connection:
        ((version,),) = connection.execute("SELECT current_setting('server_version_num')::int")
        others = OTHER_VALUES | ({"another expression": EXPRESSION} if version >= 170_000 else {})
        for name, (statements, column) in {**others, **{name: (sql, "") for name, sql in SAME_VALUES.items()}}.items():
            with case(name), connection.transaction(force_rollback=True):
                before = table_shapes.look(connection, "public", OFFERS.values())
                for statement in statements.split("; "):
                    connection.execute(statement.encode())
                now = table_shapes.look(connection, "public", OFFERS.values())
                assert table_shapes.changed(before, now) == [f"offers.{column}"] * bool(column)


async def test_a_gateway_that_serves_the_table_begins_a_new_epoch(url: str, caplog: pytest.LogCaptureFixture) -> None:
    store = await PostgresStore.open(url, OFFERS)
    store._guard.look()
    alter(url, SAME_VALUES["an attribute of a column"])
    store._guard.look()
    alter(url, SAME_VALUES["rows in another file"])
    store._guard.look()
    assert not store.outdated
    alter(url, OTHER_VALUES["the same type"][0])
    store._guard.look()
    assert store.outdated
    said = [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]
    assert said == [f"the database {shown(url)} {text}" for text in (REWRITTEN % "offers.count", REPLACED)]
    await store.close()
    begun = await epoch(url)
    assert begun not in {store.epoch, ""}
    assert await epoch(url) == begun


@pytest.mark.parametrize("name", ["a renamed value of an enumerated type", "fewer digits"])
async def test_a_gateway_that_starts_later_begins_a_new_epoch(
    name: str, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    first = await epoch(url)
    alter(url, SAME_VALUES["text without a limit"])
    assert await epoch(url) == first
    statement, column = OTHER_VALUES[name]
    alter(url, statement)
    second = await epoch(url)
    assert second != first
    assert [record.getMessage() for record in caplog.records] == [
        f"the database {shown(url)} {REWRITTEN % f'offers.{column}'}"
    ]
    assert await epoch(url) == second


async def test_a_gateway_of_an_older_schema_keeps_what_is_known_of_other_columns(url: str) -> None:
    first = await epoch(url)
    alter(url, OTHER_VALUES["fewer digits"][0])
    less = {name: prop for name, prop in OFFER["properties"].items() if name != "price"}
    older = await PostgresStore.open(url, {"offers": read_resource("offers", {**OFFER, "properties": less}, {})})
    older._guard.look()
    await older.close()
    assert older.epoch == first
    assert await epoch(url) != first


async def test_a_record_of_another_version_is_replaced(url: str) -> None:
    first = await epoch(url)
    alter(url, f"""UPDATE _tidegate.meta SET value = '{{"offers": 1}}' WHERE name = '{table_shapes.ENTRY}'""")
    assert await epoch(url) == first
    alter(url, OTHER_VALUES["fewer digits"][0])
    assert await epoch(url) != first


async def test_a_role_that_may_only_change_the_record_keeps_it(url: str) -> None:
    """As the rights of the guide are. Without a record it serves as before."""
    first = await epoch(url)
    user = "CREATE ROLE few LOGIN; GRANT SELECT ON offers TO few; GRANT USAGE ON SCHEMA _tidegate TO few"
    own = "_tidegate.log, _tidegate.pending TO few; GRANT SELECT, INSERT, UPDATE ON _tidegate.commits TO few"
    rest = "GRANT SELECT, UPDATE ON _tidegate.meta TO few; GRANT SELECT, INSERT, DELETE ON _tidegate.requests TO few"
    alter(url, f"{user}; GRANT SELECT, DELETE ON {own}; {rest}")
    few = url.replace("tidegate@", "few@")
    alter(url, OTHER_VALUES["the same type"][0])
    resources = {"offers": read_resource("offers", {**OFFER, "x-access": {"read": "anyone"}}, {})}
    for _ in range(2):
        store = await PostgresStore.open(few, resources)
        await store.close()
        assert store.epoch != first
    alter(url, f"DELETE FROM _tidegate.meta WHERE name = '{table_shapes.ENTRY}'")
    again = await PostgresStore.open(few, resources)
    await again.close()
    assert again.epoch == store.epoch


MADE_AGAIN = (
    "BEGIN; DROP TABLE offers; CREATE TABLE offers (id bigint PRIMARY KEY, count bigint, price numeric(10, 2), "
    "state state, word text, double bigint); INSERT INTO offers VALUES (2); {triggers}; ALTER TABLE offers "
    'ENABLE ALWAYS TRIGGER "00_tidegate_rows", ENABLE ALWAYS TRIGGER "00_tidegate_truncate"; COMMIT'
)
"""What a dump of the tables alone does, in one transaction: the rows come before the triggers."""


def make_again(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as program:
        found = program.execute(
            "SELECT pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = 'offers'::regclass AND NOT tgisinternal"
        )
        program.execute(MADE_AGAIN.format(triggers="; ".join(text for (text,) in found)).encode())


async def test_a_table_that_a_dump_made_again_begins_a_new_epoch(url: str, caplog: pytest.LogCaptureFixture) -> None:
    store = await PostgresStore.open(url, OFFERS)
    store._guard.look()
    make_again(url)
    store._guard.look()
    assert store.outdated
    assert caplog.messages[0] == f"the database {shown(url)} {REWRITTEN % 'offers'}"
    await store.close()
    second = await epoch(url)
    assert second != store.epoch
    make_again(url)
    third = await epoch(url)
    assert third != second
    assert await epoch(url) == third


@pytest.mark.parametrize(
    "lost", ['DROP TRIGGER "00_tidegate_rows" ON offers', "ALTER TABLE offers DISABLE TRIGGER USER"]
)
async def test_triggers_that_a_migration_puts_back_begin_none(lost: str, url: str) -> None:
    """It logs a reset, so that a gateway that runs goes on."""
    store = await PostgresStore.open(url, OFFERS)
    store._guard.look()
    alter(url, lost)
    store._guard.look()
    assert store._guard.incomplete == {"offers"}
    migrate.apply(url, OFFERS)
    store._guard.look()
    assert not store.outdated
    assert not store._guard.incomplete
    await store.close()
    alter(url, lost)
    migrate.apply(url, OFFERS)
    assert await epoch(url) == store.epoch


async def test_another_name_of_the_resource_begins_none(url: str) -> None:
    """Its triggers are others, and no client has rows of that name."""
    first = await epoch(url)
    deals = {"deals": read_resource("deals", OFFER | {"x-resource": {"key": "id", "table": "offers"}}, {})}
    migrate.apply(url, deals)
    store = await PostgresStore.open(url, deals)
    await store.close()
    assert store.epoch == first
