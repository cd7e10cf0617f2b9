"""Clients that follow a room and a resource through reconnects, and remember every position that they saw.

They do what both client libraries do: come back when the gateway says so, and resume from their positions. `check`
says what each of them missed, got twice, or got in another order.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import Wire
from tidegate.transport import TransportSettings

ROOM = "chat-workers"
AT_ONCE = 50
"""Clients that connect at a time, at the start."""


@dataclass
class Follower:
    """One client."""

    url: str
    offsets: list[int] = field(default_factory=list)
    seqs: list[int] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    """Connections that were refused, or broke before the welcome."""
    connects: int = 0
    unrecovered: int = 0
    """Joins whose missed messages could not be recovered."""
    caught_up: bool = False
    """The room and the rows of this connection are joined."""
    codes: list[int] = field(default_factory=list)
    """How its connections were closed."""
    _room: dict[str, Any] | None = None
    _rows: dict[str, Any] | None = None

    async def run(self) -> None:
        while True:
            wait = await self._once()
            await asyncio.sleep(wait * random.random())

    async def _once(self) -> float:
        """One connection. Returns how long to wait before the next one."""
        self.caught_up, wait, began = False, 0.05, time.monotonic()
        try:
            connection = await connect(
                self.url, open_timeout=DEADLINE_S, ping_interval=None, compression=None, proxy=None
            )
        except (OSError, WebSocketException) as error:
            # A process that gets no processor time for the handshake's deadline is given up by the gateway, rightly.
            if time.monotonic() - began < TransportSettings().handshake_timeout:
                self.lost.append(repr(error))
            return wait
        self.connects += 1
        try:
            await self._resume(connection)
            async for text in connection:
                message = json.loads(text)
                if message["type"] == "goodbye":
                    wait = message["retry_after"]
                self._hear(message)
        except ConnectionClosed:
            pass
        finally:
            connection.transport.abort()
        if connection.close_code is not None:
            self.codes.append(connection.close_code)
        return wait

    async def _resume(self, connection: ClientConnection) -> None:
        join = {"type": "join", "room": ROOM, "presence": "none", "ref": "j"}
        follow = {"type": "subscribe", "resource": "tasks", "ref": "s"}
        await connection.send(json.dumps(join | ({"since": self._room} if self._room else {})))
        await connection.send(json.dumps(follow | ({"since": self._rows} if self._rows else {"snapshot": False})))

    def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "joined":
                if self._room is None or message.get("recovered") is False:
                    self.unrecovered += self._room is not None
                    self._room = message["position"]
                    self.offsets.clear()
            case "message":
                self._room = message["position"]
                self.offsets.append(message["position"]["offset"])
            case "subscribed":
                self._rows = self._rows or message["position"]
                self.caught_up = True
            case "update":
                self._rows = message["position"]
                self.seqs.append(message["position"]["seq"])
            case "error":
                self.lost.append(str(message))


class Population:
    """A number of followers, and two connections that write."""

    def __init__(self, url: str, number: int) -> None:
        self.followers = [Follower(url) for _ in range(number)]
        self._tasks: list[asyncio.Task[None]] = []
        self._written = 0

    async def start(self) -> None:
        """Return when all have joined."""
        for first in range(0, len(self.followers), AT_ONCE):
            some = self.followers[first : first + AT_ONCE]
            self._tasks += [asyncio.create_task(each.run()) for each in some]
            await until(lambda some=some: all(each.caught_up for each in some))  # type: ignore[misc]

    async def settled(self) -> None:
        """Wait until all are connected, and have joined again."""
        await until(lambda: all(each.caught_up for each in self.followers))

    async def write(self, writer: Wire) -> str:
        """A message and a row. Returns the row's title."""
        self._written += 1
        sent = await writer.ask({"type": "message", "room": ROOM, "data": {"text": str(self._written)}})
        assert sent["type"] == "sent", sent
        row = {"title": str(self._written), "user_id": 1}
        made = await writer.ask({"type": "create", "resource": "tasks", "data": row})
        assert made["type"] == "rows", made
        return str(self._written)

    async def whole(self, offset: int, seq: int) -> None:
        """Wait until each follower has the message at `offset` and the change at `seq`, and check what it saw."""

        def late() -> list[Follower]:
            return [each for each in self.followers if each.offsets[-1:] != [offset] or each.seqs[-1:] != [seq]]

        try:
            await until(lambda: not late())
        except TimeoutError:
            raise AssertionError(f"{len(late())} do not come to {offset} and {seq}: {late()[:3]}") from None
        for each in self.followers:
            assert each.offsets == list(range(each.offsets[0], offset + 1)), each.offsets
            assert each.seqs == list(range(each.seqs[0], seq + 1)), each.seqs

    @property
    def lost(self) -> list[str]:
        return [error for each in self.followers for error in each.lost]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
