"""A TCP connection goes from one asyncio protocol to another, with its place at the door.

Invariant: it has one place at the door all the time.
"""

from __future__ import annotations

import asyncio

from tidegate.transport.api import Successor
from tidegate.transport.context import ConnectionContext
from tidegate.transport.door import Visitor


def take_over(
    line: Visitor, successor: Successor, context: ConnectionContext, transport: asyncio.Transport, token: str | None
) -> None:
    """`successor` has the connection of `line` from now on, and is open."""
    successor.begin(transport)
    context.door.replaced(line, successor, context.now())
    transport.set_protocol(successor)  # type: ignore[arg-type]  # an asyncio protocol as well
    successor.establish(token)
