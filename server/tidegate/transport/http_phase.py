"""What a connection that speaks HTTP is doing."""

from __future__ import annotations

from enum import Enum


class HttpPhase(Enum):
    """IDLE -> HEAD -> BODY -> ANSWERING -> IDLE ..., or at the end LINGERING. ENDED may follow each of them.

    A request that is refused by its head goes from HEAD to ANSWERING; one that cannot be read, by LINGERING to its end.
    """

    IDLE = "nothing of a next request has arrived"
    HEAD = "a part of a head has arrived"
    BODY = "a part of a body has arrived, or none of it"
    ANSWERING = "a request is whole, and its response is not"
    LINGERING = "the last response is sent: what still arrives is dropped"
    ENDED = "the TCP connection has ended, or is in other hands"


BUSY = frozenset({HttpPhase.ANSWERING, HttpPhase.LINGERING, HttpPhase.ENDED})
"""No request is read meanwhile."""
