"""Who a token says it is: the port to `auth`, and the value that crosses it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import msgspec

from tidegate_protocol import Principal


class VerifiedIdentity(msgspec.Struct, frozen=True):
    """A user, and when the proof of that ends (seconds since the Unix epoch; None for never)."""

    user: Principal
    expires_at: float | None
    claims: Mapping[str, Any] = {}
    """What else the proof says, by the claims' names: what row rules may ask for."""


class Identities(Protocol):
    """Who a token says it is."""

    def anonymous(self) -> Principal:
        """A new user nobody knows, with a generated id and name."""

    def identity_token(self, user: Principal, now: float) -> str:
        """A short-lived token with which the anonymous `user` can come back as itself."""

    def check(self, token: str) -> VerifiedIdentity:
        """Raises core.errors.Refused: unauthenticated."""
