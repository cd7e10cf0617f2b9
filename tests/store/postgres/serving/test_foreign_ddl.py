"""The owner changes tables, triggers or the log while a gateway serves them: the gateway says so, and until when."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.store.application import RESOURCES
from tests.store.postgres.foreign import RESOURCES as ALL
from tests.store.postgres.foreign import ForeignPostgres
from tests.support.cases import every_case
from tidegate.store.errors import CHANGED_TABLES, REPLACED
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.connection import connect, shown
from tidegate.store.postgres.migration import migrate
from tidegate.store.postgres.serving.table_watch import TableWatch

ROWS = '"00_tidegate_rows"'
HARMLESS = {
    "a new column": ("ALTER TABLE boats ADD COLUMN colour text DEFAULT 'red'", ""),
    "a new index": ("CREATE INDEX ON boats (name)", ""),
    "another unique index for the key": (
        "CREATE UNIQUE INDEX i ON boats (code) INCLUDE (name); ALTER TABLE boats DROP CONSTRAINT boats_pkey CASCADE",
        "",
    ),
    "a view": ("CREATE VIEW old_boats AS SELECT * FROM boats", ""),
    "another trigger that is off": (
        "CREATE FUNCTION n() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        "CREATE TRIGGER theirs AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION n();"
        "ALTER TABLE boats DISABLE TRIGGER theirs",
        "",
    ),
    "another table": ("CREATE TABLE things (boat text REFERENCES boats)", ""),
}
TURNED_OFF = "turned off (00_tidegate_rows on boats, 00_tidegate_truncate on boats)"
HARMFUL = {
    "triggers turned off": ("ALTER TABLE boats DISABLE TRIGGER USER", TURNED_OFF),
    "triggers as PostgreSQL's tools leave them": (
        "ALTER TABLE boats DISABLE TRIGGER ALL; ALTER TABLE boats ENABLE TRIGGER ALL",
        TURNED_OFF,
    ),
    "a trigger dropped": (f"DROP TRIGGER {ROWS} ON boats", "lost triggers (00_tidegate_rows on boats)"),
    "a trigger replaced": (
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';"
        f"CREATE OR REPLACE TRIGGER {ROWS} AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION f()",
        "lost triggers (00_tidegate_rows on boats)",
    ),
    "the table made again": (
        "CREATE TABLE copy (LIKE boats INCLUDING ALL); DROP TABLE boats CASCADE; ALTER TABLE copy RENAME TO boats",
        "lost triggers (00_tidegate_rows on boats, 00_tidegate_truncate on boats)",
    ),
    "no table": ("DROP TABLE boats CASCADE", "lacks the table boats"),
    "another schema": ("CREATE SCHEMA attic; ALTER TABLE boats SET SCHEMA attic", "lacks the table boats"),
    "a column renamed": ("ALTER TABLE boats RENAME COLUMN sign TO number", "lacks the column boats.sign"),
    "no unique key": ("ALTER TABLE boats DROP CONSTRAINT boats_pkey CASCADE", "the same key (code of boats)"),
    "a key that is unique among some rows": (
        "ALTER TABLE boats DROP CONSTRAINT boats_pkey CASCADE; CREATE UNIQUE INDEX ON boats (code) WHERE code <> ''",
        "the same key (code of boats)",
    ),
    "a key that is unique with another column": (
        "ALTER TABLE boats DROP CONSTRAINT boats_pkey CASCADE; CREATE UNIQUE INDEX ON boats (code, name)",
        "the same key (code of boats)",
    ),
    "a child": ("CREATE TABLE yachts () INHERITS (boats)", "inherit from boats"),
}
LOG = {
    "numbering turned off": ("ALTER TABLE _tidegate.commits DISABLE TRIGGER USER", "turned off (number_changes"),
    "numbering dropped": ("DROP TRIGGER number_change ON _tidegate.pending", "lost triggers (number_change"),
}


@pytest.fixture
async def store(url: str) -> AsyncIterator[PostgresStore]:
    store = await PostgresStore.open(url, RESOURCES)
    yield store
    await store.close()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "ERROR"]


def test_a_watch_names_what_the_owner_changed_and_says_it_once(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with every_case() as case, connect(url) as connection:
        for name, (statements, words) in (HARMFUL | LOG | HARMLESS).items():
            with case(name), connection.transaction(force_rollback=True):
                caplog.clear()
                watch = TableWatch(url, "public", RESOURCES)
                watch.look(connection)
                connection.execute(statements.encode())
                watch.look(connection)
                watch.look(connection)
                expected = {"boats"} if name in HARMFUL else set(RESOURCES) if name in LOG else set()
                assert watch.incomplete == expected
                assert len(said(caplog)) == bool(words)
                assert all(words in text for text in said(caplog))


async def test_a_gateway_is_not_ready_until_a_migration_has_mended_it(
    store: PostgresStore, foreign: ForeignPostgres, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    store._guard.look()
    assert store.healthy
    foreign.execute("INSERT INTO boats (code) VALUES ('a')")
    foreign.execute("ALTER TABLE boats DISABLE TRIGGER USER")
    foreign.execute("UPDATE boats SET sign = 5")
    foreign.execute("ALTER TABLE boats ENABLE TRIGGER USER")
    store._guard.look()
    assert store.problem == CHANGED_TABLES
    assert set(store.incomplete) == {"boats"}
    mark = foreign.head()
    migrate.apply(url, ALL)
    store._guard.look()
    assert store.healthy
    assert not store.incomplete
    assert {(entry.resource, entry.action) for entry in foreign.log(mark)} == {("boats", "reset")}
    assert len(said(caplog)) == 1


@pytest.mark.parametrize(
    "statements",
    [
        "TRUNCATE _tidegate.log",
        "DELETE FROM _tidegate.log WHERE seq > 1",
        "SELECT setval('_tidegate.log_seq', 1)",
    ],
)
async def test_a_log_that_went_back_gets_a_new_epoch(
    store: PostgresStore, foreign: ForeignPostgres, url: str, caplog: pytest.LogCaptureFixture, statements: str
) -> None:
    foreign.run("INSERT INTO boats (code) VALUES ('a'), ('b')")
    store._guard.look()
    assert not store.outdated
    foreign.execute(statements)
    for _ in range(2):
        store._guard.look()
        assert store.outdated
    assert said(caplog) == [f"the database {shown(url)} {REPLACED}"]
    migrate.apply(url, ALL)
    again = await PostgresStore.open(url, RESOURCES)
    assert again.epoch != store.epoch
    foreign.run("INSERT INTO boats (code) VALUES ('c')")
    await again.close()


async def test_a_log_that_was_emptied_while_no_gateway_ran_gets_a_new_epoch(foreign: ForeignPostgres, url: str) -> None:
    first = await PostgresStore.open(url, RESOURCES)
    foreign.run("INSERT INTO boats (code) VALUES ('a'), ('b')")
    await first.close()
    second = await PostgresStore.open(url, RESOURCES)
    await second.close()
    assert second.epoch == first.epoch
    foreign.execute("TRUNCATE _tidegate.log")
    third = await PostgresStore.open(url, RESOURCES)
    await third.close()
    assert third.epoch != first.epoch
