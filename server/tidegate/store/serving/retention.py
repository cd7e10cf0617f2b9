"""How long the change log and the memory of requests are kept, and how large the log may be."""

from __future__ import annotations

import msgspec

PAUSE_S = 30.0
REQUESTS_KEEP_MS = 24 * 3600 * 1000


class Retention(msgspec.Struct, frozen=True):
    """A change goes when it is older than `age_ms` and there are `rows` newer ones, or when the log has too many bytes.

    A client that was away for a shorter time, or missed fewer changes, receives all of them, unless they are so large
    that the log could not keep them: then it gets a snapshot.
    """

    age_ms: int = 24 * 3600 * 1000
    """Far longer than the change feeds of all gateways need to read a change: a feed that is later delivers a reset."""
    rows: int = 100_000
    """At least 1: the newest change tells this log from others."""
    bytes: int = 1024**3
    """Of the keys and images in the log, about. It counts more than `age_ms` and `rows`."""

    @property
    def pause_s(self) -> float:
        """Seconds between two rounds of pruning: a small part of the age."""
        return min(PAUSE_S, self.age_ms / 120_000)


KEEP = Retention()
