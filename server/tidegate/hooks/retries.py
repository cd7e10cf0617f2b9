"""When a message that was not taken is sent again, and when no more.

Invariant: a message is tried `TRIES` times over about three days, and its receiver is asked again at the latest then.
"""

from __future__ import annotations

DELAYS_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 3600.0, 10800.0, 21600.0, 43200.0, 86400.0, 86400.0)
"""Seconds after each try until the next one."""
TRIES = len(DELAYS_S) + 1
SPREAD = 0.2
"""A delay is longer or shorter by up to this share, so that messages that failed together do not come together."""
LONGEST_ASKED_S = 3600.0
"""The longest delay that a receiver can ask for with `Retry-After`."""


def delay(tries: int, chance: float, asked: float | None = None) -> float | None:
    """Seconds until the next try after `tries` of them; None where there is none. `chance`: from 0 to 1.

    `asked`: the seconds of the receiver's `Retry-After`.
    """
    if tries >= TRIES:
        return None
    usual = DELAYS_S[tries - 1] * (1 + SPREAD * (2 * chance - 1))
    return max(usual, min(asked, LONGEST_ASKED_S)) if asked is not None else usual
