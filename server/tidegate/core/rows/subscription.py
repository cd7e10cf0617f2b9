"""One subscription of one session, from the request on."""

from __future__ import annotations

from tidegate.core.effects import Ref
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.core.session import Session
from tidegate_protocol import FeedPosition


class Subscription:
    """One subscription of one session, from the request on."""

    __slots__ = ("answered", "ended", "group", "live", "refs", "session", "since", "snapshot")

    def __init__(self, session: Session, group: SubscriptionGroup, since: FeedPosition | None, snapshot: bool) -> None:
        self.session = session
        self.group = group
        self.since = since
        self.snapshot = snapshot
        self.live = False
        self.ended = False
        """Unsubscribed or disconnected: whoever is still replaying for it stops."""
        self.answered = False
        """The request that began it has its reply."""
        self.refs: list[Ref] = []
        """Equal requests that came while this one was replaying; they are answered once it is live."""
