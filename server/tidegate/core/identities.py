"""Identities: the port to `auth`, which proves them, and the value that crosses it.

It does not know what a token looks like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from tidegate_protocol import Principal

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


NO_PROOF = Proof()


class VerifiedIdentity(msgspec.Struct, frozen=True):
    """A user whose token was checked."""

    user: Principal
    expires_at: float | None
    """When the token ends, in seconds since the Unix epoch; None for one that does not end."""
    claims: Mapping[str, Any] = {}
    """The token's other claims by name: row rules may name them."""
    proof: Proof = NO_PROOF


class Identities(Protocol):
    """Checks tokens and makes anonymous users."""

    def anonymous(self) -> Principal:
        """A new user with a generated id and name, for a client without a token."""

    def identity_token(self, user: Principal, now: float) -> str:
        """A short-lived token with which the anonymous `user` can come back as the same user.

        `now`: seconds since the Unix epoch.
        """

    def check(self, token: str) -> VerifiedIdentity:
        """The identity that `token` proves. Raises core.errors.Refused: unauthenticated."""
