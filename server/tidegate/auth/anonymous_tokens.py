"""Identity tokens: with them an anonymous client stays the same user after a reconnect.

They are signed with a secret that the database keeps, and for another audience than tokens of users. A token is renewed
as long as its client is there, up to `longest` after the first one; all tokens of one identity have the same `jti`.
Invariant: an identity token always names an anonymous user, without roles.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import msgspec

from tidegate.auth.claims import ANONYMOUS_PREFIX
from tidegate.auth.texts import proper_name
from tidegate.core.identities import IDENTITY_LIFE_S, GivenIdentity, Proof, TokenRefused, VerifiedIdentity
from tidegate_protocol import Principal

AUDIENCE = "tidegate:identity"
TTL_S = IDENTITY_LIFE_S
ALGORITHM = "HS256"
FIRST = "first"
"""The claim that says when the identity began."""


class AnonymousTokens:
    """Of one database."""

    def __init__(self, secret: str, longest: float, clock: Callable[[], float]) -> None:
        """`longest`: seconds that an identity may last. `clock`: seconds since the Unix epoch."""
        self._secret = secret
        self._key = secret.encode()
        self._longest = longest
        self._clock = clock

    def new(self) -> Principal:
        """A new anonymous user, with a generated id and name."""
        name = secrets.token_hex(8)
        return Principal(id=ANONYMOUS_PREFIX + name, name=f"Guest {name[:4].upper()}", roles=[], anonymous=True)

    def token(self, user: Principal, first: float | None, now: float) -> GivenIdentity | None:
        """As `core.identities.Identities.identity`."""
        began = now if first is None else first
        end = min(int(now) + TTL_S, int(began + self._longest))
        if end <= now:
            return None
        token_id = user.id.removeprefix(ANONYMOUS_PREFIX)
        claims = {
            "sub": user.id,
            "name": user.name,
            "aud": AUDIENCE,
            "iat": int(now),
            "exp": end,
            "jti": token_id,
            FIRST: int(began),
        }
        # Every anonymous connection gets one, and the library needs ten times as long to write it.
        signed = _HEADER + b"." + _base64url(msgspec.json.encode(claims))
        token = (signed + b"." + _base64url(hmac.digest(self._key, signed, "sha256"))).decode()
        return GivenIdentity(token, Proof(int(now), token_id, int(began)))

    def check(self, token: str) -> VerifiedIdentity:
        """The identity that `token` proves. Raises TokenRefused."""
        options: Any = {"require": ["sub", "exp"], "verify_iat": False, "verify_exp": False, "verify_jti": False}
        try:
            claims = jwt.decode(token, self._secret, [ALGORITHM], audience=AUDIENCE, options=options)
            expires = float(claims["exp"])
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError):
            raise TokenRefused("signature", "the token is no identity that this gateway has given") from None
        if not expires > self._clock():
            raise TokenRefused("expired", "the token has expired")
        user_id, name = claims["sub"], claims.get("name")
        if not user_id.startswith(ANONYMOUS_PREFIX):
            raise TokenRefused("claim", "the token is not one for an anonymous id")
        first = _seconds(claims, FIRST)
        issued = _seconds(claims, "iat")
        if first is None:
            first = expires - TTL_S  # of an earlier version, which did not say it
        if first + self._longest <= self._clock():
            raise TokenRefused("life", "the anonymous identity is older than it may be (identity_max_age)")
        token_id = claims.get("jti")
        proof = Proof(issued, token_id if isinstance(token_id, str) else None, first)
        user = Principal(id=user_id, name=proper_name(name) if isinstance(name, str) else "", roles=[], anonymous=True)
        return VerifiedIdentity(user, None, proof=proof)


def _seconds(claims: Mapping[str, Any], name: str) -> float | None:
    found = claims.get(name)
    return float(found) if isinstance(found, int | float) else None


def _base64url(data: bytes) -> bytes:
    """Without padding (RFC 7515, appendix C)."""
    return urlsafe_b64encode(data).rstrip(b"=")


_HEADER = _base64url(msgspec.json.encode({"alg": ALGORITHM, "typ": "JWT"}))
