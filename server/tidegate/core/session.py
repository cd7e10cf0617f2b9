"""Who a client is. What it does in rooms and with rows is kept by `core.rooms` and `core.rows`.

Data only. Invariant: `user` and `claims` were verified together (`become`).
"""

from __future__ import annotations

from typing import Any

from tidegate.core.access.row_rules import Claims
from tidegate_protocol import Principal


class Session:
    """One client of the gateway, from its connection on."""

    __slots__ = ("claims", "expires_at", "id", "sink", "user")

    def __init__(self, session_id: str, sink: Any, user: Principal) -> None:
        self.id = session_id
        self.sink = sink
        """Where the client's frames go: opaque here, the connection in `transport`."""
        self.user = user
        self.claims: Claims = {}
        """What the user's token says beside the identity, by the claims' names."""
        self.expires_at: float | None = None
        """When the user's token expires, in seconds since the Unix epoch; None for a user without a token."""

    def become(self, user: Principal, claims: Claims) -> None:
        """The session is this user's from now on. The caller tells `core.rows` to recheck its subscriptions."""
        self.user = user
        self.claims = claims
