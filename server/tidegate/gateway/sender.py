"""Messages become frames, and frames go to the sinks of sessions.

It knows neither what a message means nor when it is due. In development it checks what the gateway is about to send.
Invariant: a message to many sinks is encoded once and framed once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

import msgspec

from tidegate.contract import Contract
from tidegate.core.session import Session
from tidegate.gateway.counts import COUNTED, GatewayCounts
from tidegate.transport import Droppable, Outbox, text_frame


class Sender:
    """Sends to sessions and sinks, in the order of the calls."""

    def __init__(self, contract: Contract, outbox: Outbox, *, check: bool) -> None:
        """`check`: whether a message that the schema does not allow raises BrokenOutput instead of being sent."""
        self.counts = GatewayCounts()
        self._contract = contract
        self._outbox = outbox
        self.encode: Callable[[msgspec.Struct | dict[str, Any]], bytes] = self._checked if check else contract.encode
        """A message as JSON text. May be called in any thread."""
        self._push = outbox.push
        self._push_many = outbox.push_many

    def send(self, session: Session, message: msgspec.Struct | dict[str, Any]) -> None:
        """One message to one session."""
        if type(message) in COUNTED:
            self.counts.sent(message)
        self._push(session.sink, text_frame(self.encode(message)))

    def push(self, sinks: Collection[Any], message: msgspec.Struct) -> None:
        """One message to many sinks."""
        self._push_many(sinks, text_frame(self.encode(message)))

    def send_frame(self, session: Session, frame: bytes) -> None:
        """A frame that `frame` made, to one session."""
        self._push(session.sink, frame)

    def send_text(self, session: Session, text: bytes) -> None:
        """A message that is encoded already, to one session."""
        self._push(session.sink, text_frame(text))

    def push_text(self, sinks: Collection[Any], text: bytes) -> None:
        """A message that is encoded already, to many sinks."""
        self._push_many(sinks, text_frame(text))

    def push_droppable(self, sinks: Collection[Any], frame: Droppable) -> None:
        """One frame to many sinks; a client that reads too slowly may miss it."""
        self._outbox.push_droppable(sinks, frame)

    def frame(self, message: msgspec.Struct | dict[str, Any]) -> bytes:
        """A message as the bytes of a frame. May be called in any thread."""
        return text_frame(self.encode(message))

    def framed(self, text: bytes) -> bytes:
        """A message that is encoded already, as the bytes of a frame. May be called in any thread."""
        return text_frame(text)

    def _checked(self, message: msgspec.Struct | dict[str, Any]) -> bytes:
        self._contract.check_server(message)
        return self._contract.encode(message)
