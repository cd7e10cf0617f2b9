"""Opens the address for operators in a gateway that serves, and closes it.

Over TCP the Host of a request has to be a name of this machine or the address itself, so that no web page reaches it
through a foreign name (DNS rebinding).
Invariant: after `close` nothing is answered.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from tidegate.admin.api import AdminApi
from tidegate.admin.between_workers import BetweenWorkers
from tidegate.admin.collector import Sources
from tidegate.admin.draining import Draining
from tidegate.admin.gathered import Gathered
from tidegate.admin.local import Local
from tidegate.admin.loop_lag import LoopLag
from tidegate.admin.settings import UNIX, place_of
from tidegate.admin.tail import Tails
from tidegate.admin.tasks import Tasks
from tidegate.config import Settings
from tidegate.gateway.assembly import Parts
from tidegate.gateway.inspection import Connected
from tidegate.store import OpenedStore
from tidegate.transport import ConnectionContext, Door, Listener, Outbox, Routes, Tickers, TransportSettings

MOST_CONNECTIONS = 64
LAG_S = 0.05
"""How often it is looked how late the event loop is."""
NAMES = ("localhost", "127.0.0.1", "::1")


class AdminAddress:
    """The address for operators of one process."""

    def __init__(
        self,
        settings: Settings,
        gateway: Parts,
        context: ConnectionContext,
        store: OpenedStore,
        document: Callable[[str], bytes],
    ) -> None:
        """`context`: that of the clients' listener. `document`: as of `AdminApi`."""
        loop = asyncio.get_running_loop()
        self._settings = settings
        self._gateway = gateway
        self._document = document
        self._tickers = Tickers(loop)
        self._tasks = Tasks()
        self._draining = Draining(gateway, context, self._tasks)
        lag = LoopLag(LAG_S, loop.time)
        self._tickers.every(LAG_S, lag.look)
        connected = Connected(gateway, lambda: context.connections, context.now, store.spent)
        self._sources = Sources(gateway, connected, context.counts, store, lag)
        self._between: BetweenWorkers | None = None
        self._context: ConnectionContext | None = None
        self._listener: Listener | None = None

    async def open(self, sockets: list[socket.socket], worker: int = 0, between: BetweenWorkers | None = None) -> None:
        """Serve operators on `sockets`, which listen. `worker`: its number. `between`: the way to the other workers."""
        self._between = between
        tails = Tails(self._sources.connected, payloads=self._settings.dev)
        local = Local(self._sources, self._draining, worker)
        gathered = Gathered(local, tails, (lambda: ()) if between is None else between.others)
        if between is not None:
            await between.listen(gathered)
        api = AdminApi(gathered, self._settings.operators_secret, self._tasks, self._document)
        door, outbox = Door(MOST_CONNECTIONS), Outbox(asyncio.get_running_loop())
        self._context = context = ConnectionContext(self._transport(), Routes(), outbox, door=door, api=api)
        context.for_api = lambda head: True
        self._listener = Listener.over(context, self._gateway.handler, self._tickers, sockets)

    @property
    def port(self) -> int:
        return 0 if self._listener is None else self._listener.port

    def stopping(self) -> None:
        """The gateway begins to stop, and drains by itself."""
        self._draining.end()

    def close(self) -> None:
        self._tickers.close()
        self._tasks.close()
        if self._between is not None:
            self._between.close()
        if self._listener is not None and self._context is not None:
            self._listener.accept_no_more()
            for connection in self._context.connections:
                connection.abort()

    def _transport(self) -> TransportSettings:
        admin = self._settings.admin or UNIX
        return (
            TransportSettings(hosts=("*",))
            if admin.startswith(UNIX)
            else TransportSettings(hosts=(*NAMES, place_of(admin)[0]))
        )
