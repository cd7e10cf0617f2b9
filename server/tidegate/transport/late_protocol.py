"""The library's part of one connection, which begins when it is needed.

Most clients open a connection in the plain way, send text and end with a close frame or without one. The library has
something to do at the end of such a connection, or when the gateway asks a silent client whether it is there. Until
then its objects would only take 2 KB of memory each.
Invariant: a protocol that has not begun has received nothing and has nothing to send; one that begins for anything but
an opening handshake is open.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from websockets.extensions import ServerExtensionFactory
from websockets.frames import Close
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

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

    def __init__(self, max_size: int, extensions: Sequence[ServerExtensionFactory] = ()) -> None:
        self._max_size, self._offered = max_size, extensions
        self._begun = False

    def begin_handshake(self) -> None:
        """Begin, to read an opening handshake."""
        self._begin(State.CONNECTING)

    def _begin(self, state: State) -> None:
        self._begun = True
        super().__init__(state=state, max_size=self._max_size, extensions=self._offered, logger=websocket_log)

    def __getattr__(self, name: str) -> Any:
        """An attribute of the library's is missing: all of them are set by its `__init__`."""
        if self._begun:
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")
        self._begin(State.OPEN)
        return getattr(self, name)

    def data_to_send(self) -> list[bytes]:
        return super().data_to_send() if self._begun else []

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
