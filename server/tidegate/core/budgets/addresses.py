"""What the clients of one address may do together: connect, be connected, send, and have tokens refused.

An address is a text; whose it is, and whether limits by address apply to it, is decided elsewhere. An address with
nothing open, and whose buckets are full, is forgotten. `now` is in seconds and only goes forward.
Invariant: each connection that was admitted is counted until `ended` is called for it.
"""

from __future__ import annotations

from typing import NamedTuple

from tidegate.core.budgets.rates import MOST_KEYS, Bucket, Rate
from tidegate.core.budgets.traffic import SharedTraffic, Traffic, TrafficRates

FULL_S = 5.0
"""After how many seconds a client may try again whose address has its number of connections."""


class AddressLimits(NamedTuple):
    """0 is no limit."""

    connects: Rate
    connections: int
    tokens: Rate
    """Tokens that are refused."""
    line: TrafficRates
    """What one connection may send, whatever its address."""
    traffic: TrafficRates
    """What the connections of one address may send together."""


class Address:
    """What one address has used."""

    __slots__ = ("connects", "tokens", "traffic")

    def __init__(self, limits: AddressLimits) -> None:
        self.connects = Bucket(limits.connects)
        self.tokens = Bucket(limits.tokens)
        self.traffic = SharedTraffic(limits.traffic)

    def idle(self, now: float) -> bool:
        """Whether it is as good as new."""
        full = self.connects.full(now) and self.tokens.full(now) and self.traffic.full(now)
        return full and not self.traffic.lines


class Addresses:
    """All addresses that are limited."""

    def __init__(self, limits: AddressLimits, most: int = MOST_KEYS) -> None:
        """`most`: of more addresses without a connection, those that were used longest ago are forgotten."""
        self._limits = limits
        self._most = most
        self._addresses: dict[str, Address] = {}
        """Those that were used longest ago come first."""

    def __len__(self) -> int:
        return len(self._addresses)

    def connect(self, name: str, now: float) -> float:
        """A client connects. Returns 0.0 where it may, and counts it; otherwise the seconds until it may try again."""
        address = self._used(name, now)
        wait = address.connects.take(now)
        if wait:
            return wait
        if self._limits.connections and address.traffic.lines >= self._limits.connections:
            return FULL_S
        address.traffic.lines += 1
        return 0.0

    def line(self, name: str | None, now: float) -> Traffic:
        """What a new connection may send; `name`: None where limits by address do not apply to it."""
        return Traffic(self._limits.line, None if name is None else self._used(name, now).traffic)

    def ended(self, name: str) -> None:
        """A connection that was admitted has ended."""
        self._addresses[name].traffic.lines -= 1

    def token_wait(self, name: str, now: float) -> float:
        """Seconds until tokens of this address are looked at; 0.0 for now."""
        address = self._addresses.get(name)
        return 0.0 if address is None else address.tokens.wait(now)

    def token_refused(self, name: str, now: float) -> None:
        self._used(name, now).tokens.owe(now)

    def _used(self, name: str, now: float) -> Address:
        address = self._addresses.pop(name, None)
        if address is None:
            address = Address(self._limits)
            self._forget(now)
        self._addresses[name] = address
        return address

    def _forget(self, now: float) -> None:
        """Make room for one more. Two are looked at for each that is added, so that the idle ones go in time."""
        for _ in range(min(2, len(self._addresses))):
            name = next(iter(self._addresses))
            address = self._addresses[name]
            if address.traffic.lines:
                del self._addresses[name]
                self._addresses[name] = address  # looked at again after all others
            elif len(self._addresses) >= self._most or address.idle(now):
                del self._addresses[name]
            else:
                return
