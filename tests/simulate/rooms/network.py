"""Connections from gateways to the engine's server, in virtual time: bytes travel in order, in pieces, or not at all.

The gateway's side of a line is an asyncio transport; the other side is a session of a simulated server. A cut in one
direction holds the bytes of that direction until it heals; what is on its way when a line ends is lost.
"""

from __future__ import annotations

import asyncio
import os
import random
import socket
import struct
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Protocol

from tests.simulate.loop import SimulatedLoop


class Session(Protocol):
    """The server's side of a line."""

    def said(self, data: bytes) -> None:
        """The gateway sent bytes."""

    def gone(self) -> None:
        """The line ended. It may be told twice."""


class Server(Protocol):
    """What gateways connect to."""

    down: bool
    """It refuses connections."""

    def session(self, line: ServerLine) -> Session:
        """A gateway connected."""


PIECES = 0.2
"""How often only some of the bytes on their way arrive together."""


class _Pipe:
    """One direction."""

    def __init__(self, loop: SimulatedLoop, chance: random.Random, delay: float, take: Callable[[bytes], None]) -> None:
        self._loop = loop
        self._chance = chance
        self._delay = delay
        self._take = take
        self._waiting = bytearray()
        self._arriving = False
        self.blocked = False
        self.closed = False

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def send(self, data: bytes) -> None:
        self._waiting += data
        self.go_on()

    def go_on(self) -> None:
        if self._waiting and not (self._arriving or self.blocked or self.closed):
            self._arriving = True
            self._loop.at_socket(self._loop.time() + self._delay * self._chance.expovariate(1.0), self._arrive)

    def _arrive(self) -> None:
        self._arriving = False
        if self.blocked or self.closed:
            return
        count = len(self._waiting)
        if self._chance.random() < PIECES:
            count = 1 + int(count * self._chance.random())
        data = bytes(self._waiting[:count])
        del self._waiting[:count]
        self._take(data)
        self.go_on()


class ServerLine(asyncio.Transport):
    """The transport that a gateway's engine has."""

    def __init__(
        self,
        network: Network,
        protocol: asyncio.Protocol,
        loop: SimulatedLoop,
        chance: random.Random,
    ) -> None:
        super().__init__()
        self.owner = network.caller.get()
        """The gateway whose line it is."""
        self._network = network
        self._protocol = protocol
        self._loop = loop
        self._closing = False
        self.session = network.server.session(self)
        self._up = _Pipe(loop, chance, network.delay, self.session.said)
        self._down = _Pipe(loop, chance, network.delay, protocol.data_received)
        network.lines.append(self)
        self._down.blocked = self._up.blocked = network.frozen

    def block(self, *, up: bool = False, down: bool = False) -> None:
        """Nothing more arrives in these directions, until `heal`."""
        self._up.blocked |= up
        self._down.blocked |= down

    def heal(self) -> None:
        for pipe in (self._up, self._down):
            pipe.blocked = False
            pipe.go_on()

    # -- the server's side ------------------------------------------------------------------------------------------

    def answer(self, data: bytes) -> None:
        self._down.send(data)

    def end(self) -> None:
        self._finish(ConnectionResetError())

    # -- the gateway's side: asyncio.Transport ----------------------------------------------------------------------

    def write(self, data: Any) -> None:
        if not self._closing:
            self._up.send(bytes(data))

    def is_closing(self) -> bool:
        return self._closing

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return OwnSocket() if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return self._up.waiting

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The protocols of gateways look at the size themselves."""

    @property
    def unread(self) -> int:
        """Bytes that the gateway has not read."""
        return self._down.waiting

    def close(self) -> None:
        self._finish(None)

    def abort(self) -> None:
        self._finish(None)

    def forget(self) -> None:
        """The gateway's process was killed: nothing is told to its protocol any more."""
        self._closing = self._up.closed = self._down.closed = True
        self.session.gone()

    def _finish(self, error: Exception | None) -> None:
        if self._closing:
            return
        self.forget()
        self._network.lines.remove(self)
        self._loop.call_soon(self._protocol.connection_lost, error)


class Network:
    """All lines to one server."""

    def __init__(self, loop: SimulatedLoop, server: Server, chance: random.Random, delay: float) -> None:
        self._loop = loop
        self._chance = chance
        self.server = server
        self.delay = delay
        self.lines: list[ServerLine] = []
        self.caller: ContextVar[str] = ContextVar("caller", default="")
        """The gateway in whose tasks the code runs."""
        self.frozen = False
        """The server does not answer: it sleeps, or the network is silent."""
        self._killed: set[str] = set()

    async def connect(self) -> None:
        """Reach the server. Raises ConnectionRefusedError."""
        await asyncio.sleep(self.delay)
        if self.server.down:
            raise ConnectionRefusedError("the server is down")

    def line(self, made: Callable[[], asyncio.Protocol]) -> tuple[ServerLine, asyncio.Protocol]:
        """As `create_connection` of an event loop, once the server is reached."""
        if self.caller.get() in self._killed:
            raise ConnectionRefusedError("a process that was killed connects no more")
        protocol = made()
        line = ServerLine(self, protocol, self._loop, self._chance)
        protocol.connection_made(line)
        return line, protocol

    def forget(self, owner: str) -> None:
        """A gateway's process was killed."""
        self._killed.add(owner)
        for line in [line for line in self.lines if line.owner == owner]:
            line.forget()
            self.lines.remove(line)

    def of(self, owner: str) -> list[ServerLine]:
        return [line for line in self.lines if line.owner == owner]

    def freeze(self) -> None:
        self.frozen = True
        for line in self.lines:
            line.block(up=True, down=True)

    def thaw(self) -> None:
        self.frozen = False
        for line in self.lines:
            line.heal()


class OwnSocket:
    """The socket of a line between two processes of this user."""

    def getsockopt(self, level: int, option: int, size: int) -> bytes:
        return struct.pack("3i", os.getpid(), os.geteuid(), os.getegid())


class NetworkedLoop(SimulatedLoop):
    """A loop whose connections lead to `network`."""

    network: Network

    async def create_connection(  # type: ignore[override]  # as asyncio's, for one server
        self, made: Callable[[], asyncio.Protocol], host: Any = None, port: Any = None, *, ssl: Any = None
    ) -> tuple[ServerLine, asyncio.Protocol]:
        await self.network.connect()
        return self.network.line(made)

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """The socket has a peer of this user. What is said goes over the line of `create_unix_connection`."""
        await self.network.connect()
        ours, theirs = socket.socketpair()
        with ours, theirs:
            os.dup2(ours.fileno(), sock.fileno())

    async def create_unix_connection(  # type: ignore[override]  # as above
        self, made: Callable[[], asyncio.Protocol], path: Any = None, *, sock: socket.socket
    ) -> tuple[ServerLine, asyncio.Protocol]:
        sock.close()
        return self.network.line(made)
