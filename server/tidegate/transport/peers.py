"""Who is at the other end of a TCP connection: its network address, and whether limits by address apply to it.

It knows no limit.
"""

from __future__ import annotations

from typing import NamedTuple


class Peer(NamedTuple):
    """A client, as the network shows it."""

    address: str
    """An IPv4 address, the /64 network of an IPv6 address, or "" where there is none."""
    limited: bool
    """Whether limits by address apply: it is a public address, or a trusted proxy named it."""


UNKNOWN = Peer("", limited=False)
