"""Deletes what is over in the engine's tables, and what gateways said that are gone. In parts, so that none takes long.

Any gateway may do it, and several may at a time. It knows no rooms.
Invariant: a part that is not done is asked for again, at the latest by the next beat or sweep of any gateway.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from tidegate.engines.postgres import values
from tidegate.engines.postgres.attaching import Attached
from tidegate.engines.postgres.calls import Calls
from tidegate.engines.postgres.link import StatementFailed
from tidegate.engines.postgres.values import Row
from tidegate.engines.setup import LeaseTimes

log = logging.getLogger("tidegate.rooms")

OUTBOX_MS = 60_000
"""How long the outbox keeps what it has."""
ROOM_MS = 45_000
"""How long a room that is open nowhere is kept, at least."""
SWEPT = 2000
BURIED = 500
"""Rows in one part."""


class Cleaning:
    """Of one gateway. `current`: its connections, if there are any."""

    def __init__(self, calls: Calls, times: LeaseTimes, current: Callable[[], Attached | None]) -> None:
        self._calls = calls
        self._times = times
        self._current = current
        self._burying: set[str] = set()

    def bury(self, node: str) -> None:
        """Delete what a gateway said that is gone, a part at a time."""
        current = self._current()
        if current is None or node in self._burying:
            return
        self._burying.add(node)

        def done(rows: Sequence[Row] | Exception) -> None:
            self._burying.discard(node)
            if not isinstance(rows, Exception) and rows[0][0] == values.TRUE:
                self.bury(node)

        grace = int(self._times.grace * 1000)
        arguments = [node.encode(), values.int8(grace), values.int8(BURIED)]
        current.hot.ask(self._calls.bury, arguments, done)

    def sweep(self) -> None:
        """Delete what is over, in parts."""
        current = self._current()
        if current is None:
            return

        def done(rows: Sequence[Row] | Exception) -> None:
            if isinstance(rows, StatementFailed):
                log.warning("what is over in the engine of rooms was not deleted", extra={"reason": str(rows)})
            elif not isinstance(rows, Exception) and rows[0][0] == values.TRUE and current is self._current():
                self.sweep()

        current.cold.ask(self._calls.sweep, [values.int8(each) for each in (OUTBOX_MS, ROOM_MS, SWEPT)], done)
