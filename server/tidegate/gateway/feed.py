"""The change feed, on its way to live subscriptions.

What a change means to which subscription is decided in `core.rows`. Changes that cost much to hold against all
subscriptions are dispatched in several turns of the event loop.
Invariant: when `changed` has returned None, or its future is done, everything up to its head is in the queues of the
live subscribers. Changes are dispatched in their order.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from tidegate.core.effects import Effect
from tidegate.core.protocol import Protocol
from tidegate.core.rows.ports import Change, Store
from tidegate.gateway.catch_up import CatchUpDriver
from tidegate.gateway.counts import GatewayCounts
from tidegate.gateway.effects import Effects
from tidegate.gateway.watched_rooms import WatchedRooms

SLICE_S = 0.004
"""Seconds of each turn of the event loop for costly changes."""


class Feed:
    """What the store's change feed reports to, and the decision when it may pause."""

    def __init__(
        self,
        protocol: Protocol,
        catch_up: CatchUpDriver,
        effects: Effects,
        watched: WatchedRooms,
        clock: Callable[[], float] = time.perf_counter,
        counts: GatewayCounts | None = None,
    ) -> None:
        self._counts = counts or GatewayCounts()
        self._watched = watched
        self._clock = clock
        self._steps: Iterator[list[Effect]] = iter(())
        """Of changes that are being dispatched."""
        self._done: asyncio.Future[None] | None = None
        self._rows = protocol.rows
        self._catch_up = catch_up
        self._effects = effects

    def listen(self, store: Store) -> None:
        """Start the feed of `store`."""
        store.follow(self.changed, self.skipped)

    def changed(self, changes: Sequence[Change], head: int) -> asyncio.Future[None] | None:
        """These changes were committed, in this order; they are all up to `head`. Returns None if they are dispatched,
        otherwise what is done as soon as they are.
        """
        self._finish()
        self._counts.changed(changes)
        self._watched.changed(changes, head)
        if self._rows.dispatcher.is_costly(changes):
            self._steps = self._rows.dispatcher.in_steps(changes, head)
            self._done = done = asyncio.get_running_loop().create_future()
            self._go_on(done)
            return done
        self._effects.run(self._rows.dispatch(changes, head))
        self._catch_up.advanced()
        return None

    def _go_on(self, done: asyncio.Future[None]) -> None:
        """Do as many steps as fit into one turn of the loop."""
        if done.done():
            return
        until = self._clock() + SLICE_S
        try:
            for effects in self._steps:
                self._effects.run(effects)
                if self._clock() >= until:
                    asyncio.get_running_loop().call_soon(self._go_on, done)
                    return
            self._catch_up.advanced()
        except Exception as error:  # the feed tells it, and goes on after these changes
            done.set_exception(error)
        else:
            done.set_result(None)

    def _finish(self) -> None:
        """A feed that did not wait: what is being dispatched comes first."""
        if self._done is not None and not self._done.done():
            for effects in self._steps:
                self._effects.run(effects)
            self._done.set_result(None)

    def skipped(self, head: int) -> None:
        """The feed was paused: the changes up to `head` are not known here."""
        self._finish()
        self._watched.skipped(head)
        self._rows.cursor.jump(head)
        self._catch_up.advanced()

    def give_up(self, resources: Collection[str]) -> None:
        """The log may lack changes of `resources`: their subscribers must not take their rows for up to date."""
        self._watched.give_up(resources)
        self._effects.run(self._rows.subscriptions.give_up(resources))

    def look(self) -> None:
        """Pause the feed while neither a subscription nor a rule of a room needs it; to be called regularly."""
        if not self._rows.subscriptions.index and not self._watched:
            self._catch_up.pause()
        self._watched.look()
