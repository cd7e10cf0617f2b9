"""The half of the protocol about rows: requests, subscriptions, and what a committed change means to clients.

It puts the parts together: `requests` reads messages, `subscriptions` keeps what sessions are subscribed to, `catch_up`
brings a subscription up to date, `dispatch` turns changes into pushes. It reads no database, and knows no rooms.
Invariant: a live subscription gets every change that is dispatched, once and in order.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.core.rows.dispatch import Dispatcher
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import Permissions, ResourceRules, Unrestricted
from tidegate.core.rows.requests import Requests
from tidegate.core.rows.subscriptions import Subscriptions


class Rows:
    """What one process knows about rows."""

    def __init__(
        self, resources: Mapping[str, ResourceRules], cursor: FeedCursor, subscriptions_per_session: int, page: int
    ) -> None:
        permissions = Permissions(resources)
        self._resources = resources
        self._page = page
        self.cursor = cursor
        self.subscriptions = Subscriptions(cursor, permissions, subscriptions_per_session)
        self.requests = Requests(permissions, self.subscriptions, page)
        self.dispatcher = Dispatcher(cursor, self.subscriptions)
        self.dispatch = self.dispatcher.dispatch

    def requests_once(self, *, unrestricted: bool = False) -> Requests:
        """For one `list`, `get`, `create`, `update` or `delete` of the application's code, in any thread.

        Nothing of it is remembered. `unrestricted`: no rule is asked.
        """
        permissions = Unrestricted(self._resources) if unrestricted else Permissions(self._resources)
        return Requests(permissions, self.subscriptions, self._page)

    def asks_application(self, resource: str) -> bool:
        """Whether a rule in the application's code says something about the rows of `resource`."""
        rules = self._resources.get(resource)
        return rules is not None and bool(rules.access.hooks)
