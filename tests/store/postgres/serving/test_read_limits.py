"""PostgreSQL itself ends a read that takes too long: a proxy before it may lose the gateway's wish that it ends."""

from __future__ import annotations

import pytest

from tests.store.application import RESOURCES
from tests.store.port.test_fair_reads import ENDLESS, EVE, QUICK_S, Noted, add_tagged
from tests.store.postgres.foreign import ForeignPostgres
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tests.support.waiting import until
from tidegate.core.errors import Refused
from tidegate.store import Timeouts
from tidegate.store.postgres.serving.store import PostgresStore
from tidegate.store.serving.jobs import Interrupted


async def test_a_read_ends_although_nothing_interrupts_it(
    postgres: PostgresServer, postgres_template: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres.lent(postgres_template) as url, psycopg.connect(url, autocommit=True) as connection:
        add_tagged(ForeignPostgres(connection))
        store = await PostgresStore.open(url, RESOURCES, timeouts=Timeouts(read=QUICK_S))
        noted = Noted(store)
        monkeypatch.setattr(store._reads._reader, "interrupt", lambda thread: None)
        with pytest.raises(Refused, match="fewer"):
            await store.read(ENDLESS, EVE)
        await until(lambda: not store._reads._threads._jobs)
        assert [type(error) for error in noted.failures] == [Interrupted]
        await store.close()
