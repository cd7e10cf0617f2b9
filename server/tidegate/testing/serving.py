"""The gateway under test: its parts, put together as `app` does, without signals and without limits of the process.

Everything here runs in the thread of the gateway's event loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import Future
from functools import partial

from tidegate import admission, app, stopping, webhooks
from tidegate.application import Application
from tidegate.config import Settings
from tidegate.gateway.calls.calls import HandlerCalls
from tidegate.gateway.http_routes import routes
from tidegate.store import open_store
from tidegate.testing.clock import ShiftedClock, ShiftedLoop, ShiftedStop
from tidegate.transport import Connection, ConnectionContext, Listener, Outbox, Tickers
from tidegate.transport.state import OPEN

TURNS = 3
"""How often an event loop turns until it has done what a timer begins."""
STEP_S = 1.0
"""How much time passes at once: less than what the gateway takes for a standstill of the process."""
PATIENCE_S = 1.0
"""How long a client may take, in real time, to answer a ping before time passes on."""
STOP_S = 1.0


class Serving:
    """A gateway that serves."""

    def __init__(self, context: ConnectionContext, port: int, clock: ShiftedClock, calls: HandlerCalls) -> None:
        self.port = port
        self._context = context
        self._calls = calls
        self._clock = clock

    async def pass_time(self, seconds: float) -> None:
        """Let time pass: what is due meanwhile happens, and clients that are there answer the gateway's pings.

        When it returns, WebSocket clients have read what was sent to them.
        """
        left = seconds
        while left > 0:
            step = min(STEP_S, left)
            left -= step
            due = self._clock.let_pass(step)
            await self._handlers_turn(TURNS)
            for _ in range(TURNS):  # timers, what they begin, and what that writes
                await asyncio.sleep(0)
            await self._tasks_waiting(due)
            await self._handlers_turn(1)  # to what the gateway has answered them, so that they wait from this moment on
            await self._pings_answered()
        await asyncio.sleep(0)
        for _ in range(2):  # a client answers the second ping after it has handled what came before the first one
            self._ping()
            await self._pings_answered()

    async def _handlers_turn(self, times: int) -> None:
        """Let the `async` code of the application do what is due; where it blocks its event loop, go on without it."""
        loop = self._calls.present_loop
        for _ in range(times if loop is not None and not loop.silent else 0):
            turned: Future[None] = Future()
            if loop is None or not loop.call(partial(turned.set_result, None)):
                return
            await asyncio.wait([asyncio.wrap_future(turned)], timeout=PATIENCE_S)

    async def _tasks_waiting(self, due: Sequence[ShiftedStop]) -> None:
        """Until the plain background tasks whose time had come wait again; one that takes long is left."""
        until = time.monotonic() + PATIENCE_S
        while not all(map(self._clock.settled, due)) and time.monotonic() < until:  # noqa: ASYNC110  # it is a thread
            await asyncio.sleep(0.001)

    def _ping(self) -> None:
        """Ask every client whether it is there."""
        for each in self._context.connections:
            if isinstance(each, Connection) and each.write_side.state is OPEN:
                each.ping(self._clock.steady())

    async def _pings_answered(self) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_S
        while self._pinged and loop.time() < until:  # noqa: ASYNC110  # an answer is no event
            await asyncio.sleep(0.001)

    @property
    def _pinged(self) -> bool:
        """Whether a client has a ping to answer."""
        return any(isinstance(each, Connection) and each.pinged is not None for each in self._context.connections)


@contextlib.asynccontextmanager
async def serving(settings: Settings, application: Application, clock: ShiftedClock) -> AsyncIterator[Serving]:
    """Serve on a free port until the block ends. Raises ConfigError and StoreError as `app.serve` does."""
    loop = asyncio.get_running_loop()
    store = await open_store(settings.database, application.contract.resources)
    tickers, outbox = Tickers(loop), Outbox(loop)
    try:
        async with asyncio.TaskGroup() as tasks:
            book = admission.addresses(settings)
            hooks = webhooks.checked(settings, application.contract, store, clock.wall)
            gateway, engine = await app.build(settings, application, store, outbox, tasks, book, clock.wall)
            gateway.calls.new_loop = lambda: ShiftedLoop(clock)
            gateway.life.background.new_stop = partial(ShiftedStop, clock)
            try:
                if hooks is not None:
                    await hooks.start(gateway.lifecycle)
                await gateway.life.start()
                documents = app.served_documents(application.contract, settings)
                pages = routes(documents, lambda: gateway.sessions.draining, store, engine)
                door = admission.door(settings, settings.max_connections, book)
                context = ConnectionContext(
                    admission.transport(settings),
                    pages,
                    outbox,
                    clock.steady,
                    memory=gateway.unsent,
                    door=door,
                    api=gateway.api,
                )
                listener = await Listener.open(context, gateway.handler, tickers, settings.host, 0)
                tickers.every(app.TICK_S, gateway.tick)
                try:
                    yield Serving(context, listener.port, clock, gateway.calls)
                finally:
                    gateway.life.stop()
                    await listener.stop(STOP_S, stopping.RESTART)
            finally:
                await gateway.aclose()
                if hooks is not None:
                    await hooks.aclose()
                await engine.aclose()
    finally:
        tickers.close()
        await store.close()
