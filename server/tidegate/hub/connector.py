"""A worker's end of its lines: connects to the hub, and connects again, for ever.

A hub that hangs is found by pings: it has to say something in `SILENCE_S`. The other end must be a process of the same
user, since anyone can take the name of a socket that no hub holds.
Invariant: `connected` and `lost` of the user take turns, beginning with `connected`.
"""

from __future__ import annotations

import asyncio
import logging
import os
import random
import socket
import struct
from contextlib import suppress
from typing import NamedTuple, Protocol

from tidegate.counted import Counted
from tidegate.hub.line import Line
from tidegate.hub.messages import VERSION, Hello, Kind, encode

log = logging.getLogger("tidegate.hub")
SILENT = Counted(log, logging.ERROR, "the hub says nothing for %g s", name="hub_silent")

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.02, 1.0
"""Between two attempts to connect; each pause is twice the one before."""
PING_S = 1.5
SILENCE_S = 3 * PING_S
AWAY_S = 5.0
"""A worker whose hub is away for longer is not ready any more."""
PEER = struct.Struct("3i")


class Hub(NamedTuple):
    """The hub, as one worker reaches it."""

    address: str
    """Of its socket."""
    node: str
    """Names the worker there."""


class User(Protocol):
    """Who speaks over the line."""

    def connected(self, line: Line) -> None:
        """The hub is there, and has heard the hello. What it said comes next."""

    def received(self, payload: bytes) -> None: ...

    def lost(self) -> None: ...


class Connector:
    """Keeps one line to the hub from `start` to `aclose`."""

    def __init__(self, address: str, kind: Kind, node: str, user: User) -> None:
        """`address`: the path of a Unix socket, or `@` and the name of an abstract one."""
        self.address = "\0" + address[1:] if address.startswith("@") else address
        self._hello = encode(Hello(VERSION, kind, node))
        self._user = user
        self._tried: Line | None = None
        """A connection; there may be no hub at its other end yet, for the supervisor keeps the hub's socket."""
        self._line: Line | None = None
        """The same, once the hub has said something."""
        self._ended = asyncio.Event()
        self._silent = 0.0
        """For how many seconds the hub has said nothing."""
        self._away_since: float | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def connected(self) -> bool:
        return self._line is not None

    @property
    def healthy(self) -> bool:
        """Whether the hub was heard within the last `AWAY_S`."""
        if self._line is not None or self._away_since is None:
            return True
        return asyncio.get_running_loop().time() - self._away_since < AWAY_S

    def start(self) -> None:
        self._away_since = asyncio.get_running_loop().time()
        self._task = asyncio.create_task(self._run())

    def cut(self) -> None:
        """End the line, and connect again."""
        if self._tried is not None:
            self._tried.abort()

    async def aclose(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        if self._tried is not None:
            self._tried.close()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        pause = FIRST_PAUSE_S
        while True:
            began = loop.time()
            with suppress(OSError):
                await self._connect(loop)
            if self._tried is not None:
                await self._watch(self._tried)
            if loop.time() - began > LONGEST_PAUSE_S:
                pause = FIRST_PAUSE_S
            await asyncio.sleep(pause * random.uniform(0.5, 1))  # noqa: S311  # spread
            pause = min(2 * pause, LONGEST_PAUSE_S)

    async def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        """Raises OSError. uvloop cannot connect to an abstract socket by its name, and takes one that is connected."""
        sock = socket.socket(socket.AF_UNIX)
        try:
            sock.setblocking(False)
            await loop.sock_connect(sock, self.address)
            if not same_user(sock):
                log.error("the socket of the hub belongs to another user; nothing is sent to it")
                raise PermissionError
        except BaseException:
            sock.close()
            raise
        # From here on the loop closes the socket. In uvloop, a cancel or a close before this is done would leave `sock`
        # with the number of a closed file, which may be another one by the time that `sock` is freed.
        making = loop.create_task(loop.create_unix_connection(lambda: Line(self._begun), sock=sock))
        try:
            await asyncio.shield(making)
        except asyncio.CancelledError:
            await making  # a turn of the loop or two
            raise

    async def _watch(self, line: Line) -> None:
        """Returns when the line has ended."""
        self._silent = 0.0
        while self._tried is line:
            line.ping()
            with suppress(TimeoutError):
                async with asyncio.timeout(PING_S):
                    await self._ended.wait()
            self._silent = 0.0 if line.heard else self._silent + PING_S
            line.heard = False
            if self._silent >= SILENCE_S and self._tried is line:
                SILENT(self._silent)
                line.abort()
                await self._ended.wait()

    def _begun(self, line: Line) -> Connector:
        self._ended.clear()
        self._tried = line
        line.answer(self._hello)
        return self

    # -- line.Receiver ----------------------------------------------------------------------------------------------

    def received(self, payload: bytes) -> None:
        if self._line is None:
            assert self._tried is not None
            self._line, self._away_since = self._tried, None
            self._user.connected(self._line)
        self._user.received(payload)

    def lost(self) -> None:
        if self._tried is None:
            return
        self._tried = None
        self._ended.set()
        if self._line is not None:
            self._line = None
            self._away_since = asyncio.get_running_loop().time() - self._silent
            if self._task is not None:  # else this worker ends, and has let go of the hub
                log.warning("the hub is away; this worker goes on without it, and connects again")
            self._user.lost()


def same_user(connection: socket.socket) -> bool:
    """Whether the process at the other end is of the same user as this one."""
    _, user, _ = PEER.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER.size))
    return bool(user == os.geteuid())
