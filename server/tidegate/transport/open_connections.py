"""The connections that are open on one listener: their number, and which have their deadlines checked next.

Connections are spread over slices, of which one is swept at a time, so that the work of a second is even. All that it
knows about a connection is the protocol `OpenConnection`.

Invariant: every connection that was added and not removed is in exactly one slice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

SLICES = 20


class OpenConnection(Protocol):
    """What is asked of a connection here."""

    def sweep(self, now: float) -> None:
        """Check the deadlines of this connection."""

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake, or cut off a connection whose opening handshake is not complete."""

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: no deadline passes with that."""

    def abort(self) -> None:
        """Cut the connection off."""


C = TypeVar("C", bound=OpenConnection)


class OpenConnections(Generic[C]):
    """One listener's."""

    def __init__(self) -> None:
        self._slices: list[dict[C, None]] = [{} for _ in range(SLICES)]
        self._slice_of: dict[C, int] = {}
        self._turn = self._added = 0
        self.closed_to_new = False
        """Whether the handshake refuses every new WebSocket."""
        self._emptied: asyncio.Event | None = None
        """Set once the last connection has ended; None until `refuse_more`."""

    def __iter__(self) -> Iterator[C]:
        """Connections may be removed meanwhile."""
        return iter(list(self._slice_of))

    def __len__(self) -> int:
        return len(self._slice_of)

    def add(self, connection: C) -> None:
        self._added += 1
        number = self._added % SLICES
        self._slice_of[connection] = number
        self._slices[number][connection] = None
        if self._emptied is not None:
            # The operating system accepted it just before the listening socket was closed.
            connection.abort()

    def remove(self, connection: C) -> None:
        del self._slices[self._slice_of.pop(connection)][connection]
        if not self._slice_of and self._emptied is not None:
            self._emptied.set()

    def replace(self, connection: C, other: C) -> None:
        """`other` stands for `connection` from now on."""
        number = self._slice_of.pop(connection)
        del self._slices[number][connection]
        self._slice_of[other] = number
        self._slices[number][other] = None

    def sweep(self, now: float) -> list[C]:
        """Check the deadlines of the next slice, and return it. `SLICES` calls check every connection once."""
        self._turn = (self._turn + 1) % SLICES
        part = list(self._slices[self._turn])
        for connection in part:
            connection.sweep(now)
        return part

    def refuse_more(self) -> None:
        """From here on, a connection that is added is cut off at once."""
        self._emptied = asyncio.Event()

    async def emptied(self) -> None:
        """Wait until the last connection has ended. `refuse_more` must have been called."""
        if self._slice_of:
            assert self._emptied is not None
            await self._emptied.wait()
