"""The change feed, on its way to the rules of rooms that look at rows.

What a change means to a membership is decided in `core.rooms.guard`.
Invariant: when `changed` returns, no session is in a room whose rule ended with one of the changes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from tidegate.core.protocol import Protocol
from tidegate.core.rows.ports import Change, Store
from tidegate.gateway.effects import Effects

AWAY_S = 5.0
"""Seconds without a reading of the change log, after which no rule about rows is known to hold."""


class WatchedRooms:
    """True while a rule of a room needs the change feed."""

    def __init__(self, protocol: Protocol, effects: Effects, store: Store, clock: Callable[[], float]) -> None:
        """`clock`: seconds since the Unix epoch."""
        self._watches = protocol.watches
        self._guard = protocol.rooms.guard
        self._effects = effects
        self._store = store
        self._clock = clock

    def __bool__(self) -> bool:
        return bool(self._watches)

    def changed(self, changes: Sequence[Change], head: int) -> None:
        """These changes were committed, in this order; they are all up to `head`."""
        if self._watches:
            self._effects.run(self._guard.changed(changes, head, self._clock()))
        self._watches.seq = head

    def skipped(self, head: int) -> None:
        """The feed was paused: the changes up to `head` are not known here."""
        self._watches.seq = head

    def give_up(self, resources: Collection[str]) -> None:
        """The log may lack changes of `resources`."""
        self._effects.run(self._guard.lose(resources, self._clock()))

    def look(self) -> None:
        """End the memberships that depend on rows while changes of rows do not arrive."""
        away = self._store.lag > AWAY_S
        if away and not self._guard.away:
            self._effects.run(self._guard.lose(None, self._clock()))
        self._guard.away = away
