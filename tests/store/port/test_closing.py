"""A closed store on every database: what it did again and again has ended."""

from __future__ import annotations

from tests.store.port.conftest import Database
from tidegate.store.serving.store import ThreadedStore


async def test_no_duty_outlives_the_store(database: Database) -> None:
    store = await database.open()
    assert isinstance(store, ThreadedStore)
    duties = list(store._timers.values())
    assert duties and not any(duty.cancelled() for duty in duties)
    await store.close()
    assert all(duty.cancelled() for duty in duties)
