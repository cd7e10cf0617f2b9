"""What the clients of one address may do together: connect, be connected, send, and have tokens refused.

An address is a text; whose it is, and whether limits by address apply to it, is decided elsewhere. An address with
nothing open, and whose buckets are full, is forgotten. `now` is in seconds and only goes forward.
Invariant: each connection that was admitted is counted until `ended` is called for it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple, Protocol

from tidegate.core.budgets.rates import MOST_KEYS, Bucket, Rate
from tidegate.core.budgets.traffic import ConnectionRates, SharedTraffic, Traffic, TrafficRates

FULL_S = 5.0
"""After how many seconds a client may try again whose address has its number of connections."""


class AddressLimits(NamedTuple):
    """0 is no limit."""

    connects: Rate
    connections: int
    tokens: Rate
    """Tokens that are refused."""
    connection: TrafficRates
    """What one connection may send, whatever its address."""
    traffic: TrafficRates
    """What the connections of one address may send together."""


class SharedCounts(Protocol):
    """What several gateways on one machine count together."""

    def bucket(self, kind: Literal["connects", "tokens", "rooms"], name: str, rate: Rate) -> Bucket:
        """The bucket of an address from which all of them take."""

    def elsewhere(self, name: str) -> int:
        """The connections of an address to the other gateways."""

    def here(self, name: str, connections: int) -> None:
        """An address has this many `connections` to this gateway."""


class OwnCounts:
    """There is one gateway, which counts alone. Implements `SharedCounts`."""

    def bucket(self, kind: Literal["connects", "tokens", "rooms"], name: str, rate: Rate) -> Bucket:
        return Bucket(rate)

    def elsewhere(self, name: str) -> int:
        return 0

    def here(self, name: str, connections: int) -> None:
        pass


class Address:
    """What one address has used."""

    __slots__ = ("connects", "tokens", "traffic")

    def __init__(self, limits: AddressLimits, name: str, shared: SharedCounts) -> None:
        self.connects = shared.bucket("connects", name, limits.connects)
        self.tokens = shared.bucket("tokens", name, limits.tokens)
        self.traffic = SharedTraffic(limits.traffic)

    def use(self, limits: AddressLimits, now: float) -> None:
        """Hold to other limits from now on."""
        self.connects.use(limits.connects, now)
        self.tokens.use(limits.tokens, now)
        self.traffic.use(limits.traffic, now)

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`: clients that came meanwhile are counted only now. The rate of
        refused tokens stays as it is, so that a standstill allows no more guesses.
        """
        self.connects.stood_still(seconds, now)
        self.traffic.stood_still(seconds, now)

    def idle(self, now: float) -> bool:
        """Whether it is as good as new."""
        full = self.connects.full(now) and self.tokens.full(now) and self.traffic.full(now)
        return full and not self.traffic.connections


class Addresses:
    """All addresses that are limited."""

    def __init__(self, limits: AddressLimits, shared: SharedCounts | None = None, most: int = MOST_KEYS) -> None:
        """`most`: of more addresses without a connection, those that were used longest ago are forgotten."""
        self._limits = limits
        self._of_connection = ConnectionRates(limits.connection)
        self.shared = shared or OwnCounts()
        self._most = most
        self._addresses: dict[str, Address] = {}
        """Those that were used longest ago come first."""

    def __len__(self) -> int:
        return len(self._addresses)

    def limit(self, limits: AddressLimits, now: float) -> None:
        """Hold to these from now on, for addresses and connections that are there, too. What they took stays taken.

        Connections beyond a smaller number of an address stay. Only for a process that counts alone.
        """
        self._limits = limits
        self._of_connection.now = limits.connection
        for address in self._addresses.values():
            address.use(limits, now)

    def connect(self, name: str, now: float) -> float:
        """A client connects. Returns 0.0 where it may, and counts it; otherwise the seconds until it may try again."""
        address = self._used(name, now)
        wait = address.connects.take(now)
        if wait:
            return wait
        limit, here = self._limits.connections, address.traffic.connections
        if limit and here + self.shared.elsewhere(name) >= limit:
            return FULL_S
        address.traffic.connections = here + 1
        self.shared.here(name, here + 1)
        return 0.0

    def traffic(self, name: str | None, now: float) -> Traffic:
        """What a new connection may send; `name`: None where limits by address do not apply to it."""
        return Traffic(self._of_connection, None if name is None else self._used(name, now).traffic)

    def ended(self, name: str) -> None:
        """A connection that was admitted has ended."""
        traffic = self._addresses[name].traffic
        traffic.connections -= 1
        self.shared.here(name, traffic.connections)

    def stood_still(self, seconds: float, now: float) -> None:
        """This process stood still for `seconds`. Only the rate of refused tokens counts what came meanwhile."""
        for address in self._addresses.values():
            address.stood_still(seconds, now)

    def token_wait(self, name: str, now: float) -> float:
        """Seconds until tokens of this address are looked at; 0.0 for now."""
        address = self._addresses.get(name)
        tokens = self.shared.bucket("tokens", name, self._limits.tokens) if address is None else address.tokens
        return tokens.wait(now)

    def token_refused(self, name: str, now: float) -> None:
        self._used(name, now).tokens.owe(now)

    def _used(self, name: str, now: float) -> Address:
        address = self._addresses.pop(name, None)
        if address is None:
            address = Address(self._limits, name, self.shared)
            self._forget(now)
        self._addresses[name] = address
        return address

    def _forget(self, now: float) -> None:
        """Make room for one more. Two are looked at for each that is added, so that the idle ones go in time."""
        for _ in range(min(2, len(self._addresses))):
            name = next(iter(self._addresses))
            address = self._addresses[name]
            if address.traffic.connections:
                del self._addresses[name]
                self._addresses[name] = address  # looked at again after all others
            elif len(self._addresses) >= self._most or address.idle(now):
                del self._addresses[name]
            else:
                return
