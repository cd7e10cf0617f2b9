"""What a simulated client of rooms needs to be a real one: a clock, and a WebSocket to a gateway."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake

from tests.simulate.rooms.view import Message

CONNECT_S = 5.0


class RealClock:
    """Implements tests.simulate.rooms.client.Clock by the running event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    def time(self) -> float:
        return self._loop.time()

    def in_thread(self, when: float, step: Callable[[], object]) -> None:
        self._loop.call_at(when, step)

    def at_socket(self, when: float, step: Callable[..., object], *args: Any) -> None:
        self._loop.call_at(when, step, *args)


class RealLine:
    """One WebSocket. Its tasks end with it."""

    def __init__(
        self,
        url: str,
        token: Callable[[str], str],
        heard: Callable[[Message], None],
        closed: Callable[[int | None], None],
    ) -> None:
        """`token`: makes the token of a user."""
        self.cut_off = False
        self._url = url
        self._token = token
        self._heard = heard
        self._closed = closed
        self._socket: ClientConnection | None = None
        self._to_say: asyncio.Queue[str] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    def open(self, token: str | None) -> None:
        """`token`: the user, as in a simulation."""
        if not self.cut_off:
            self._tasks.append(asyncio.create_task(self._run(token or "")))

    def say(self, *messages: Message) -> None:
        for message in messages:
            self._to_say.put_nowait(json.dumps(message))

    def cut(self) -> None:
        self.cut_off = True
        if self._socket is not None:
            self._socket.transport.abort()

    async def _run(self, user: str) -> None:
        code: int | None = None
        try:
            headers = {"Authorization": f"Bearer {self._token(user)}"}
            self._socket = await connect(
                self._url, additional_headers=headers, open_timeout=CONNECT_S, ping_interval=None, max_size=None
            )
            if self.cut_off:
                self._socket.transport.abort()
                return
            self._tasks.append(asyncio.create_task(self._say_all(self._socket)))
            async for text in self._socket:
                if not self.cut_off:
                    self._heard(json.loads(text))
            code = self._socket.close_code
        except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
            pass  # the line is gone
        finally:
            for task in self._tasks[1:]:
                task.cancel()
            if not self.cut_off:
                self.cut_off = True
                self._closed(code)

    async def _say_all(self, socket: ClientConnection) -> None:
        try:
            while True:
                await socket.send(await self._to_say.get())
        except ConnectionClosed:
            pass  # `_run` sees it too
