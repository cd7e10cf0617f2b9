"""The limits at the door, as the settings have them: how much one client, and one address, may do.

It joins the rules (`core.budgets`) with the transport, which asks them. A burst is what a client needs that comes back
after a break: it joins all its rooms and subscriptions again at once.
"""

from __future__ import annotations

from tidegate.config import Settings
from tidegate.core import closes
from tidegate.core.budgets.addresses import Addresses, AddressLimits, SharedCounts
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import TrafficRates
from tidegate.transport import CloseReason, Door, Peers, TransportSettings

SLOW_CONSUMER = CloseReason(closes.SLOW_CONSUMER, closes.REASONS[closes.SLOW_CONSUMER])
RATE_LIMIT = CloseReason(closes.RATE_LIMIT, closes.REASONS[closes.RATE_LIMIT])
BURST_S, BURST_OF_BYTES_S = 10.0, 4.0
"""A burst is what the rate allows in this many seconds."""
BESIDE = 50
"""Requests of a client that comes back, beside those of its rooms and subscriptions."""
OF_ADDRESS = 10
"""The connections of one address may together send as much as this many connections."""
MINUTE_S = 60


def addresses(settings: Settings, shared: SharedCounts | None = None, workers: int = 1) -> Addresses:
    """The limits of one gateway, or of one of `workers` that count together."""
    return Addresses(limits(settings, workers), shared)


def limits(settings: Settings, workers: int = 1) -> AddressLimits:
    """What the settings allow one address.

    What the connections of one address may send is divided among the workers; each leaves room for one connection.
    """
    of_address = max(1.0, OF_ADDRESS / workers)
    resumption = settings.max_rooms + settings.max_subscriptions + BESIDE
    frames = Rate(settings.rate, max(settings.rate * BURST_S, float(resumption)))
    received = Rate(float(settings.rate_bytes), settings.rate_bytes * BURST_OF_BYTES_S)
    connection = TrafficRates(frames, received)
    return AddressLimits(
        connects=Rate(settings.address_connects, max(1.0, settings.address_connects * BURST_S)),
        connections=settings.address_connections,
        tokens=Rate(settings.token_attempts / MINUTE_S, max(1.0, settings.token_attempts)),
        connection=connection,
        traffic=TrafficRates(*(Rate(rate.per_second * of_address, rate.burst * of_address) for rate in connection)),
    )


def door(settings: Settings, limit: int, book: Addresses) -> Door:
    """`limit`: connections at a time, at most."""
    return Door(limit, Peers(settings.proxies), book, told=not settings.dev)


def transport(settings: Settings) -> TransportSettings:
    """The limits of one connection, besides its rates."""
    return TransportSettings(
        max_size=settings.max_message,
        compression=settings.compression,
        origins=settings.origins,
        loopback_origins=settings.dev,
        hosts=settings.names,
        http_idle=settings.http_idle,
        slow_rate=settings.slow_rate,
        slow_consumer=SLOW_CONSUMER,
        rate_limited=RATE_LIMIT,
    )
