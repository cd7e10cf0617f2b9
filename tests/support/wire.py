"""A plain protocol client for tests: sends given messages, keeps all received ones, waits with a deadline."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidMessage

from tests.support.deadlines import DEADLINE_S
from tidegate.transport import TransportSettings

Message = dict[str, Any]


class Wire:
    """One connection. `heard` has all received messages, in order."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.heard: list[Message] = []
        self._refs = itertools.count(1)

    async def say(self, message: Message | str | bytes) -> None:
        await self.connection.send(json.dumps(message) if isinstance(message, dict) else message)

    async def hear(self, wanted: Callable[[Message], bool] | str, deadline: float = DEADLINE_S) -> Message:
        """The next message that matches `wanted`, a predicate or a type."""
        predicate = wanted if callable(wanted) else lambda message: message["type"] == wanted
        async with asyncio.timeout(deadline):
            while True:
                message: Message = json.loads(await self.connection.recv())
                self.heard.append(message)
                if predicate(message):
                    return message

    async def heard_of(self, kind: str) -> Message:
        """The first message of the type `kind`, already received or awaited."""
        for message in self.heard:
            if message["type"] == kind:
                return message
        return await self.hear(kind)

    async def ask(self, message: Message) -> Message:
        """Send a request with a `ref`; returns its reply or its error."""
        ref = next(self._refs)
        await self.say({**message, "ref": ref})
        return await self.hear(lambda heard: heard.get("ref") == ref)

    async def settle(self) -> list[Message]:
        """The messages until the answer to a ping: all that were sent before it."""
        start = len(self.heard)
        await self.ask({"type": "ping"})
        return self.heard[start:-1]


@contextlib.asynccontextmanager
async def wire(url: str, **options: Any) -> AsyncIterator[Wire]:
    """Connect and receive the welcome."""
    patient: dict[str, Any] = {"open_timeout": DEADLINE_S, "ping_interval": None, "compression": None, "proxy": None}
    async with await _connected(url, patient | options) as connection:
        client = Wire(connection)
        await client.hear("welcome")
        yield client


async def _connected(url: str, options: dict[str, Any]) -> ClientConnection:
    """Connect; again if the gateway gave the connection up because this process was too slow with its request.

    That happens only on a machine that gives this process no processor time for the whole of the handshake's deadline.
    """
    deadline = time.monotonic() + DEADLINE_S
    while True:
        began = time.monotonic()
        try:
            return await connect(url, **options)
        except (InvalidMessage, ConnectionError):
            took = time.monotonic() - began
            if took < TransportSettings().handshake_timeout or time.monotonic() > deadline:
                raise
