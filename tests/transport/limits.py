"""Doors with limits, for the tests of the transport. What is not given is not limited."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network

from tidegate.core.budgets.addresses import Addresses, AddressLimits
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import TrafficRates
from tidegate.transport import Door, Peers

NONE = Rate(0, 0)
UNLIMITED = TrafficRates(NONE, NONE)


def door_with(
    places: int = 1000,
    *,
    frames: Rate = NONE,
    received: Rate = NONE,
    connects: Rate = NONE,
    connections: int = 0,
    tokens: Rate = NONE,
    address: TrafficRates = UNLIMITED,
    trusted: Sequence[str] = (),
) -> Door:
    """`frames` and `received`: of one connection. `trusted`: networks of proxies."""
    limits = AddressLimits(connects, connections, tokens, TrafficRates(frames, received), address)
    return Door(places, Peers([ip_network(text) for text in trusted]), Addresses(limits))
