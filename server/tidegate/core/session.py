"""The protocol state of one client: who it is, the rooms it is in, the subscriptions it has.

A session is only data with a few questions; the rules that change it are in `talk`, `live` and `protocol`.
Invariant: `replaying` counts the subscriptions that are not live yet; while it is above 0 the client is told no feed
position, for it could not have everything up to there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tidegate.core.access.row_rules import Claims
from tidegate.core.filters.tree import Filter
from tidegate_protocol import Principal

if TYPE_CHECKING:
    from tidegate.core.rows.subscription import Subscription


class Session:
    """`sink` is where its frames go: opaque here, the connection in `transport`."""

    __slots__ = ("claims", "expires_at", "id", "permissions", "replaying", "sink", "user", "watching")

    def __init__(self, session_id: str, sink: Any, user: Principal) -> None:
        self.id = session_id
        self.sink = sink
        self.user = user
        self.claims: Claims = {}
        """What the user's token says beside who it is, by the claims' names."""
        self.permissions: dict[tuple[str, str], Filter] = {}
        """What is known already of the rows with which the user may do something, by resource and action."""
        self.expires_at: float | None = None
        """When the user's token ends, in seconds since the Unix epoch; None for a user without one."""
        self.watching: dict[str, Subscription] = {}
        self.replaying = 0

    def become(self, user: Principal, claims: Claims) -> None:
        """From here on the session is this user's."""
        self.user = user
        self.claims = claims
        self.permissions.clear()
