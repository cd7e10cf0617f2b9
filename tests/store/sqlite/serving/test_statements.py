"""SQLite prepares statements of durable rooms and of sweeps once, and the plan is the one for their values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import apsw
import pytest

from tests.support.cases import every_case
from tidegate.store.sqlite.changelog import LOG, TABLES
from tidegate.store.sqlite.room_tables import KEYS, MESSAGES, ROOM_TABLES, ROOMS
from tidegate.store.sqlite.serving import retention, room_reads, room_writes

MANY = 2_000
STATEMENTS: dict[str, tuple[Any, ...]] = {
    room_reads.AFTER: ("r1", 1, 0, 500),
    room_reads.BEFORE: ("r1", 1, 0, 500, 3, 20),
    room_writes.NEWEST: ("r1", 1),
    room_writes.OLDEST: ("r1",),
    room_writes.FIRST: ("r1", 1, 50, 5, 4),
    room_writes.DUE: (5, 50),
    room_writes.DROP: ("r1", 1, 2),
    room_writes.DROP_FORMER: ("r1", 1, 50),
    room_writes.OLD_KEYS: (50, 3),
    retention.SIZES: (0, 50),
}
PREPARED = {apsw.SQLITE_SELECT, apsw.SQLITE_DELETE}


@pytest.fixture(params=["no statistics", "ANALYZE"])
def connection(request: pytest.FixtureRequest) -> Iterator[apsw.Connection]:
    connection = apsw.Connection(":memory:")
    for sql in [*TABLES.values(), *(each for table in ROOM_TABLES.values() for each in table)]:
        connection.execute(sql)
    rows = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) INSERT INTO"
    # Most messages are in one room, and one generation has most of them: a case for another plan, if there were one.
    connection.execute(f"{rows} {MESSAGES} SELECT 'r' || (i % 50 = 0), 1 + (i % 100 = 0), i, i, 'text' FROM n")
    connection.execute(f"{rows} {ROOMS} SELECT 'r' || i, 1, i, 0, i, 1, i FROM n")
    connection.execute(f"{rows} {KEYS} SELECT i, 'r1', 'alice', 'k' || i, x'', 1, i, i FROM n")
    connection.execute(f"{rows} {LOG} (time, resource, key, action) SELECT i, 'harbours', '[1]', 'create' FROM n")
    if request.param == "ANALYZE":
        connection.execute("ANALYZE")
    yield connection
    connection.close()


def test_statements_with_other_values_are_not_prepared_again(connection: apsw.Connection) -> None:
    prepared: list[int] = []

    def called_to_prepare(action: int, *_: object) -> int:
        prepared.append(action)
        return apsw.SQLITE_OK

    connection.authorizer = called_to_prepare
    with every_case() as case:
        for sql, values in STATEMENTS.items():
            with case(sql):
                connection.execute(sql, values).fetchall()
                assert PREPARED & {*prepared}
                prepared.clear()
                for more in (1, 2):
                    other = [value if isinstance(value, str) else value + more for value in values]
                    connection.execute(sql, other).fetchall()
                assert prepared == []


def test_plans_are_those_that_sqlite_has_for_the_values(connection: apsw.Connection) -> None:
    def plan(sql: str, values: tuple[Any, ...]) -> list[Any]:
        return [step[3] for step in connection.execute(f"EXPLAIN QUERY PLAN {sql}", values)]

    with every_case() as case:
        for sql, values in STATEMENTS.items():
            with case(sql):
                assert "+?" in sql
                assert plan(sql, values) == plan(sql.replace("+?", "?"), values)
