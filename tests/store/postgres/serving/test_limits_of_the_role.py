"""Limits that a person set for all programs of a role may be too short for a gateway, which is elsewhere."""

from __future__ import annotations

import pytest

from tests.store.application import RESOURCES
from tests.store.heard import Heard
from tests.store.mutations import create
from tests.support.driver import psycopg
from tidegate.store.postgres.connection import WHOLE_SINCE, connect
from tidegate.store.postgres.serving.store import PostgresStore

IDLE = "idle_in_transaction_session_timeout"


@pytest.mark.parametrize(("name", "limit"), [(IDLE, "1ms"), ("idle_session_timeout", "20ms"), ("lock_timeout", "1ms")])
async def test_short_limits_end_no_connection(url: str, name: str, limit: str) -> None:
    with psycopg.connect(url, autocommit=True) as program:
        program.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET {name} = '{limit}'".encode())
    store = await PostgresStore.open(url, RESOURCES, durable=True)
    try:
        heard = Heard()
        store.follow(heard.deliver)
        await store.write(create({"code": "a", "harbour": "a", "sign": 1}))
        await heard.until(1)
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("name", "limit", "ours"),
    [
        *((IDLE, limit, ours) for limit, ours in {"0": "0", "5ms": "1min", "59s": "1min", "1d": "1d"}.items()),
        *(("transaction_timeout", limit, ours) for limit, ours in {"0": "0", "59s": "1min", "2min": "2min"}.items()),
    ],
)
def test_a_transaction_may_take_and_stand_still_for_a_minute_at_least(
    url: str, name: str, limit: str, ours: str
) -> None:
    with psycopg.connect(url, autocommit=True) as program:
        if name == "transaction_timeout" and program.info.server_version < WHOLE_SINCE:
            pytest.skip("this PostgreSQL has no limit of whole transactions")
        program.execute(f"ALTER DATABASE {url.rpartition('/')[2]} SET {name} = '{limit}'".encode())
    with connect(url) as connection:
        assert connection.execute(f"SHOW {name}").fetchall() == [(ours,)]
