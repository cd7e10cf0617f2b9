"""Whether an engine outside of this process can be reached, and for how long it could not.

It knows no connections. `clock`: seconds on a clock that only goes forward.
Invariant: a moment without a connection is no failure; `AWAY_S` without one is.
"""

from __future__ import annotations

from collections.abc import Callable

AWAY_S = 5.0
"""How long an engine may be away before the gateway is not ready any more."""
RETRY_S = 1.0
"""When a client may ask again that was refused because the engine is away."""


class Health:
    """Of the connection to one engine. It begins as there."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._away_since: float | None = None

    @property
    def away(self) -> bool:
        return self._away_since is not None

    @property
    def healthy(self) -> bool:
        return self._away_since is None or self._clock() - self._away_since < AWAY_S

    def lost(self, unanswered: float = 0.0) -> None:
        """The engine does not answer. To be called as often as that is seen.

        `unanswered`: for how many seconds something has waited for its answer.
        """
        if self._away_since is None:
            self._away_since = self._clock() - unanswered

    def back(self) -> None:
        """The engine answers again."""
        self._away_since = None
