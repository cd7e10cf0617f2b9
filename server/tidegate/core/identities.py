"""Identities: the port to `auth`, which proves them, and the value that crosses it.

It does not know what a token looks like.
"""

from __future__ import annotations

from typing import Literal, Protocol

import msgspec

from tidegate.core.access.claims import NO_CLAIMS, Claims
from tidegate.core.errors import Refused
from tidegate_protocol import Principal

Reason = Literal[
    "malformed", "algorithm", "key", "signature", "claim", "audience", "issuer", "expired", "early", "life", "revoked",
    "anonymous",
]  # fmt: skip
"""Why a token is refused, in a word, for the log."""

IDENTITY_LIFE_S = 3600
"""Seconds that the token of an anonymous client lasts."""
RESERVED_PREFIX = "tidegate:"
"""Ids that begin so are the gateway's: no token names one."""
APPLICATION = Principal(id=f"{RESERVED_PREFIX}application", name="Application", roles=[], anonymous=False)
"""In whose name the application's code sends and writes where it names no user."""


class Proof(msgspec.Struct, frozen=True, gc=False):
    """What is known of the token itself; a client without one has an empty proof."""

    issued_at: float | None = None
    """In seconds since the Unix epoch; None where the token does not say it."""
    token_id: str | None = None
    """The token's `jti`."""
    first_at: float | None = None
    """When the identity of an anonymous user began; None for a user, and for one that begins now."""


NO_PROOF = Proof()


class VerifiedIdentity(msgspec.Struct, frozen=True):
    """A user whose token was checked."""

    user: Principal
    expires_at: float | None
    """When the token ends, in seconds since the Unix epoch; None for one that does not end."""
    claims: Claims = msgspec.field(default_factory=lambda: NO_CLAIMS)
    """The token's other claims by name: row rules may name them."""
    proof: Proof = NO_PROOF


class GivenIdentity(msgspec.Struct, frozen=True):
    """What an anonymous client gets, so that it can come back as the same user."""

    token: str
    proof: Proof


class TokenRefused(Refused):
    """A token proves nothing. No text of it holds a part of the token."""

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__("unauthenticated", text, pointer="/token")
        self.reason: Reason = reason


class Identities(Protocol):
    """Checks tokens and makes anonymous users."""

    @property
    def lets_anonymous_in(self) -> bool:
        """Whether clients without a token may do what `x-access` allows them."""

    def anonymous(self) -> Principal:
        """A new user with a generated id and name, for a client without a token."""

    def identity(self, user: Principal, first: float | None, now: float) -> GivenIdentity | None:
        """A token with which the anonymous `user` can come back as the same user; None where its identity has lasted as
        long as it may.

        `now`, and `first`, when the identity began (None: now): seconds since the Unix epoch.
        """

    def check(self, token: str) -> VerifiedIdentity:
        """The identity that `token` proves. Raises core.errors.Refused: unauthenticated, or unavailable while the
        keys are not known.
        """
