"""The life of a WebSocket connection: four states, three events, and the table that joins them.

CONNECTING: the client's HTTP request is being read, or a plain response to it is on its way out. OPEN: messages travel
in both directions. CLOSING: a close frame was sent, or the connection was failed or cut off; no message follows.
CLOSED: no WebSocket exists any more, or none ever did. The names are those of RFC 6455, sections 4.1 and 7.1.
Invariant: a connection enters OPEN at most once, and nothing leads out of CLOSED.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping


class State(enum.Enum):
    """Where a connection is in its life."""

    CONNECTING = enum.auto()
    OPEN = enum.auto()
    CLOSING = enum.auto()
    CLOSED = enum.auto()


class Event(enum.Enum):
    """What changes the state."""

    ESTABLISHED = enum.auto()
    """The opening handshake succeeded (RFC 6455, section 4.2.2)."""
    ENDING = enum.auto()
    """This side ends the connection: with a close frame, a plain HTTP response, or at once."""
    LOST = enum.auto()
    """The TCP connection has ended."""


CONNECTING, OPEN, CLOSING, CLOSED = State
ESTABLISHED, ENDING, LOST = Event

NEXT: Mapping[State, Mapping[Event, State]] = {
    CONNECTING: {ESTABLISHED: OPEN, ENDING: CLOSED, LOST: CLOSED},
    OPEN: {ENDING: CLOSING, LOST: CLOSED},
    CLOSING: {ENDING: CLOSING, LOST: CLOSED},
    CLOSED: {ENDING: CLOSED, LOST: CLOSED},
}
"""The state that follows. What is missing cannot happen."""
