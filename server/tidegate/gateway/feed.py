"""The change feed, on its way to live subscriptions.

What a change means to which subscription is decided in `core.rows`.
Invariant: when `changed` returns, everything up to its head is in the queues of the live subscribers.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from tidegate.core.protocol import Protocol
from tidegate.core.rows.ports import Change, Store
from tidegate.gateway.catch_up import CatchUpDriver
from tidegate.gateway.effects import Effects


class Feed:
    """What the store's change feed reports to, and the decision when it may pause."""

    def __init__(self, protocol: Protocol, catch_up: CatchUpDriver, effects: Effects) -> None:
        self._rows = protocol.rows
        self._catch_up = catch_up
        self._effects = effects

    def listen(self, store: Store) -> None:
        """Start the feed of `store`."""
        store.follow(self.changed, self.skipped)

    def changed(self, changes: Sequence[Change], head: int) -> None:
        """These changes were committed, in this order; they are all up to `head`."""
        self._effects.run(self._rows.dispatch(changes, head))
        self._catch_up.advanced()

    def skipped(self, head: int) -> None:
        """The feed was paused: the changes up to `head` are not known here."""
        self._rows.cursor.jump(head)
        self._catch_up.advanced()

    def give_up(self, resources: Collection[str]) -> None:
        """The log may lack changes of `resources`: their subscribers must not take their rows for up to date."""
        self._effects.run(self._rows.subscriptions.give_up(resources))

    def pause_if_unused(self) -> None:
        """Pause the feed while there is no subscription; to be called regularly."""
        if not self._rows.subscriptions.index:
            self._catch_up.pause()
