"""Reads pages of history over a separate connection, which is made for the first page and then kept.

It knows neither publishing nor subscriptions. Invariant: few pages are under way at a time; others are refused.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any

from tidegate.core.rooms.history import PAGE_BYTES
from tidegate.core.rooms.ports import HistoryPage
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.redis.connection import Connection, ConnectionLost
from tidegate.engines.redis.greeting import Server
from tidegate.engines.redis.keys import STREAM
from tidegate.engines.redis.link import Link
from tidegate.engines.redis.lua import HISTORY
from tidegate.engines.redis.resp import Push, ReplyError
from tidegate.engines.redis.urls import Target
from tidegate.engines.redis.wire import Wire, away, kept_ms

UNDER_WAY = 64
"""Pages at a time."""
WAIT_S = 1.0
"""How long a page waits for the connection."""


class Pages:
    """The connection for pages, and those under way."""

    def __init__(self, wire: Wire, target: Target) -> None:
        self._wire = wire
        make = partial(Connection, _nothing_is_pushed, wire.round_trips)
        self._link = Link(target, f"tidegate-{wire.setup.node}", make, None, self._up, self._down)
        self._ready: asyncio.Future[Connection] | None = None
        """The connection, or that there will be one; None as long as no page was read."""
        self._running: asyncio.Task[None] | None = None
        self._under_way: set[asyncio.Task[HistoryPage]] = set()

    def read(self, room: str, rules: RoomRules, before: int | None, limit: int) -> asyncio.Task[HistoryPage]:
        """Raises Refused(unavailable) where too many pages are under way, or the engine is away."""
        if len(self._under_way) >= UNDER_WAY or self._wire.connection is None:
            raise away()
        task = self._wire.loop.create_task(self._read(room, rules, before, limit))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def aclose(self) -> None:
        tasks: list[asyncio.Task[Any]] = [*self._under_way]
        if self._running is not None:
            tasks.append(self._running)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _read(self, room: str, rules: RoomRules, before: int | None, limit: int) -> HistoryPage:
        if self._running is None:
            self._ready = self._wire.loop.create_future()
            self._running = self._wire.loop.create_task(self._link.run())
        assert self._ready is not None
        key = self._wire.keys.of_room(room, STREAM)
        first = "" if before is None else before
        command = HISTORY.call([key], first, limit, PAGE_BYTES, kept_ms(rules))
        try:
            async with asyncio.timeout(WAIT_S):
                connection = await asyncio.shield(self._ready)
            more, *texts = await connection.answer(command)
        except (TimeoutError, ConnectionLost):
            raise away() from None
        except ReplyError as error:
            self._wire.failed(error)
            raise away() from error
        return HistoryPage(texts[::-1], bool(more))

    def _up(self, connection: Connection, server: Server) -> None:
        assert self._ready is not None
        self._ready.set_result(connection)

    def _down(self) -> None:
        self._ready = self._wire.loop.create_future()


def _nothing_is_pushed(push: Push) -> None:
    """This connection subscribes to nothing."""
