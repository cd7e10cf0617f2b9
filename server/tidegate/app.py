"""The composition root: the one place where adapters meet the core.

It knows nothing of the protocol; it builds the parts from settings, runs them, and takes them down in order: stop
accepting, tell the clients, finish the writes, close the database.
Invariant: whatever was acknowledged to a client is committed before `serve` returns.
"""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import random
import secrets
import shlex
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tidegate import handlers, schema, systemd
from tidegate.auth import row_access
from tidegate.auth.tokens import TokenIdentities
from tidegate.config import ConfigError, Settings
from tidegate.contract import Contract
from tidegate.core.access.rules import RowAccess
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.requests import ResourceRules
from tidegate.engines.memory import MemoryBroker
from tidegate.gateway.custom_messages import CustomMessages
from tidegate.gateway.gateway import Gateway
from tidegate.gateway.http_routes import routes
from tidegate.store import OpenedStore, Retention, StoreError, open_store
from tidegate.transport import CloseReason, ConnectionContext, Listener, Outbox, Tickers, TransportSettings
from tidegate_protocol import Limits

log = logging.getLogger("tidegate")

TICK_S = 0.05
MAX_HISTORY, MAX_IDS = 1000, 1000
"""As the schema has them (client/history, types/row_keys)."""
RESTART = CloseReason(4201, "the gateway restarts")
SLOW_CONSUMER = CloseReason(4101, "what was sent is not read fast enough; resume")
STAMPEDE_S = 2.0
"""Clients of a stopping gateway come back spread over this many seconds."""
STAMPEDE_IN_DEVELOPMENT_S = 0.3
"""The same in development, where the gateway restarts after each save and clients are few."""


def load_contract(settings: Settings) -> Contract:
    """The contract of the application's schema folder. Raises ConfigError with every problem in it."""
    try:
        return Contract(schema.bundle(schema.load(settings.schema_folder)))
    except schema.SchemaError as error:
        raise ConfigError(f"the schema is broken:\n{error}") from None


@dataclass(frozen=True, slots=True)
class Application:
    """What an application consists of: its schema, its handlers, and who may do what with which rows."""

    contract: Contract
    own: CustomMessages
    access: Mapping[str, RowAccess]


def load_application(settings: Settings) -> Application:
    """The schema folder and the handlers of `settings`. Raises ConfigError where they do not fit together."""
    contract = load_contract(settings)
    added = _handlers(settings)
    return Application(contract, _own_messages(added, contract), row_access.of_resources(contract, added.rules))


async def serve(
    settings: Settings,
    ready: Callable[[int], None] = lambda port: None,
    application: Application | None = None,
) -> None:
    """Run a gateway until SIGTERM or SIGINT. `ready` is told the port once clients can connect.

    `application`: what `load_application` returned for these settings, where the caller has loaded it already.
    Raises ConfigError for settings it cannot run with: a broken schema or handlers, a database that was not migrated,
    a taken port.
    """
    if application is None:
        application = load_application(settings)
    try:
        keep = Retention(age_ms=int(settings.log_age * 1000), rows=settings.log_rows)
        store = await open_store(settings.database, application.contract.resources, keep)
    except StoreError as error:
        raise ConfigError(str(error)) from None
    try:
        await _run(settings, application, store, ready)
    finally:
        await store.close()


async def _run(settings: Settings, application: Application, store: OpenedStore, ready: Callable[[int], None]) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    _follow_signals(loop, stop)
    tickers = Tickers(loop)
    outbox = Outbox(loop)
    gateway = await _gateway(settings, application, store, outbox)
    pages = routes(application.contract, gateway, store, development=development(settings))
    context = ConnectionContext(_transport(settings), pages, outbox)
    try:
        listener = await Listener.open(context, gateway, tickers, settings.host, settings.port)
    except OSError as error:
        why = "another program listens there" if error.errno == errno.EADDRINUSE else error.strerror
        raise ConfigError(
            f"cannot listen on {settings.host}:{settings.port}: {why}; --port 0 takes a free port"
        ) from None
    # Nothing is awaited from here until the gateway is ready, so that no connection is accepted before.
    async with asyncio.TaskGroup() as tasks:
        gateway.start(tasks, MemoryBroker(gateway.encoded, gateway.deliver, lambda: secrets.token_urlsafe(8)))
        tickers.every(TICK_S, gateway.tick)
        if (interval := systemd.watchdog_interval()) is not None:
            # On the event loop, so that a gateway whose loop hangs does not report that it is alive.
            tickers.every(interval, lambda: systemd.notify(systemd.WATCHDOG))
        # What start-up made lives as long as the process: a full collection need not walk it again and again.
        gc.collect()
        gc.freeze()
        ready(listener.port)
        systemd.notify(systemd.READY)
        await stop.wait()
        systemd.notify(systemd.STOPPING)
        log.info("stopping", extra={"connections": len(gateway.sessions)})
        spread = STAMPEDE_IN_DEVELOPMENT_S if settings.dev else STAMPEDE_S
        gateway.say_goodbye(4201, RESTART.reason, lambda: random.uniform(0, spread))  # noqa: S311  # spread
        await listener.stop(settings.graceful_stop, RESTART)
    tickers.close()


def _follow_signals(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """SIGTERM and SIGINT stop the gateway. So does SIGHUP when it means that the gateway's terminal was closed."""
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    at_a_terminal = sys.stdin is not None and sys.stdin.isatty()
    loop.add_signal_handler(signal.SIGHUP, stop.set if at_a_terminal else _nothing_to_reload)


def _nothing_to_reload() -> None:
    log.info("SIGHUP: there is nothing to reload yet; restart the gateway for other settings or another schema")


async def _gateway(settings: Settings, application: Application, store: OpenedStore, outbox: Outbox) -> Gateway:
    contract, access = application.contract, application.access
    resources = {name: ResourceRules(name, resource.key, access[name]) for name, resource in contract.resources.items()}
    protocol = Protocol(
        resources,
        _room_rules(contract),
        FeedCursor(store.epoch, await store.head()),
        SessionLimits(rooms=settings.max_rooms, subscriptions=settings.max_subscriptions, page=settings.max_page),
    )
    limits = Limits(
        max_message=settings.max_message,
        max_rooms=settings.max_rooms,
        max_subscriptions=settings.max_subscriptions,
        max_page=settings.max_page,
        max_history=MAX_HISTORY,
        max_ids=MAX_IDS,
    )
    return Gateway(
        contract=contract,
        protocol=protocol,
        store=store,
        identities=TokenIdentities(settings.token_secret, store.identity_secret),
        outbox=outbox,
        own=application.own,
        limits=limits,
        heartbeat=settings.heartbeat,
        check_output=settings.dev,
    )


def _handlers(settings: Settings) -> handlers.Gateway:
    """What the application adds in Python. Raises ConfigError."""
    try:
        return handlers.load(settings.handlers) if settings.handlers else handlers.Gateway()
    except handlers.HandlersError as error:
        raise ConfigError(str(error)) from None


def _own_messages(found: handlers.Gateway, contract: Contract) -> CustomMessages:
    """The application's handlers. Raises ConfigError where they and the schema do not know each other's messages."""
    unknown = sorted(found.handlers.keys() - contract.own.keys())
    if unknown:
        raise ConfigError(f"handlers: {unknown[0]!r} is no message of schema/client, or one of the protocol's own")
    for name in sorted(contract.own.keys() - found.handlers.keys()):
        log.warning("no handler: messages of type %r are refused", name)
    return CustomMessages(contract, found)


def _room_rules(contract: Contract) -> Callable[[str], RoomRules | None]:
    """The rules of a room by its name; rooms of one kind share theirs."""
    known: dict[str, RoomRules] = {}

    def rules(name: str) -> RoomRules | None:
        kind = contract.room_type(name)
        if kind is None:
            return None
        if kind.pattern not in known:
            known[kind.pattern] = RoomRules(
                pattern=kind.pattern,
                presence=kind.presence,
                history_size=kind.history.size,
                history_ttl=kind.history.ttl,
                access=kind.access,
            )
        return known[kind.pattern]

    return rules


def development(settings: Settings) -> dict[str, str] | None:
    """What the page at `/` says in development mode: commands to type. None outside of it."""
    if not settings.dev:
        return None
    file = settings.database.removeprefix("sqlite:///")
    # The URL of a PostgreSQL server may hold a password, so the page names the variable that holds the URL.
    shell = 'psql "$TIDEGATE_DATABASE"' if file == settings.database else f"sqlite3 {shlex.quote(file)}"
    return {"shell": shell, "token": "tidegate token --user 1 --dev"}


def _transport(settings: Settings) -> TransportSettings:
    return TransportSettings(
        max_size=settings.max_message,
        max_connections=settings.max_connections,
        origins=settings.origins,
        loopback_origins=settings.dev,
        rate=settings.rate,
        slow_consumer=SLOW_CONSUMER,
    )
