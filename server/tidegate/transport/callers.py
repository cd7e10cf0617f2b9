"""Who sends the requests of one connection, and how fast: its client, or clients of a trusted proxy in turn.

A client that is over its rate is slowed down: its next request waits, and nothing more is read. Where the connection is
the client's own, it waits as long as it takes, and a client that does not stop is sent away. A connection of a proxy is
there for other clients, too: a request waits there for `WAIT_S`, is refused then, and the connection stays.
Invariant: what one client sent is never counted as what another one did.
"""

from __future__ import annotations

from typing import Literal

from tidegate.transport.context import ConnectionContext
from tidegate.transport.door import Visitor
from tidegate.transport.http_head import Head
from tidegate.transport.request_rate import RequestRate
from tidegate.transport.traffic import UNLIMITED

WAIT_S = 1.0
"""How long a request waits at a proxy's connection until its client may send again."""
MOST_CLIENTS = 256
"""Clients behind one connection of a proxy whose rates are remembered."""

When = Literal["now", "later", "never"]


class Callers:
    """Of one connection. `rate` and `peer` are those of the client whose request is here."""

    __slots__ = ("_context", "_direct", "_own", "_rates", "_waits_since", "peer", "rate")

    def __init__(self, context: ConnectionContext, connection: Visitor, now: float) -> None:
        self._context = context
        # The connection itself is not kept: the two would be a circle, which only the garbage collector frees.
        self.peer = self._direct = connection.peer
        self.rate = self._own = RequestRate(
            UNLIMITED if connection.peer.trusted else context.door.traffic(connection, now)
        )
        self._rates: dict[str, RequestRate] = {}
        self._waits_since: float | None = None
        """A request waits at the connection of a proxy, and is counted."""

    def receive(self, size: int, now: float) -> bool:
        """`size` bytes have arrived. Returns whether they may be handled now."""
        return self._own.receive(size, now)

    def asks(self, head: Head, size: int, now: float) -> When:
        """A request with a head of `size` bytes is here: whether it may be handled now, is to wait, or is refused."""
        if not self._direct.trusted:
            return "now" if self.rate.request(now) else "later"
        self.peer = self._context.door.behind(self._direct, head.headers.get("x-forwarded-for", ""))
        self.rate = self._rate_of(now)
        if self.rate.request(now, size + max(head.length, 0)):
            self._waits_no_more()
            return "now"
        if self._waits_since is None and self._context.waiting.begin(self.peer.address):
            self._waits_since = now
        elif self._waits_since is None or now - self._waits_since >= WAIT_S:
            self._waits_no_more()
            self.rate.exceeded = False
            return "never"
        return "later"

    def took_chunks(self, size: int) -> None:
        """The body of the request that is here had `size` bytes, which its head did not say."""
        if self._direct.trusted:
            self.rate.owe(size)

    def look(self, now: float) -> Literal["idle", "read", "wait", "close"]:
        """What to do with a client that waits because it was over its rate; `idle`: none does.

        To be asked about once a second.
        """
        waits = self.rate.exceeded
        if waits and self._direct.trusted:
            self.rate.exceeded = False  # `asks` is asked again
            return "read"
        if waits or self._own.over:
            verdict = self._own.look(self.peer, now)
        return verdict if waits else "idle"

    def ended(self) -> None:
        """The connection has ended."""
        self._waits_no_more()

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: what clients were allowed to send meanwhile has yet to be read."""
        for rate in (self._own, *self._rates.values()):
            rate.stood_still(seconds, now)

    def _waits_no_more(self) -> None:
        if self._waits_since is not None:
            self._waits_since = None
            self._context.waiting.end(self.peer.address)

    def _rate_of(self, now: float) -> RequestRate:
        address = self.peer.address
        rate = self._rates.get(address)
        if rate is None:
            if len(self._rates) >= MOST_CLIENTS:
                self._rates.clear()
            rate = self._rates[address] = RequestRate(self._context.door.traffic_of(self.peer, now))
        return rate
