"""One subscription of one session: what it asked for, and how far it is.

Data only. `core.rows.catch_up` decides on every change of `state`; `core.rows.subscriptions` keeps the subscriptions.
Invariant: the request that began a subscription is unanswered exactly while `state` is WAITING.
"""

from __future__ import annotations

from enum import StrEnum

from tidegate.core.effects import Ref
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.core.session import Session
from tidegate_protocol import FeedPosition


class State(StrEnum):
    """How far a subscription is. `core.rows.catch_up` explains the states and the ways between them."""

    WAITING = "waiting"
    SNAPSHOT = "snapshot"
    RECOVERING = "recovering"
    LIVE = "live"
    ENDED = "ended"


class Subscription:
    """One subscription of one session, from the request to its end."""

    __slots__ = ("account", "at", "group", "refs", "session", "since", "snapshot", "state")

    def __init__(
        self,
        session: Session,
        group: SubscriptionGroup,
        since: FeedPosition | None,
        snapshot: bool,
        state: State = State.WAITING,
    ) -> None:
        self.session = session
        self.group = group
        self.since = since
        """The position from which the client wants to go on, if any."""
        self.snapshot = snapshot
        """Whether a client without `since` wants the rows, and not only changes from now on."""
        self.state = state
        self.account = ""
        """Who pays for its conditions."""
        self.at = 0
        """While RECOVERING: everything up to this seq is on its way to the client."""
        self.refs: list[Ref] = []
        """Requests to answer: while WAITING the one that began it, then equal ones that came during the catch-up."""
