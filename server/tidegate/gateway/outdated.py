"""Sends clients away when the database is no longer as the gateway opened it.

A manual migration, a restored backup or another schema changes the database under the gateway. Then no subscription is
kept up to date any more, and the store refuses requests of rows until the gateway is restarted. The clients come back
to another gateway, or to this one for its rooms. `/readyz` says 503 and why. Where only some resources lost their
triggers or their table, the connections that follow one of them are closed; the store refuses their subscriptions until
a migration mended it.
Invariant: no client keeps a subscription that began before the database changed.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.core.closes import DRAIN
from tidegate.core.rows.ports import Store
from tidegate.gateway.feed import Feed
from tidegate.gateway.sessions import SessionHandler


class Outdated:
    """Looks at the store; to be asked regularly."""

    def __init__(self, store: Store, handler: SessionHandler, feed: Feed, retry_after: Callable[[], float]) -> None:
        self._store = store
        self._handler = handler
        self._feed = feed
        self._retry_after = retry_after
        self._told = False
        self._incomplete: frozenset[str] = frozenset()

    def look(self) -> None:
        if self._store.outdated and not self._told:
            self._told = True
            self._handler.send_away(DRAIN, self._retry_after)
        now = frozenset(self._store.incomplete)
        if new := now - self._incomplete:
            self._feed.give_up(new)
        self._incomplete = now
