"""The composition root: the one place where adapters meet the core.

It knows nothing of the protocol; it builds the parts from settings, runs them, and takes them down in order
(`stopping`).
Invariant: whatever was acknowledged to a client is committed before `serve` returns.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import random
import sys
import time
from collections.abc import Callable
from functools import partial

from tidegate import (
    admission,
    counted,
    handlers,
    heap,
    identities,
    limits,
    open_files,
    operators,
    room_engine,
    row_store,
    stopping,
    systemd,
    trimming,
    webhooks,
)
from tidegate.application import Application, load_application
from tidegate.config import ConfigError, Settings
from tidegate.core.budgets.addresses import Addresses
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.protocol import Protocol
from tidegate.core.rooms.ports import Engine
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.sessions import Greeting, Sessions
from tidegate.ending import Ending
from tidegate.gateway.assembly import Parts, assemble
from tidegate.gateway.http_routes import routes
from tidegate.gateway.sender import Sender
from tidegate.reloading import Reloading
from tidegate.served_documents import development, served_documents, whole
from tidegate.signals import StopSignal
from tidegate.start import Start
from tidegate.stopping import STORE_CLOSE_S, StopTimes, left_behind
from tidegate.store import OpenedStore
from tidegate.store.transactions import Transactions
from tidegate.telemetry import opening as telemetry
from tidegate.transport import ConnectionContext, Outbox, Routes, Tickers
from tidegate.workers.member import BEAT_S
from tidegate.workers.times import RELOAD_DRAIN_S

__all__ = ["TICK_S", "Application", "build", "development", "load_application", "serve", "served_documents"]

log = logging.getLogger("tidegate")

TICK_S = 0.05
SWITCH_S = 0.0005
"""After how long a thread lets another run Python. A read by key takes several steps of the database, and after each of
them its thread waits for that: with Python's 5 ms, a loop that is busy makes it take 0.3 s."""
CERTIFICATE_LOOK_S = 3600.0
STAMPEDE_S = 2.0
"""Clients of a stopping gateway, or of one whose database was replaced, come back spread over this many seconds."""
STAMPEDE_IN_DEVELOPMENT_S = 0.3
"""The same in development, where the gateway restarts after each save and clients are few."""
STAMPEDE_AT_RELOAD_S = 0.2
"""The same where other workers serve already: the drain spreads the clients."""


async def serve(
    settings: Settings,
    ready: Callable[[int], None] = lambda port: None,
    application: Application | None = None,
    ending: Ending | None = None,
    start: Start | None = None,
) -> None:
    """Run a gateway until SIGTERM or SIGINT. `ready` is told the port once clients can connect.

    `application`: what `load_application` returned for these settings, where the caller has loaded it already.
    `ending`: is told about signals and of the stop. `start`: what the process that started this one has given it.
    Raises ConfigError for settings it cannot run with: a broken schema or handlers, a database that was not migrated,
    a taken port.
    """
    room_engine.check(settings)
    if application is None:
        application = load_application(settings)
    start = start or Start()
    store = await row_store.opened(settings, application.contract, start.hub)
    try:
        await _run(settings, application, store, ready, ending, start)
    finally:
        await store.close(STORE_CLOSE_S)


async def _run(
    settings: Settings,
    application: Application,
    store: OpenedStore,
    ready: Callable[[int], None],
    ending: Ending | None,
    start: Start,
) -> None:
    stop = StopSignal(ending)
    try:
        async with asyncio.TaskGroup() as tasks:
            await _serve(settings, application, store, tasks, stop, ready, ending, start)
    except ExceptionGroup as group:
        # The gateway's tasks guard themselves: what fails here is `_serve`, and it fails alone.
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _serve(
    settings: Settings,
    application: Application,
    store: OpenedStore,
    tasks: asyncio.TaskGroup,
    stop: StopSignal,
    ready: Callable[[int], None],
    ending: Ending | None,
    start: Start,
) -> None:
    """Serve until `stop`. `tasks` gets everything that is under way."""
    outbox = Outbox(asyncio.get_running_loop())
    book = start.addresses(settings)
    hooks = webhooks.checked(settings, application.contract, store)
    gateway, engine = await build(settings, application, store, outbox, tasks, book)
    try:
        if hooks is not None:
            await hooks.start(gateway.lifecycle)
        await _start(gateway)
        made = served_documents(application.contract, settings)
        pages = routes(made, lambda: gateway.sessions.draining, store, engine)
        document = partial(whole, application.contract)
        await _listen(settings, gateway, pages, document, outbox, book, store, stop, ready, ending, start)
    finally:
        if hooks is not None:
            await hooks.aclose()
        await engine.aclose()


async def _start(gateway: Parts) -> None:
    """Let the application begin. Raises ConfigError where it fails."""
    try:
        await gateway.life.start()
    except handlers.HandlersError as error:
        await gateway.aclose()
        raise ConfigError(str(error)) from None


async def _listen(
    settings: Settings,
    gateway: Parts,
    pages: Routes,
    document: Callable[[str], bytes],
    outbox: Outbox,
    book: Addresses,
    store: OpenedStore,
    stop: StopSignal,
    ready: Callable[[int], None],
    ending: Ending | None,
    start: Start,
) -> None:
    """Serve clients until `stop`, and stop. `document`: a whole document for operators, by its name."""
    tickers = Tickers(asyncio.get_running_loop())
    door = admission.door(settings, open_files.fit(settings.max_connections), book)
    context = ConnectionContext(
        admission.transport(settings), pages, outbox, memory=gateway.unsent, door=door, api=gateway.api
    )
    listener = await start.listener(context, gateway.handler, tickers, settings)
    admin = await operators.opened(settings, gateway, context, store, start, document)
    tickers.every(TICK_S, gateway.tick)
    tickers.every(trimming.LOOK_S, lambda: trimming.after_peak(gateway.ledger))
    if (own_heap := heap.of_process()) is not None:
        own_heap.fit()
        tickers.every(trimming.LOOK_S, trimming.AfterFrees(own_heap).look)
    tickers.every(1.0, counted.write_due)
    if (interval := systemd.watchdog_interval()) is not None:
        # On the event loop, so that a gateway whose loop hangs does not report that it is alive.
        tickers.every(interval, lambda: systemd.notify(systemd.WATCHDOG))
    # Objects of start-up live as long as the process: no full collection has to walk them again.
    gc.collect()
    gc.freeze()
    if start.member is not None:
        start.member.listen(stop.retire, listener)
        tickers.every(BEAT_S, start.member.beat)
    if start.certificate is not None:
        start.certificate.look()
        tickers.every(CERTIFICATE_LOOK_S, start.certificate.look)
    stop.reload = Reloading(settings, start, context, book, gateway.identities).reload
    sys.setswitchinterval(SWITCH_S)
    ready(listener.port)
    systemd.notify(systemd.READY)
    await stop.wait()
    systemd.notify(systemd.STOPPING)
    if admin is not None:
        admin.stopping()
    if ending is not None:
        ending.stopping(lambda: left_behind(gateway, store))
    spread = STAMPEDE_IN_DEVELOPMENT_S if settings.dev else STAMPEDE_S
    times = StopTimes(settings.drain_delay, settings.drain, settings.graceful_stop)
    if stop.retired:
        spread, times = STAMPEDE_AT_RELOAD_S, times.at_reload(RELOAD_DRAIN_S)
    later = lambda: random.uniform(0, spread)  # noqa: E731, S311  # spread
    await stopping.stop(gateway, listener, times, later, stop.again, retired=stop.retired)
    await gateway.aclose()
    if admin is not None:
        admin.close()
    tickers.close()


async def build(
    settings: Settings,
    application: Application,
    store: OpenedStore,
    outbox: Outbox,
    tasks: asyncio.TaskGroup,
    book: Addresses,
    clock: Callable[[], float] = time.time,
) -> tuple[Parts, Engine]:
    """The gateway and its engine. The door asks `book` too. `clock`: seconds since the Unix epoch."""
    contract, access = application.contract, application.access
    resources = {name: ResourceRules(name, resource.key, access[name]) for name, resource in contract.resources.items()}
    ledger = store.ledger = Ledger(settings.memory_bytes)
    protocol = Protocol(
        resources,
        room_engine.rules(contract, application.rooms),
        FeedCursor(store.epoch, await store.head()),
        limits.of_sessions(settings),
        ledger,
    )
    protocol.rooms.openings.count_with(partial(book.shared.bucket, "rooms"))
    known = identities.opened(settings, store.identity_secret, clock)
    sender = Sender(contract, outbox, check=settings.dev)
    engine = await room_engine.opened(settings, contract, sender.encode, ledger, store.rooms, clock)
    greeting = Greeting(heartbeat=settings.heartbeat, limits=limits.told(settings), contract=contract.hash)
    parts = assemble(
        contract=contract,
        sessions=Sessions(protocol, greeting, known.identities.identity, clock(), known.authenticate_within),
        handlers=application.handlers,
        sender=sender,
        engine=engine,
        store=store,
        identities=known.identities,
        revocations=known.revocations,
        ends=known.ends,
        tasks=tasks,
        ledger=ledger,
        clock=clock,
        handler_timeout=settings.handler_timeout,
        retry_after=lambda: random.uniform(0, STAMPEDE_S),  # noqa: S311  # spread
        addresses=book,
        transactions=Transactions(settings.database, contract.resources),
        spans=telemetry.opened(settings.otel_endpoint, settings.otel_ratio, contract),
    )
    await identities.keep_revocations(parts.removal, settings, clock)
    return parts, engine
