"""A closed store on every database: its timers have ended."""

from __future__ import annotations

from tests.store.port.conftest import Database
from tidegate.store.serving.store import ThreadedStore


async def test_a_closed_store_has_no_timer_left(database: Database) -> None:
    store = await database.open()
    assert isinstance(store, ThreadedStore)
    timers = list(store._timers.values())
    assert timers and not any(timer.cancelled() for timer in timers)
    await store.close()
    assert all(timer.cancelled() for timer in timers)
