"""The hub's end of its lines: accepts workers, and gives each line to what its hello asks for.

Only processes of the same user are let in.
Invariant: nothing of a line is used before its hello, and a worker with other messages is told so and sent away.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping
from weakref import WeakSet

import msgspec

from tidegate.core.errors import PermanentFailure
from tidegate.hub.connector import same_user
from tidegate.hub.line import BACKLOG, Line, Receiver
from tidegate.hub.messages import VERSION, Kind, Refusal, decode_hello, encode

log = logging.getLogger("tidegate.hub")

Join = Callable[[Line, str], Receiver]
"""(line, node): who hears what comes after the hello."""


class HubServer:
    """Listens from `start` to `aclose`."""

    def __init__(self, joins: Mapping[Kind, Join], backlog: int = BACKLOG) -> None:
        """`backlog`: bytes of news that a worker may leave unread."""
        self._backlog = backlog
        self._joins = joins
        self._server: asyncio.Server | None = None
        self._lines: WeakSet[Line] = WeakSet()

    async def start(self, listening: socket.socket) -> None:
        """`listening`: a Unix stream socket that listens. It belongs to the server from now on."""
        self._server = await asyncio.get_running_loop().create_unix_server(
            lambda: Line(self._begun, answers_pings=True), sock=listening
        )

    @property
    def unread(self) -> int:
        """Bytes that workers have not read yet."""
        return sum(line.unread for line in self._lines)

    async def aclose(self) -> None:
        """Accept no line any more. The lines that are there stay."""
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """End every line now."""
        for line in list(self._lines):
            line.abort()

    def _begun(self, line: Line) -> Receiver:
        line.backlog = self._backlog
        self._lines.add(line)
        if not same_user(line.peer):
            log.error("a process of another user wants to talk to the hub, and is sent away")
            line.abort()
        return _Stranger(line, self._joins)


class _Stranger:
    """Hears the hello."""

    def __init__(self, line: Line, joins: Mapping[Kind, Join]) -> None:
        self._line = line
        self._joins = joins
        self._then: Receiver | None = None

    def received(self, payload: bytes) -> None:
        if self._then is not None:
            self._then.received(payload)
            return
        try:
            hello = decode_hello(payload)
        except msgspec.DecodeError:
            hello = None
        join = None if hello is None or hello.version != VERSION else self._joins.get(hello.kind)
        if hello is None or join is None:
            log.error("a worker is of another version than the hub, and is sent away; restart all")
            refused = PermanentFailure("unavailable", "the hub is of another version")
            self._line.answer(encode(Refusal.of(0, refused)))
            self._line.close()
            return
        self._then = join(self._line, hello.node)

    def lost(self) -> None:
        if self._then is not None:
            self._then.lost()
