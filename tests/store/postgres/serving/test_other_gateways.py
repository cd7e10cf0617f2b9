"""Gateways over one PostgreSQL database see each other by a lock, which ends with their connection."""

from __future__ import annotations

from contextlib import AsyncExitStack

import pytest

from tests.store.application import RESOURCES
from tests.store.heard import Heard
from tests.store.mutations import create
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tests.support.waiting import until
from tidegate.store.postgres.changelog import COMMIT_LOCK, SERVING_LOCK
from tidegate.store.postgres.connection import connect
from tidegate.store.postgres.serving import other_gateways
from tidegate.store.postgres.serving.store import PostgresStore

HOLDERS = f"SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND objid = {SERVING_LOCK & 0xFFFFFFFF}"


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    found = [record.getMessage() for record in caplog.records if "already served" in record.getMessage()]
    caplog.clear()
    return found


def test_only_gateways_over_the_same_database_count(
    url: str, postgres: PostgresServer, caplog: pytest.LogCaptureFixture
) -> None:
    with connect(url) as first, connect(url) as second, connect(postgres.url(postgres.database())) as elsewhere:
        other_gateways.announce(elsewhere, "")
        first.execute(f"SELECT pg_advisory_lock({COMMIT_LOCK})")
        other_gateways.announce(second, "")
        other_gateways.warn_of_others(second, url, "")
        assert warnings(caplog) == []
        for _ in range(2):
            other_gateways.announce(first, "")
        other_gateways.warn_of_others(second, url, "")
        (said,) = warnings(caplog)
        assert "served by 1 other gateway:" in said


@pytest.mark.parametrize(
    ("there", "here", "strangers"), [("", "", 1), ("shop", "shop", 0), ("shop", "", 1), ("", "shop", 1), ("a", "b", 1)]
)
async def test_gateways_that_meet_in_an_engine_are_right(
    url: str, caplog: pytest.LogCaptureFixture, there: str, here: str, strangers: int
) -> None:
    async with AsyncExitStack() as stack:
        for number, prefix in enumerate((there, here), 1):
            store = await PostgresStore.open(url, RESOURCES, prefix=prefix)
            stack.push_async_callback(store.close)
            heard = Heard()
            store.follow(heard.deliver)
            await store.write(create({"code": str(number), "harbour": str(number), "sign": number}))
            await heard.until(number)
    assert len(warnings(caplog)) == strangers


async def test_a_feed_that_reconnects_takes_the_lock_again_and_warns_once(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with psycopg.connect(url, autocommit=True) as program, connect(url) as other:
        other_gateways.announce(other, "")
        store = await PostgresStore.open(url, RESOURCES)
        try:
            heard = Heard()
            store.follow(heard.deliver)
            await store.write(create({"code": "a", "sign": 1}))
            await heard.until(1)

            def feeds() -> set[int]:
                return {pid for (pid,) in program.execute(HOLDERS.encode())} - {other.info.backend_pid}

            (before,) = feeds()
            program.execute("SELECT pg_terminate_backend(%s)", [before])
            await until(lambda: len(feeds()) == 1 and before not in feeds())
            await store.write(create({"code": "b", "sign": 2, "harbour": "b"}))
            await heard.until(2)
            assert len(warnings(caplog)) == 1
        finally:
            await store.close()
        await until(lambda: feeds() == set())
