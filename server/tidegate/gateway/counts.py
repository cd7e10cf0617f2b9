"""What the gateway counts for monitoring: requests, errors, changes, and how long writes and changes take.

Plain numbers, raised where things happen. It decides nothing.
Invariant: the number of different labels is bounded by the schema and by `MOST_CODES`.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

import msgspec

from tidegate.contract import ApplicationRequest
from tidegate.core.histogram import Histogram
from tidegate.core.rows.ports import Change
from tidegate_protocol import ErrorMessage

MOST_CODES = 200
"""Different error codes that are counted apart; handlers can make codes up."""


class GatewayCounts:
    """Of one gateway."""

    def __init__(self) -> None:
        self._requests: Counter[type[msgspec.Struct]] = Counter()
        self._of_application: Counter[str] = Counter()
        self.errors: Counter[str] = Counter()
        """Errors that clients were sent, by code."""
        self.changes = 0
        """Changes of rows that were dispatched."""
        self.writes = Histogram()
        """From the request to the commit."""
        self.feed_lag = Histogram()
        """From the commit of the oldest change of a batch until it is dispatched."""

    def asked(self, request: msgspec.Struct) -> None:
        """A valid request arrived."""
        if type(request) is ApplicationRequest:
            self._of_application[request.type] += 1
        else:
            self._requests[type(request)] += 1

    @property
    def requests(self) -> dict[str, int]:
        """Valid requests, by type."""
        return {
            **{str(kind.__struct_config__.tag): count for kind, count in self._requests.items()},
            **self._of_application,
        }

    def sent(self, message: object) -> None:
        """A message is on its way to one client."""
        if type(message) is ErrorMessage:
            known = message.code in self.errors or len(self.errors) < MOST_CODES
            self.errors[message.code if known else "other"] += 1

    def changed(self, changes: Sequence[Change]) -> None:
        """Changes were committed, and are about to be dispatched."""
        if changes:
            self.changes += len(changes)
            self.feed_lag.observe(max(0.0, time.time() - changes[0].time / 1000))
