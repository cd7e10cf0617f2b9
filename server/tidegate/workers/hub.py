"""The hub process: it joins the rooms of the workers, and writes an SQLite database for them.

It serves no client and runs no code of the application. It starts before the first worker and ends after the last one.
Where it dies, a new one has no messages and no members: workers say again what they know, and rooms begin new epochs.
Invariant: what was acknowledged to a worker is committed when `serve` returns.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import secrets
import signal
import time

from tidegate.config import ConfigError, Settings
from tidegate.core.budgets.ledger import Ledger
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.engines.memory import SWEEP_S
from tidegate.hub.messages import Kind
from tidegate.hub.server import HubServer, Join
from tidegate.loading import load_contract
from tidegate.room_engine import has_durable
from tidegate.store import Retention, StoreError, Timeouts
from tidegate.store.backends import LentStore, open_lent_store
from tidegate.store.hub.rows import RowsOfHub
from tidegate.workers.member import BEAT_S, Member

log = logging.getLogger("tidegate.hub")

TICK_S = 0.1
"""Between two looks at members that are due to leave, and at how the database is."""
ANSWER_S, CLOSE_S = 0.5, 1.0
"""How long a stop waits for writes under way, and then for the database. The supervisor has more patience."""


async def serve(settings: Settings, member: Member, *, writes: bool) -> None:
    """Serve the workers until SIGTERM. `writes`: whether the hub writes the database for them. Raises ConfigError."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ledger = Ledger(settings.memory_bytes)
    rooms = RoomsOfHub(ledger, secrets.token_urlsafe(8), time.time)
    joins: dict[Kind, Join] = {"rooms": rooms.join}
    store: LentStore | None = None
    rows: RowsOfHub | None = None
    if writes:
        store = await _opened(settings)
        store.ledger = ledger
        rows = RowsOfHub(store, await store.head())
        joins["rows"] = rows.join
    server = HubServer(joins)
    await server.start(*member.sockets())
    gc.collect()
    gc.freeze()
    member.ready()
    try:
        await _tick(rooms, rows, member, stop)
    finally:
        await server.aclose()
        if rows is not None and store is not None:
            await rows.aclose(ANSWER_S)
            await store.close(CLOSE_S)


async def _opened(settings: Settings) -> LentStore:
    contract = load_contract(settings)
    keep = Retention(age_ms=int(settings.log_age * 1000), rows=settings.log_rows, bytes=settings.log_bytes)
    timeouts = Timeouts(read=settings.read_timeout, write=settings.write_timeout)
    try:
        return await open_lent_store(
            settings.database, contract.resources, keep, timeouts, durable=has_durable(contract)
        )
    except StoreError as error:
        raise ConfigError(str(error)) from None


async def _tick(rooms: RoomsOfHub, rows: RowsOfHub | None, member: Member, stop: asyncio.Event) -> None:
    """Do what time alone brings, until `stop`."""
    beat_at = sweep_at = 0.0
    while not stop.is_set():
        now = time.monotonic()
        rooms.tick(now)
        if rows is not None:
            rows.tick()
        if now >= beat_at:
            member.beat()
            beat_at = now + BEAT_S
        if now >= sweep_at:
            rooms.engine.sweep(time.time())
            sweep_at = now + SWEEP_S
        try:
            async with asyncio.timeout(TICK_S):
                await stop.wait()
        except TimeoutError:
            continue
