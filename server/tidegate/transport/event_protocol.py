"""The library's part of a stream of events (SSE): what a WebSocket says in control frames, it says as events.

`WriteSide` and `Connection` ask a `ServerProtocol` what is to be sent: here a close is the event `close`, and a ping a
comment, which proxies pass on and clients leave out (HTML, section 9.2.6). A frame with a message becomes an event in
`event`. Nothing is ever received.
Invariant: whatever was pushed as a frame, an event has the same text, in one `data` line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from websockets.frames import Close
from websockets.protocol import SEND_EOF, State
from websockets.server import ServerProtocol

from tidegate.transport.backlog import Droppable
from tidegate.transport.close_codes import CloseReason
from tidegate.transport.frames import payload_start
from tidegate.transport.late_protocol import websocket_log

Farewell = Callable[[bytes], Mapping[str, Any] | None]
"""Finds in a frame what the last event has to say, where it is the frame that announces the end."""
COMMENT: Final = b":\n\n"
LEFT: Final = CloseReason(1000, "done")
"""The client ended the stream."""


class EventProtocol(ServerProtocol):
    """Of one stream, from the head of its response on. `first`: what is sent before the first event."""

    def __init__(self, first: bytes) -> None:
        super().__init__(state=State.OPEN, logger=websocket_log)
        self._first = [first]
        self.more: Mapping[str, Any] = {}
        """What the last event says beside the code and the reason."""

    def data_to_send(self) -> list[bytes]:
        said, self._first = self._first, []
        return said

    def send_close(self, code: int | None = None, reason: str = "") -> None:
        """The last event, and the end of the response."""
        self.close_sent = Close(code or LEFT.code, reason)
        self.state = State.CLOSING
        text = json.dumps({"code": self.close_sent.code, "reason": reason, **self.more}, ensure_ascii=False)
        self._first += [b"event: close\ndata: %b\n\n" % text.encode(), SEND_EOF]

    def fail(self, code: int, reason: str = "") -> None:
        self.send_close(code, reason)

    def send_ping(self, data: bytes | bytearray | memoryview) -> None:
        self._first.append(COMMENT)

    def receive_eof(self) -> None:
        """The client is gone; the connection ends by itself."""

    def receive_data(self, data: bytes | bytearray | memoryview) -> None:
        """The only frame that is no message: the client ends the stream."""
        self.close_rcvd, self.close_rcvd_then_sent = Close(*LEFT), True
        self.send_close(*LEFT)


class Event(bytes):
    """An event, as it is written."""

    __slots__ = ()


class DroppableEvent(Droppable):
    """The event of a frame that a client may miss."""

    def __new__(cls, frame: Droppable) -> DroppableEvent:
        return super().__new__(cls, _event(frame))

    def __init__(self, frame: Droppable) -> None:
        self.stream, self.conflated, self._frame = frame.stream, frame.conflated, frame

    @property
    def replaces(self) -> object:
        return self._frame.replaces

    def notice(self, dropped: int) -> bytes:
        return _event(self._frame.notice(dropped))


def event(frame: bytes) -> bytes:
    """The event with the text of a frame that this gateway made; an event stays one."""
    if isinstance(frame, Event | DroppableEvent):
        return frame
    return DroppableEvent(frame) if isinstance(frame, Droppable) else Event(_event(frame))


def _event(frame: bytes) -> bytes:
    text = frame[payload_start(frame) :]
    if b"\n" in text or b"\r" in text:
        # Between the values of a JSON text, a space says the same.
        text = text.replace(b"\n", b" ").replace(b"\r", b" ")
    return b"data: %b\n\n" % text
