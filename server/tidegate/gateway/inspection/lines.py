"""The connections of one gateway, as an inspection sees them: those with a session, and those that speak HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, cast

from tidegate.core.budgets.spent import Spent
from tidegate.core.session import Session
from tidegate.gateway.assembly import Parts
from tidegate.transport import Peer, Tally


class Line(Protocol):
    """One connection."""

    id: str
    peer: Peer
    used: float
    """When the client asked for something last."""
    tally: Tally

    def close(self, code: int, reason: str) -> None: ...


class Lines:
    """Where an inspection looks."""

    def __init__(
        self, gateway: Parts, lines: Callable[[], Iterable[Any]], now: Callable[[], float], spent: Spent | None = None
    ) -> None:
        """`lines`: the connections of the listener, whose clock is `now`. `spent`: that of the store."""
        self.gateway = gateway
        self.now = now
        self.spent = spent or Spent()
        self._lines = lines

    def all(self) -> list[Any]:
        """Every connection. For a loop over thousands of them, an iterator costs too much."""
        return list(self._lines())

    def __len__(self) -> int:
        return len(self.all())

    def __iter__(self) -> Iterator[Line]:
        return (cast(Line, each) for each in self._lines())


def session_of(line: Line) -> Session | None:
    """None for a connection that speaks HTTP, or whose handshake is not complete."""
    session = getattr(line, "session", None)
    return session if isinstance(session, Session) else None


def kind_of(line: Line) -> str:
    if session_of(line) is not None:
        return "websocket"
    return "handshake" if hasattr(line, "session") else "http"
