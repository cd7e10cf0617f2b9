"""What the gateway counts for monitoring: requests, errors, changes, and how long writes and changes take.

Plain numbers, raised where things happen. It decides nothing.
Invariant: the number of different labels is bounded by the schema and by `MOST_CODES`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from tidegate.core.histogram import Histogram
from tidegate.core.rows.ports import Change
from tidegate_protocol import CLIENT_MESSAGES, ErrorMessage, Subscribed

MOST_CODES = 200
"""Different error codes that are counted apart; handlers can make codes up."""


COUNTED = {ErrorMessage, Subscribed}
"""Messages of which `sent` is to be told. Most are none of them, and cost one look."""


class GatewayCounts:
    """Of one gateway."""

    def __init__(self) -> None:
        self.by_type: dict[type[msgspec.Struct], int] = dict.fromkeys(CLIENT_MESSAGES.values(), 0)
        """Valid requests of the protocol, by the type of their struct."""
        self.of_application: Counter[str] = Counter()
        """Valid requests of the application's types."""
        self.errors: Counter[str] = Counter()
        """Errors that clients were sent, by code."""
        self.subscribed: Counter[str] = Counter(live=0, recovered=0, snapshot=0)
        """How subscriptions began, by mode."""
        self.changes = 0
        """Changes of rows that were dispatched."""
        self.writes = Histogram()
        """From the request to the commit."""
        self.feed_lag = Histogram()
        """From the commit of the oldest change of a batch until it is dispatched."""

    @property
    def requests(self) -> dict[str, int]:
        """Valid requests, by type."""
        return {
            **{str(kind.__struct_config__.tag): count for kind, count in self.by_type.items()},
            **self.of_application,
        }

    def sent(self, message: object) -> None:
        """One of `COUNTED` is on its way to one client."""
        if type(message) is ErrorMessage:
            known = message.code in self.errors or len(self.errors) < MOST_CODES
            self.errors[message.code if known else "other"] += 1
        elif type(message) is Subscribed:
            self.subscribed[message.mode] += 1

    def changed(self, changes: Sequence[Change]) -> None:
        """Changes were committed, and are about to be dispatched."""
        if changes:
            self.changes += len(changes)
            self.feed_lag.observe(max(0.0, time.time() - changes[0].time / 1000))
