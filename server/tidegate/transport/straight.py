"""Bytes go to the operating system straight, past asyncio's transport, unless the transport holds bytes already.

The transport looks at a dozen of its attributes before it calls `send` of its socket. In a message to a thousand
clients none of them is in the processor's caches, and looking takes a tenth of the delivery.
It knows no frames and no states.
Invariant: bytes reach the connection in the order in which `_write` was given them.
"""

from __future__ import annotations

import asyncio
import socket

from tidegate.transport.taking import unconfirmed


class StraightWriter:
    """Base of what writes to one connection. What is wrong with the connection is left to its transport to find."""

    __slots__ = ("_buffered", "_socket", "_transport")

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._socket = socket_of(transport)
        self._buffered = True
        """The transport may hold bytes, which go first."""

    def _write(self, data: bytes | memoryview) -> None:
        """Hand `data` to the operating system, and to the transport what the system does not take now."""
        if self._socket is None:
            self._transport.write(data)
            return
        if self._buffered:
            if self._transport.get_write_buffer_size():
                self._transport.write(data)
                return
            self._buffered = False
        try:
            sent = self._socket.send(data)
        except OSError:
            sent = 0
        if sent < len(data):
            self._buffered = True
            self._transport.write(data[sent:])

    @property
    def unconfirmed(self) -> int:
        """Bytes that were written, and that the client's side has not confirmed."""
        return unconfirmed(self._transport)


def socket_of(transport: asyncio.Transport) -> socket.socket | None:
    """The socket to which bytes may be sent as they are.

    None where they are encrypted, and with other loops than asyncio's own: uvloop's transports are compiled.
    """
    if transport.get_extra_info("sslcontext") is not None:
        return None
    sock = getattr(transport.get_extra_info("socket"), "_sock", None)
    return sock if isinstance(sock, socket.socket) else None
