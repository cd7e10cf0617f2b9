"""Plain HTTP answers that are made while their client waits, such as a document for the first client that asks for it.

It knows neither what is made nor how. Nothing is read from a client that waits, so that it has one request under way.
Invariant: a client that waits gets the answer, unless its connection ends before.
"""

from __future__ import annotations

import asyncio
import math

from tidegate.transport.context import ConnectionContext
from tidegate.transport.http import Response
from tidegate.transport.state import CONNECTING
from tidegate.transport.write_side import WriteSide


class Late:
    """A response that is not made yet. `head`: it is sent without its body."""

    __slots__ = ("_context", "_head", "_response")

    def __init__(self, response: asyncio.Future[Response], context: ConnectionContext, *, head: bool) -> None:
        self._response, self._context, self._head = response, context, head

    def send(self, write_side: WriteSide, transport: asyncio.Transport) -> None:
        """Send it once it is made. The client's deadline begins only then: until then it waits for this side."""
        transport.pause_reading()
        write_side.deadline = math.inf

        def made(response: asyncio.Future[Response]) -> None:
            if write_side.state is CONNECTING and not response.cancelled():
                write_side.deadline = self._context.now() + self._context.settings.handshake_timeout
                write_side.answer(response.result().serialize(head=self._head))

        self._response.add_done_callback(made)


def send(response: bytes | Late, write_side: WriteSide, transport: asyncio.Transport) -> None:
    """End the connection with this response, now or once it is made."""
    if isinstance(response, Late):
        response.send(write_side, transport)
    else:
        write_side.answer(response)
