"""The connections of one gateway, as an inspection sees them: those with a session, and those that speak HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, cast

from tidegate.core.budgets.spent import Spent
from tidegate.core.session import Session
from tidegate.gateway.assembly import Parts
from tidegate.transport import Peer, Tally


class AnyConnection(Protocol):
    """One connection, whatever it speaks."""

    id: str
    peer: Peer
    used: float
    """When the client asked for something last."""
    tally: Tally

    def close(self, code: int, reason: str) -> None: ...


class Connected:
    """All connections of one gateway, and where an inspection finds what they cost."""

    def __init__(
        self,
        gateway: Parts,
        connections: Callable[[], Iterable[Any]],
        now: Callable[[], float],
        spent: Spent | None = None,
    ) -> None:
        """`connections`: those of the listener, whose clock is `now`. `spent`: that of the store."""
        self.gateway = gateway
        self.now = now
        self.spent = spent or Spent()
        self._connections = connections

    def all(self) -> list[Any]:
        """Every connection. For a loop over thousands of them, an iterator costs too much."""
        return list(self._connections())

    def __len__(self) -> int:
        return len(self.all())

    def __iter__(self) -> Iterator[AnyConnection]:
        return (cast(AnyConnection, each) for each in self._connections())


def session_of(connection: AnyConnection) -> Session | None:
    """None for a connection that speaks HTTP, or whose handshake is not complete."""
    session = getattr(connection, "session", None)
    return session if isinstance(session, Session) else None


def kind_of(connection: AnyConnection) -> str:
    if session_of(connection) is not None:
        return "websocket"
    return "handshake" if hasattr(connection, "session") else "http"
