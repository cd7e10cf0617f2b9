"""The hub process: it joins the rooms of the workers and reads the change log for them; an SQLite file it also writes.

It serves no client and runs no code of the application. It starts before the first worker and ends after the last one.
Where it dies, a new one has no messages and no members: workers say again what they know, and rooms begin new epochs.
Invariant: what was acknowledged to a worker is committed when `serve` returns.
"""

from __future__ import annotations

import asyncio
import gc
import secrets
import signal
import time

from tidegate import counted
from tidegate.config import Settings
from tidegate.core.budgets.ledger import Ledger
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.engines.memory import SWEEP_S
from tidegate.hub.server import HubServer
from tidegate.workers.hub_figures import HubFigures
from tidegate.workers.hub_rows import HubRows
from tidegate.workers.member import BEAT_S, Member

TICK_S = 0.1
"""Between two looks at members that are due to leave, and at how the database is."""


async def serve(settings: Settings, member: Member) -> None:
    """Serve the workers until SIGTERM. Raises ConfigError."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    ledger = Ledger(settings.memory_bytes)
    rooms = RoomsOfHub(ledger, secrets.token_urlsafe(8), time.time, again=member.place.again)
    rows = HubRows(settings, ledger)
    if member.place.again:
        rows.open_later()
    else:
        await rows.open()
    server = HubServer({"rooms": rooms.join, "rows": rows.join})
    await server.start(*member.sockets())
    figures = HubFigures(ledger, rooms, rows, server, TICK_S)
    if settings.admin and member.place.hub is not None:
        await figures.listen(member.place.hub)
    gc.collect()
    gc.freeze()
    member.ready()
    try:
        await _tick(rooms, rows, member, figures, stop)
    finally:
        figures.close()
        await server.aclose()
        await rows.aclose()


async def _tick(rooms: RoomsOfHub, rows: HubRows, member: Member, figures: HubFigures, stop: asyncio.Event) -> None:
    """Do what time alone brings, until `stop`."""
    beat_at = sweep_at = 0.0
    while not stop.is_set():
        now = time.monotonic()
        rooms.tick(now)
        rows.tick()
        figures.look()
        if now >= beat_at:
            member.beat()
            counted.write_due()
            beat_at = now + BEAT_S
        if now >= sweep_at:
            rooms.engine.sweep(time.time())
            sweep_at = now + SWEEP_S
        try:
            async with asyncio.timeout(TICK_S):
                await stop.wait()
        except TimeoutError:
            continue
