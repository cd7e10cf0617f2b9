"""Who a client is. What it does in rooms and with rows is kept by `core.rooms` and `core.rows`.

Data only. Invariant: `user` and `claims` were verified together (`become`), and `account` is that of `user`.
"""

from __future__ import annotations

from typing import Any

from tidegate.core.access.claims import NO_CLAIMS, Claims
from tidegate.core.budgets.payer import Payer
from tidegate.core.identities import NO_PROOF, Proof
from tidegate_protocol import Principal


class Session:
    """One client of the gateway, from its connection on."""

    __slots__ = (
        "account",
        "address",
        "claims",
        "expires_at",
        "id",
        "must_authenticate",
        "outside",
        "proof",
        "sink",
        "user",
    )

    def __init__(
        self, session_id: str, sink: Any, user: Principal, address: str | None = None, *, outside: bool = False
    ) -> None:
        """`address`: the client's network address, where limits by address apply to it; None elsewhere. `outside`: it
        is one request without a connection, so that it is in no room.
        """
        self.id = session_id
        self.sink = sink
        """Where the client's frames go: opaque here, the connection in `transport`."""
        self.user = user
        self.address = address
        self.outside = outside
        self.account = _account(user, address)
        """Who pays for the session's work and memory: its user, or the address of an anonymous user.

        An anonymous client whose address is not limited pays for itself.
        """
        self.claims = NO_CLAIMS
        """What the user's token says beside the identity, by the claims' names."""
        self.expires_at: float | None = None
        """When the user's token expires, in seconds since the Unix epoch; None for a user without a token."""
        self.proof: Proof = NO_PROOF
        """What is known of that token."""
        self.must_authenticate = False
        """Whether the client has no token yet, and may do nothing before it has one."""

    @property
    def payer(self) -> Payer:
        """Who pays for what this connection asks for now."""
        return Payer(self.account, self.id)

    def become(self, user: Principal, claims: Claims) -> None:
        """The session is this user's from now on. The caller tells `core.rows` to recheck its subscriptions."""
        if user is not self.user:
            self.user = user
            self.account = _account(user, self.address)
        self.claims = claims


def _account(user: Principal, address: str | None) -> str:
    return f"address {address}" if user.anonymous and address is not None else f"user {user.id}"
