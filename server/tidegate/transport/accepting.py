"""Accepts connections from listening sockets: a few in a turn of the event loop, and none while there is no room.

asyncio's own server accepts all that wait in one turn, and logs each failure with its traceback. Here a process without
free files waits, 100 ms at a time, and says so once a minute. It knows nothing of a connection after it was accepted.
Invariant: after `close` nothing is accepted any more.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import socket
import ssl
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from tidegate.counted import Counted

log = logging.getLogger("tidegate.door")

WAITING = 1024
"""Connections that the operating system accepts ahead of this process."""
IN_A_TURN = 8
PAUSE_S = 0.1
HANDSHAKE_S, SHUTDOWN_S = 5.0, 3.0
"""How long the begin and the end of TLS may take."""
EXHAUSTED = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
"""The process or the system has no file or no memory for one more connection."""

NO_ROOM = Counted(
    log,
    logging.WARNING,
    "there is no room for more connections: accepting pauses (max_connections)",
    name="accepting_paused",
)
NO_FILES = Counted(
    log,
    logging.ERROR,
    "a connection cannot be accepted: %s. Raise the limit of open files, or lower max_connections",
    name="no_open_files",
)
NO_TLS = Counted(log, logging.INFO, "a client could not begin TLS: %s", name="tls_failed")
FAILED = Counted(log, logging.ERROR, "a connection was lost while it was accepted: %r", name="accept_failed")


async def listen(host: str, port: int) -> list[socket.socket]:
    """Sockets that listen on each address of `host`. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(
        host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    return listening([(family, address) for family, _, _, _, address in found])


def listening(addresses: Sequence[tuple[int, Any]], *, reuse_port: bool = False) -> list[socket.socket]:
    """Sockets that listen on each of `addresses`. Raises OSError.

    `reuse_port`: further ones may listen on the same addresses; connections spread evenly over them (SO_REUSEPORT).
    """
    sockets: list[socket.socket] = []
    try:
        for family, address in dict.fromkeys(addresses):
            try:
                sock = socket.create_server(address[:2], family=family, backlog=WAITING, reuse_port=reuse_port)
            except OSError as error:
                if error.errno == errno.EAFNOSUPPORT and (sockets or len(addresses) > 1):
                    continue  # a machine without IPv6 still has names for it
                raise
            sock.setblocking(False)
            sockets.append(sock)
    except OSError:
        for sock in sockets:
            sock.close()
        raise
    return sockets


class Acceptor:
    """`protocol` makes what talks to a connection. `has_room`: whether one more may be accepted."""

    def __init__(
        self,
        sockets: list[socket.socket],
        protocol: Callable[[], asyncio.BaseProtocol],
        has_room: Callable[[int], bool],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """`has_room` is told how many are accepted and not made yet. `tls`: None for plain connections."""
        self._loop = asyncio.get_running_loop()
        self._sockets = sockets
        self._protocol = protocol
        self._has_room = has_room
        self._tls = tls
        self._shaking = (
            {} if tls is None else {"ssl_handshake_timeout": HANDSHAKE_S, "ssl_shutdown_timeout": SHUTDOWN_S}
        )
        self._making: set[asyncio.Task[None]] = set()
        self._coming = 0
        """Connections that are accepted, and not made yet."""
        self._pause: asyncio.TimerHandle | None = None
        self._begin()

    @property
    def port(self) -> int:
        """0 for a Unix socket."""
        address = self._sockets[0].getsockname()
        return int(address[1]) if isinstance(address, tuple) else 0

    def accept_also(self, sockets: list[socket.socket]) -> None:
        """Accept from these as well, if anything is accepted still."""
        if not self._sockets:
            for sock in sockets:
                sock.close()
            return
        self._sockets += sockets
        if self._pause is None:
            self._begin()

    def leave(self, sockets: list[socket.socket]) -> None:
        """Accept from these no more, and close them."""
        for sock in sockets:
            if sock in self._sockets:
                self._sockets.remove(sock)
                self._loop.remove_reader(sock)
                sock.close()

    def close(self) -> None:
        """Accept nothing more. Connections that were accepted stay."""
        if self._pause is not None:
            self._pause.cancel()
        for sock in self._sockets:
            self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()

    def _begin(self) -> None:
        self._pause = None
        for sock in self._sockets:
            self._loop.add_reader(sock, self._accept, sock, sock.family != socket.AF_UNIX)

    def _wait(self) -> None:
        for sock in self._sockets:
            self._loop.remove_reader(sock)
        if self._pause is None:
            self._pause = self._loop.call_later(PAUSE_S, self._begin)

    def _accept(self, listening: socket.socket, tcp: bool) -> None:  # a callback
        """Clients wait: take some of them. The others have the next turn."""
        for _ in range(IN_A_TURN):
            if not self._has_room(self._coming):
                NO_ROOM()
                self._wait()
                return
            try:
                sock, _ = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionError:
                continue  # the client gave up
            except OSError as error:
                if error.errno in EXHAUSTED:
                    NO_FILES(error.strerror)
                else:
                    FAILED(error)
                self._wait()
                return
            sock.setblocking(False)
            if tcp:
                # asyncio does it only where the socket names its protocol. Without it the second of two small frames
                # waits 40 ms for the client's acknowledgement of the first.
                try:  # noqa: SIM105  # `suppress` takes 1 us of each connection
                    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                except OSError:
                    pass  # the client gave up
            if self._tls is None:
                if not self._coming:
                    # All that are accepted in this turn are made, and counted by others, in the next one.
                    self._loop.call_soon(self._made)
                self._coming += 1
                self._go_on(self._make(sock))
            else:
                self._coming += 1
                task = self._loop.create_task(self._make(sock))
                self._making.add(task)
                task.add_done_callback(self._making.discard)

    def _made(self) -> None:
        self._coming = 0

    def _go_on(self, making: Coroutine[Any, None, None], _: object = None) -> None:
        """Do the next step of `_make`. Without TLS it has two, for which a task takes a twelfth of a connect."""
        try:
            waits_for: asyncio.Future[None] = making.send(None)
        except StopIteration:
            return
        waits_for.add_done_callback(partial(self._go_on, making))

    async def _make(self, sock: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(self._protocol, sock, ssl=self._tls, **self._shaking)
        except OSError as error:
            if self._tls is None:
                FAILED(error)
            else:
                NO_TLS(getattr(error, "reason", None) or error.strerror or str(error))
            sock.close()
        finally:
            if self._tls is not None:
                self._coming -= 1
