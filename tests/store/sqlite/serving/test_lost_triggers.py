"""Triggers that a program drops with their table while a gateway serves it: the gateway says that changes are lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.store.application import RESOURCES, Foreign
from tidegate.store import SqliteStore
from tidegate.store.sqlite.changelog import triggers


async def test_a_gateway_is_unhealthy_until_the_triggers_are_back(
    path: Path, foreign: Foreign, caplog: pytest.LogCaptureFixture
) -> None:
    store = await SqliteStore.open(f"sqlite:///{path}", RESOURCES)
    try:
        store._guard.look()
        assert store.healthy
        for statement in (
            "CREATE TABLE anew AS SELECT * FROM people",
            "DROP TABLE people",
            "ALTER TABLE anew RENAME TO people",
        ):
            foreign.execute(statement)
        for _ in range(2):
            store._guard.look()
            assert not store.healthy
        (said,) = (record.getMessage() for record in caplog.records if "has lost triggers" in record.getMessage())
        assert "tidegate_people_after_insert" in said
        assert said.endswith("type: tidegate migrate")
        for name, sql in triggers(RESOURCES["people"]).items():
            assert name.startswith("tidegate_people_")
            foreign.execute(sql)
        store._guard.look()
        assert not store.healthy  # the copy has no key: two rows could be one to clients
        assert "the same key (id of people)" in caplog.records[-1].getMessage()
        foreign.execute("CREATE UNIQUE INDEX people_key ON people (id)")
        store._guard.look()
        assert store.healthy
    finally:
        await store.close()
