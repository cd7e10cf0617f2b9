"""Sends the parts of streams to their clients, as fast as each client reads.

Invariant: while more than `UNSENT_BYTES` wait for a client, no stream of its connection goes on, and a part that waits
is counted for the account of its session.
"""

from __future__ import annotations

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.session import Session
from tidegate.gateway.calls.stream import Over
from tidegate.gateway.sender import Sender

UNSENT_BYTES = 262_144
"""More than this may not wait for the client when a part is sent to it, or when its stream goes on."""


class PartSender:
    """Of all sessions. Belongs to the gateway's loop."""

    def __init__(self, sender: Sender, ledger: Ledger) -> None:
        self._sender = sender
        self._ledger = ledger

    async def send(self, session: Session, frame: bytes, over: Over) -> None:
        """Send `frame`, unless the stream is `over`; return when the client has read most of what it was sent."""
        sink = session.sink
        if sink.unsent > UNSENT_BYTES:
            account, size = session.account, len(frame)
            self._ledger.add(account, "reads", size)
            try:
                await sink.drained()
            finally:
                self._ledger.give(account, "reads", size)
        if over():
            return
        self._sender.send_frame(session, frame)
        if sink.unsent > UNSENT_BYTES:
            await sink.drained()
