"""A line in the log for each WebSocket that has ended: who it was, how long, how much, and with which code.

Where many end at once, the lines of some are left out and counted: a disk must not fill because clients come and go.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from tidegate.core.session import Session
from tidegate.counted import Counted
from tidegate.transport import Connection

log = logging.getLogger("tidegate.access")
PER_SECOND, BURST = 50.0, 500.0
LEFT_OUT = Counted(
    log, logging.INFO, "a connection has ended whose line is left out: too many end", name="access_left_out"
)


class AccessLog:
    """Of one gateway. Is called with each WebSocket that has ended."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._left = BURST
        self._at = now()

    def __call__(self, connection: Connection, code: int) -> None:
        now = self._now()
        self._left = min(BURST, self._left + PER_SECOND * (now - self._at))
        self._at = now
        if self._left < 1.0:
            LEFT_OUT()
            return
        self._left -= 1.0
        tally, session = connection.tally, connection.session
        log.info(
            "connection ended",
            extra={
                "connection": connection.id,
                "user": session.user.id if isinstance(session, Session) else "",
                "address": connection.peer.address,
                "code": code,
                "seconds": round(now - tally.began, 3),
                "frames_in": tally.frames_in,
                "frames_out": tally.frames_out,
                "bytes_in": tally.bytes_in,
                "bytes_out": tally.bytes_out,
            },
        )
