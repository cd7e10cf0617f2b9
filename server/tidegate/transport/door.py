"""Who may come in: places for connections, limits by address, and a reserve in which the others are told why.

A connection that may not stay is a guest: its request is read for a second at most and answered with a refusal. Health
checks are answered always. When the door is nearly full, anonymous clients that ask for nothing give way. It knows no
frame and no message.
Invariant: at most `limit` connections and `RESERVE` guests are held, but for those of the moment.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, Protocol

from tidegate.transport.close_codes import TRY_AGAIN_LATER, CloseReason
from tidegate.transport.door_notices import (
    ADDRESS_FULL,
    DOOR_FULL,
    GAVE_WAY,
    NOT_LIMITED,
    STOOD_STILL,
    TOKENS_IGNORED,
    UNNAMED,
)
from tidegate.transport.guests import RESERVE, Guests
from tidegate.transport.http import Response
from tidegate.transport.open_connections import SLICES, OpenConnection, OpenConnections
from tidegate.transport.peers import IPAddress, Peer, Peers
from tidegate.transport.traffic import UNLIMITED, Traffic

NEARLY_FULL = 0.8
"""The share of all places, above which anonymous clients that ask for nothing give way."""
STOOD_STILL_S = 2.0
"""Seconds between two sweeps, above which this process was stopped or hung. It sweeps twenty times a second."""
IDLE_S = 60.0
"""How long a client has asked for nothing that gives way."""
TOO_MANY = Response.text(503, "too many connections (limit: max_connections); retry later\n", {"Retry-After": "5"})
GIVE_WAY = CloseReason(TRY_AGAIN_LATER, "the gateway is nearly full, and this client asked for nothing")


class AddressBook(Protocol):
    """What the clients of one address may do together. `name` is an address."""

    def connect(self, name: str, now: float) -> float:
        """A client connects. Returns 0.0 where it may, and counts it; otherwise the seconds until it may try again."""

    def ended(self, name: str) -> None:
        """A connection that was counted has ended."""

    def token_wait(self, name: str, now: float) -> float:
        """Seconds until tokens of this address are looked at; 0.0 for now."""

    def traffic(self, name: str | None, now: float) -> Traffic:
        """What a new connection may send; None for an address that is not limited."""

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: what arrived meanwhile has yet to be counted."""


class Visitor(OpenConnection, Protocol):
    """What the door knows about a connection."""

    peer: Peer
    counted: bool
    """The connection counts as one of its address."""
    refused: Response | None
    """The answer to the connection's request, whatever it asks."""
    used: float
    """When the client asked for something last."""


class Door:
    """`limit`: connections at a time. `addresses`: None for no limits by address."""

    def __init__(
        self, limit: int, peers: Peers | None = None, addresses: AddressBook | None = None, *, told: bool = True
    ) -> None:
        """`told`: whether the log says where limits by address are off."""
        self.connections: OpenConnections[Visitor] = OpenConnections()
        self._limit = limit
        self._peers = peers or Peers()
        self._addresses = addresses
        self._told = told and addresses is not None
        self._guests = Guests()
        self._leaving: set[Visitor] = set()
        """Those that give way, and have not gone yet."""
        self._swept: float | None = None

    def has_room(self, coming: int = 0) -> bool:
        """Whether one more connection can be accepted, beside those that are `coming`."""
        return len(self.connections) + coming < self._limit + RESERVE

    @property
    def nearly_full(self) -> bool:
        return self._residents > NEARLY_FULL * self._limit

    @property
    def _residents(self) -> int:
        return len(self.connections) - len(self._guests)

    # -- coming and going -------------------------------------------------------------------------------------------

    def arrived(self, visitor: Visitor, peername: object, now: float) -> None:
        """A connection was accepted."""
        visitor.peer = peer = self._peers.direct(peername)
        self.connections.add(visitor)
        if self._residents > self._limit:
            DOOR_FULL(peer.logged, self._limit)
            visitor.refused = TOO_MANY
        else:
            self._count(visitor, now)
        if visitor.refused is not None:
            self._guests.add(visitor, now)
        elif self._told and not peer.limited and not peer.trusted:
            NOT_LIMITED(peer.logged)

    def proxied(self, visitor: Visitor, address: IPAddress, now: float) -> None:
        """The PROXY header of a trusted proxy named the client's address."""
        visitor.peer = self._peers.proxied(address)
        self._count(visitor, now)

    def asked(self, visitor: Visitor, forwarded: list[str], now: float) -> Response | None:
        """The request of a connection is here. Returns the answer where it is refused."""
        if visitor.peer.trusted:
            proxy = visitor.peer
            visitor.peer = self._peers.forwarded(proxy, forwarded)
            if self._told and not visitor.peer.limited:
                UNNAMED(proxy.address)
            self._count(visitor, now)
        return self.still_refused(visitor, now)

    def behind(self, proxy: Peer, forwarded: str) -> Peer:
        """Who sends one of many requests over a connection of a trusted proxy.

        They may be those of many clients, so that none of them is counted as the one who connected.
        """
        return self._peers.forwarded(proxy, [forwarded])

    def still_refused(self, visitor: Visitor, now: float) -> Response | None:
        """The answer to a request of a connection, where it is refused. There may be a place now."""
        if visitor.refused is TOO_MANY and self._residents < self._limit:
            self._guests.discard(visitor)
            visitor.refused = None
            self._count(visitor, now)
        return visitor.refused

    def belongs(self, visitor: Visitor, peer: Peer, now: float) -> Response | None:
        """The connection of a proxy, or of its client, is this client's alone from now on.

        Returns the answer where it may have no more, and the connection stays as it was.
        """
        proxy, visitor.peer = visitor.peer, peer
        if not visitor.counted:
            self._count(visitor, now)
        refused = visitor.refused
        if refused is not None:
            visitor.peer, visitor.refused = proxy, None
        return refused

    def replaced(self, visitor: Visitor, other: Visitor, now: float) -> None:
        """The connection is `other` from now on."""
        other.peer, other.counted, other.refused = visitor.peer, visitor.counted, visitor.refused
        self.connections.replace(visitor, other)
        self._leaving.discard(visitor)
        if visitor.refused is not None:
            self._guests.discard(visitor)
            self._guests.add(other, now)

    def token_refusal(self, peer: Peer, now: float) -> Response | None:
        """The answer to a request with a token, where tokens of its address are not looked at."""
        wait = self._addresses.token_wait(peer.address, now) if self._addresses is not None and peer.limited else 0.0
        if not wait:
            return None
        TOKENS_IGNORED(peer.address)
        return _later("too many tokens that are not valid (limit: token_attempts); retry later\n", wait)

    def traffic(self, visitor: Visitor, now: float) -> Traffic:
        """What a client that has come in may send."""
        if self._addresses is None:
            return UNLIMITED
        return self._addresses.traffic(visitor.peer.address if visitor.counted else None, now)

    def traffic_of(self, peer: Peer, now: float) -> Traffic:
        """What a client may send whose requests come over a connection that is not its own."""
        if self._addresses is None:
            return UNLIMITED
        return self._addresses.traffic(peer.address if peer.limited else None, now)

    def left(self, visitor: Visitor) -> None:
        """The connection has ended."""
        self.connections.remove(visitor)
        self._guests.discard(visitor)
        self._leaving.discard(visitor)
        if visitor.counted and self._addresses is not None:
            self._addresses.ended(visitor.peer.address)

    def _count(self, visitor: Visitor, now: float) -> None:
        """Count a connection for its address, or refuse it where there are too many."""
        if self._addresses is None or not visitor.peer.limited or visitor.refused is not None:
            return
        wait = self._addresses.connect(visitor.peer.address, now)
        if wait:
            ADDRESS_FULL(visitor.peer.address)
            visitor.refused = _later("too many connections of this address; retry later\n", wait)
        else:
            visitor.counted = True

    # -- time -------------------------------------------------------------------------------------------------------

    def sweep(self, now: float, anonymous: Callable[[Any], bool]) -> None:
        """Check the deadlines of guests, and of a part of the connections; `SLICES` calls check each of them once.

        `anonymous`: whether the client of a connection is.
        """
        away = 0.0 if self._swept is None else now - self._swept
        self._swept = now
        if away > STOOD_STILL_S:
            self._stood_still(away, now)
        self._guests.sweep(now, wanted=not self.has_room())
        part = self.connections.sweep(now)
        too_many = self._residents - len(self._leaving) - int(NEARLY_FULL * self._limit)
        if too_many > 0:
            ready = [each for each in part if each not in self._leaving and now - each.used > IDLE_S]
            idle = [each for each in ready if anonymous(each)]
            for each in sorted(idle, key=_last_used)[: math.ceil(too_many / SLICES)]:
                GAVE_WAY(each.peer.logged)
                self._leaving.add(each)
                each.close(*GIVE_WAY)

    def _stood_still(self, seconds: float, now: float) -> None:
        """This process stood still. It could neither read from clients nor ping them: no deadline passes."""
        STOOD_STILL(round(seconds, 1))
        self._guests.stood_still(seconds, now)
        for each in self.connections:
            each.stood_still(seconds, now)
        if self._addresses is not None:
            self._addresses.stood_still(seconds, now)


def _last_used(visitor: Visitor) -> float:
    return visitor.used


def _later(text: str, seconds: float) -> Response:
    """The client may come back after that many seconds."""
    return Response.text(429, text, {"Retry-After": str(math.ceil(seconds))})
