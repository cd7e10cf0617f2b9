"""Triggers that were missing for a while, for example because a program made its table again.

The log may lack changes of that time, so that the migration that restores the triggers logs a reset: subscribers read
the rows of the table again.
"""

from __future__ import annotations

from tests.store.port.conftest import Database
from tidegate.core.rows.ports import Change, Store
from tidegate.store import backends


def _lose_triggers(database: Database) -> None:
    if database.url.startswith("postgresql"):
        database.foreign.execute('DROP TRIGGER "00_tidegate_rows" ON boats')
        return
    for when in ("before_insert", "before_update", "after_insert", "after_update", "after_delete"):
        database.foreign.execute(f"DROP TRIGGER tidegate_boats_{when}")


async def _logged(database: Database, after: int) -> list[Change]:
    store: Store = await database.open()
    try:
        return list(await store.changes(after, await store.head(), 100))
    finally:
        await store.close()


async def test_restored_triggers_make_subscribers_read_rows_again(database: Database) -> None:
    database.foreign.execute("INSERT INTO boats (code) VALUES ('a')")
    (first,) = await _logged(database, 0)
    _lose_triggers(database)
    database.foreign.execute("UPDATE boats SET name = 'unseen'")
    backends.migrations(database.url).apply(database.url, database.resources)
    database.foreign.execute("UPDATE boats SET name = 'seen'")
    reset, change = await _logged(database, first.seq)
    assert (reset.action, reset.resource, reset.key, reset.old, reset.new) == ("reset", "boats", {}, None, None)
    assert (change.action, change.key) == ("update", {"code": "a"})


async def test_restored_triggers_log_a_reset_for_a_table_without_rows(database: Database) -> None:
    database.foreign.execute("INSERT INTO boats (code) VALUES ('a')")
    (first,) = await _logged(database, 0)
    _lose_triggers(database)
    database.foreign.execute("DELETE FROM boats")
    backends.migrations(database.url).apply(database.url, database.resources)
    assert [(one.action, one.resource) for one in await _logged(database, first.seq)] == [("reset", "boats")]


async def test_a_new_table_logs_no_reset(database: Database) -> None:
    some = {name: resource for name, resource in database.resources.items() if name != "berths"}
    await _logged(database, 0)
    database.foreign.execute("DROP TABLE berths")
    if database.url.startswith("postgresql"):
        database.foreign.execute("DROP FUNCTION _tidegate.log_berths")
    migrations = backends.migrations(database.url)
    migrations.apply(database.url, some)
    migrations.apply(database.url, database.resources)
    assert await _logged(database, 0) == []


async def test_a_second_migration_logs_no_reset(database: Database) -> None:
    await _logged(database, 0)
    _lose_triggers(database)
    migrations = backends.migrations(database.url)
    migrations.apply(database.url, database.resources)
    logged = await _logged(database, 0)
    assert migrations.apply(database.url, database.resources) == []
    assert await _logged(database, 0) == logged
