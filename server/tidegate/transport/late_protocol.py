"""The library's part of one connection, which begins when it is needed.

Most clients open a connection in the plain way, send text and end with a close frame or without one. A close frame that
is plainly right is answered here. The library has something to do where a frame is not, or when the gateway asks a
silent client whether it is there. Until then its objects would only take 2 KB of memory each.
Invariant: a protocol that has not begun has received nothing but that close frame, and has nothing to send but the
answer to it; one that begins for anything but an opening handshake is open, or was closed in this way.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from websockets.exceptions import ProtocolError
from websockets.extensions import ServerExtensionFactory
from websockets.frames import Close
from websockets.protocol import SEND_EOF, Event, State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from tidegate.transport.frames import CLOSE, MASKED, apply_mask

HEAD, LONGEST = 6, 125
"""Bytes before the payload of a client's close frame, and of the payload, at most."""
SUBPROTOCOL = Subprotocol("tidegate.v1")
BEARER = "bearer."

# The library's own log mentions every connection; the transport logs what an operator needs.
websocket_log = logging.getLogger("tidegate.websocket")
websocket_log.setLevel(logging.ERROR)


class LateProtocol(ServerProtocol):
    """`max_size`: bytes of a message, at most. `extensions`: what it negotiates in an opening handshake."""

    __slots__ = ("_begun", "_max_size", "_offered")

    # What is asked of every connection at its end, as it is while the protocol has not begun.
    close_rcvd: Close | None = None
    close_sent: Close | None = None
    close_rcvd_then_sent: bool | None = None
    _answer: bytes | None = None
    """What a close frame is answered with, until that is sent."""

    def __init__(self, max_size: int, extensions: Sequence[ServerExtensionFactory] = ()) -> None:
        self._max_size, self._offered = max_size, extensions
        self._begun = False

    def begin_handshake(self) -> None:
        """Begin, to read an opening handshake."""
        self._begin(State.CONNECTING)

    def _begin(self, state: State) -> None:
        self._begun = True
        closed = self.close_rcvd, self.close_sent, self.close_rcvd_then_sent
        super().__init__(state=state, max_size=self._max_size, extensions=self._offered, logger=websocket_log)
        self.close_rcvd, self.close_sent, self.close_rcvd_then_sent = closed

    def __getattr__(self, name: str) -> Any:
        """An attribute of the library's is missing: all of them are set by its `__init__`."""
        if self._begun:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        self._begin(State.OPEN if self.close_rcvd is None else State.CLOSED)
        return getattr(self, name)

    def receive_data(self, data: bytes | bytearray) -> None:
        if self._begun or (self.close_rcvd is None and not self._closes(data)):
            super().receive_data(data)

    def receive_eof(self) -> None:
        if self._begun or self.close_rcvd is None:
            super().receive_eof()

    def events_received(self) -> list[Event]:
        return super().events_received() if self._begun else []

    def data_to_send(self) -> list[bytes]:
        if self._begun:
            return super().data_to_send()
        if self._answer is None:
            return []
        answer, self._answer = self._answer, None
        return [answer, SEND_EOF]

    def _closes(self, data: bytes | bytearray) -> bool:
        """Answer a close frame, and do what the library would do. False: `data` is anything else, or not plainly right.

        The library may not have begun: then no message is unfinished, and no close frame was sent.
        """
        size = len(data) - HEAD
        if not 0 <= size <= LONGEST or data[0] != CLOSE or data[1] != MASKED + size:
            return False
        payload = apply_mask(data[HEAD:], data[2:HEAD])
        try:
            self.close_rcvd = self.close_sent = Close.parse(payload)
        except (ProtocolError, UnicodeDecodeError):
            return False
        self.close_rcvd_then_sent = True
        self._answer = bytes((CLOSE, size)) + payload
        return True

    @property
    def begun(self) -> bool:
        return self._begun

    def select_subprotocol(self, subprotocols: Sequence[Subprotocol]) -> Subprotocol | None:
        """`tidegate.v1` if offered, otherwise the entry with the token: a browser accepts only what it offered."""
        if SUBPROTOCOL in subprotocols:
            return SUBPROTOCOL
        return next((entry for entry in subprotocols if entry.startswith(BEARER)), None)


def let_go(ws: ServerProtocol) -> None:
    """After the end of its connection: break the library's reference cycles, so that no garbage collection is needed.

    Its parser is a generator that refers to it, and so does the traceback of what ended the parser.
    """
    if not isinstance(ws, LateProtocol) or ws.begun:
        ws.receive_eof()
        ws.parser.close()
        ws.parser_exc = ws.handshake_exc = None
