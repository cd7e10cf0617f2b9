"""Tells other gateways things over channels: what cannot be said at the moment waits, up to a limit.

It does not know what is told. Invariant: what is told leaves in the order of the calls.
"""

from __future__ import annotations

from collections import deque
from typing import Any

from tidegate.engines.redis.resp import pack
from tidegate.engines.redis.wire import Wire
from tidegate.engines.untold import LIMIT, LOST


class Telling:
    """Of one gateway."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._waiting: deque[bytes] = deque()

    def tell(self, channel: bytes, said: bytes) -> None:
        command = pack([b"PUBLISH", channel, said])
        connection = self._wire.connection
        if connection is not None and not connection.full and not self._waiting:
            connection.ask(command, _ignore)
            return
        if len(self._waiting) >= LIMIT:
            LOST()
            return
        self._waiting.append(command)
        if connection is not None:
            connection.when_room(self.go_on)

    def go_on(self) -> None:
        """Tell what waits."""
        connection = self._wire.connection
        while self._waiting and connection is not None:
            connection.ask(self._waiting.popleft(), _ignore)


def _ignore(reply: Any) -> None:
    """For commands whose reply says nothing."""
