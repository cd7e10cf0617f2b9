"""The change log has a largest size on both databases: what does not fit goes, and its readers get a snapshot."""

from __future__ import annotations

from typing import Any

import pytest

from tests.store.port.conftest import Database
from tidegate.core.rows.ports import LogPruned
from tidegate.store.postgres.connection import connect as connect_postgres
from tidegate.store.postgres.serving import retention as postgres
from tidegate.store.serving.log_size import LogSize
from tidegate.store.sqlite.connection import connect as connect_sqlite
from tidegate.store.sqlite.connection import sqlite_path
from tidegate.store.sqlite.serving import retention as sqlite

LIMIT = 1024 * 1024


def pruned(database: Database, size: LogSize) -> int:
    """The number of steps until nothing is left to do."""
    is_postgres = database.url.startswith("postgresql")
    connection: Any = connect_postgres(database.url) if is_postgres else connect_sqlite(sqlite_path(database.url))
    steps, prune = 1, postgres.prune_to_size if is_postgres else sqlite.prune_to_size
    try:
        while prune(connection, size):
            steps += 1
    finally:
        connection.close()
    return steps


async def test_the_oldest_changes_go_when_the_log_is_too_large(database: Database) -> None:
    store = await database.open()
    try:
        database.foreign.execute(f"INSERT INTO boats (code, harbour) VALUES ('a', '{'x' * 50_000}')")
        for number in range(20):  # each writes the harbour twice, as it was and as it is
            database.foreign.execute(f"UPDATE boats SET sign = {number}")
        size = LogSize(LIMIT, 1000)
        pruned(database, size)
        assert LIMIT // 2 < size.bytes <= LIMIT
        (last,) = await store.changes(20, 21, 10)
        newest = last.seq
        with pytest.raises(LogPruned):
            await store.changes(0, newest, 100)
        assert [change.seq for change in await store.changes(newest - 4, newest, 100)] == list(
            range(newest - 3, newest + 1)
        )
        database.foreign.execute("UPDATE boats SET sign = 77")
        assert pruned(database, size) >= 1
        assert size.measured_to == newest + 1
        assert size.bytes <= LIMIT
    finally:
        await store.close()


async def test_a_small_log_is_left_alone(database: Database) -> None:
    store = await database.open()
    try:
        database.foreign.execute("INSERT INTO boats (code) VALUES ('a')")
        assert pruned(database, LogSize(LIMIT, 1000)) == 1
        assert len(await store.changes(0, 1, 10)) == 1
    finally:
        await store.close()
