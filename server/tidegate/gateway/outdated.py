"""Sends the clients away once when the database is no longer the one that the gateway opened.

A manual migration, a restored backup or another schema changes the database under the gateway. Then no subscription is
kept up to date any more, and the store refuses requests of rows until the gateway is restarted. The clients come back
to another gateway, or to this one for its rooms. `/readyz` says 503 and why.
Invariant: no client keeps a subscription of before.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.core.closes import DRAIN
from tidegate.core.rows.ports import Store
from tidegate.gateway.sessions import SessionHandler


class Outdated:
    """Looks at the store; to be asked regularly."""

    def __init__(self, store: Store, handler: SessionHandler, retry_after: Callable[[], float]) -> None:
        self._store = store
        self._handler = handler
        self._retry_after = retry_after
        self._told = False

    def look(self) -> None:
        if self._store.outdated and not self._told:
            self._told = True
            self._handler.send_away(DRAIN, self._retry_after)
