"""The times that the supervisor keeps to, in seconds."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.config import Settings

LATE_S = 3.0
"""A worker whose beat is so late gets no more connections: others accept from its sockets."""
RELOAD_DRAIN_S = 2.0
"""Over how long a worker sends its clients away at a reload, at least: they find another worker at once."""
STOP_S = 2.5
"""A worker that still runs this long after its drains and `graceful_stop` is killed: it ends earlier (`ending`)."""
HUB_STOP_S = 2.0
AWAY_S = 5.0
"""After a longer sleep than was asked for, the supervisor itself was suspended: beats that it missed do not count."""
AT_START_S, AT_START = 30.0, 5
"""A worker that dies `AT_START` times within `AT_START_S`, before all workers have served, ends the start."""
QUIET_S = 30.0
"""A death that is longer ago than this does not delay the next start."""
FIRST_WAIT_S, LONGEST_WAIT_S = 0.25, 10.0
"""How long a slot waits before it tries again: nothing at first, then this, then twice as long each time."""


class Times(NamedTuple):
    """The settings of times that the supervisor needs."""

    start: float
    """Within which a worker becomes ready."""
    frozen: float
    """Without a beat, after which a member is replaced."""
    drains: float
    """`drain_delay` and `drain` of a stop."""
    drain: float
    """Of a reload."""
    graceful: float

    @classmethod
    def of(cls, settings: Settings) -> Times:
        return cls(
            start=settings.worker_start,
            frozen=settings.worker_timeout,
            drains=settings.drain_delay + settings.drain,
            drain=max(settings.drain, RELOAD_DRAIN_S),
            graceful=settings.graceful_stop,
        )


def wait_after(deaths: list[float], now: float) -> float:
    """How long to wait after the last of `deaths`, the times at which members of one place died."""
    lately = sum(now - each < QUIET_S for each in deaths)
    return 0.0 if lately <= 1 else min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** (lately - 2))
