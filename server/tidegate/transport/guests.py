"""The reserve of the door: connections that may not stay, until they are told why.

Each has a second for its request, and less while others wait for its place. Of one public address there are a few.
Invariant: a guest is here from `add` until `discard`, or `sweep` has cut it off.
"""

from __future__ import annotations

from collections import Counter
from typing import Protocol

from tidegate.transport.peers import Peer

RESERVE = 64
"""Guests at a time. A file is kept free for each."""
RESERVE_OF_ADDRESS = 16
"""Guests of one public address at a time. More are cut off at once."""
GUEST_S = 1.0
"""How long a guest may take to send its request."""
LEAST_S = 0.03
"""The same while others wait for its place."""


class Guest(Protocol):
    """What is asked of a connection here."""

    peer: Peer

    def abort(self) -> None:
        """Cut the connection off."""


class Guests:
    """Those that are here."""

    def __init__(self) -> None:
        self._came: dict[Guest, tuple[float, str]] = {}
        """When each of them came, and from which address; the first one first."""
        self._of_address: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._came)

    def add(self, guest: Guest, now: float) -> None:
        address = guest.peer.address if guest.peer.limited else ""
        self._came[guest] = (now, address)
        self._of_address[address] += 1
        if address and self._of_address[address] > RESERVE_OF_ADDRESS:
            guest.abort()

    def discard(self, guest: Guest) -> None:
        """It is no guest any more, if it was one."""
        if guest in self._came:
            address = self._came.pop(guest)[1]
            self._of_address[address] -= 1
            if not self._of_address[address]:
                del self._of_address[address]

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`, which do not count."""
        for guest, (came, address) in self._came.items():
            self._came[guest] = (min(came + seconds, now), address)

    def sweep(self, now: float, *, wanted: bool) -> None:
        """Cut off those whose time is over. `wanted`: others wait for their places."""
        latest = now - (LEAST_S if wanted else GUEST_S)
        for guest, (came, _) in list(self._came.items()):
            if came > latest:
                return
            self.discard(guest)
            guest.abort()
