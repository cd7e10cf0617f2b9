"""A whole gateway inside the test's event loop: real contract, real database, real socket.

A test can look into its parts, read its log, and act between two turns of the loop, which a separate process prevents.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import dataclasses
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import msgspec

from tests.support.gateway import ROOT, migrate, sample
from tidegate import admission, app, config, handlers, stopping
from tidegate.auth import row_access
from tidegate.core.rooms.ports import Engine
from tidegate.engines.memory import MemoryEngine
from tidegate.gateway.assembly import Parts
from tidegate.gateway.http_routes import routes
from tidegate.gateway.inspection import Connected
from tidegate.store import SqliteStore, backends, open_store
from tidegate.transport import ConnectionContext, Listener, Outbox, Tickers

SECRET = "a-secret-of-the-tests-that-nobody-else-has"


class Inside:
    """The parts of one gateway."""

    def __init__(self, gateway: Parts, engine: Engine, listener: Listener, store: SqliteStore) -> None:
        self.gateway = gateway
        self.engine = cast(MemoryEngine, engine)
        """Another one where the test chose it."""
        self.listener = listener
        self.store = store

    @property
    def connected(self) -> Connected:
        """What an inspection sees."""
        context = self.listener.context
        return Connected(self.gateway, lambda: context.connections, context.now, self.store.spent)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.listener.port}/ws"


def _of_sample() -> app.Application:
    """As `load_application`, which takes half of a start: the contract is read once for all gateways of a process."""
    contract = sample()
    return app.Application(contract, handlers.Gateway(), row_access.of_resources(contract, {}))


@contextlib.asynccontextmanager
async def running(
    folder: Path,
    transport: dict[str, object] | None = None,
    added: handlers.Gateway | None = None,
    **chosen: object,
) -> AsyncIterator[Inside]:
    """A gateway over the sample application with these settings; `transport` changes its `TransportSettings`.

    `added`: what the application adds in Python.
    """
    given = {
        "schema": str(ROOT / "schema"),
        "database": f"sqlite:///{folder / 'tidegate.db'}",
        "secret": SECRET,
        "hosts": ["gateway.example"],
    }
    settings = config.load(argparse.Namespace(**{**given, **chosen}), {})
    application = app.load_application(settings) if {"schema", "handlers"} & chosen.keys() else _of_sample()
    contract = application.contract
    if added is not None:
        access = row_access.of_resources(contract, added.rules)
        application = dataclasses.replace(application, handlers=added, access=access)
    if "schema" in chosen:
        backends.migrations(settings.database).apply(settings.database, contract.resources, None)
    else:
        migrate(settings.database, ROOT / "schema")
    store: Any = await open_store(settings.database, contract.resources)
    loop = asyncio.get_running_loop()
    tickers, outbox = Tickers(loop), Outbox(loop)
    limits = msgspec.structs.replace(admission.transport(settings), sweep=0.02, **(transport or {}))
    try:
        async with asyncio.TaskGroup() as tasks:
            book = admission.addresses(settings)
            gateway, engine = await app.build(settings, application, store, outbox, tasks, book)
            assert isinstance(engine, MemoryEngine) or "engine" in chosen
            try:
                await gateway.life.start()
            except BaseException:
                await gateway.aclose()
                await engine.aclose()
                raise
            documents = app.served_documents(contract, settings)
            pages = routes(documents, lambda: gateway.sessions.draining, store, engine)
            door = admission.door(settings, settings.max_connections, book)
            context = ConnectionContext(limits, pages, outbox, memory=gateway.unsent, door=door, api=gateway.api)
            listener = await Listener.open(context, gateway.handler, tickers, "127.0.0.1", 0)
            tickers.every(app.TICK_S, gateway.tick)
            try:
                yield Inside(gateway, engine, listener, store)
            finally:
                gateway.life.stop()
                await listener.stop(0.0, stopping.RESTART)
                await gateway.aclose()
                await engine.aclose()
    finally:
        tickers.close()
        await store.close()
