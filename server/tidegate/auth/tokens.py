"""Who a token proves to be: a user (`user_tokens`), or an anonymous client that comes back (`anonymous_tokens`).

The audience that a token claims decides which of the two checks it; each has keys of its kind, so that a wrong claim
ends in a wrong signature.
Invariant: a token of a user never names an anonymous id, nor one of the gateway's; an identity token always names an
anonymous one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt

from tidegate.auth.anonymous_tokens import AUDIENCE as IDENTITY_AUDIENCE
from tidegate.auth.anonymous_tokens import TTL_S as IDENTITY_TTL_S
from tidegate.auth.anonymous_tokens import AnonymousTokens
from tidegate.auth.claims import ANONYMOUS_PREFIX
from tidegate.auth.keys import FixedKeys, Key
from tidegate.auth.texts import ID_LIMIT
from tidegate.auth.user_tokens import USUAL, TokenRules, UserTokens
from tidegate.core.errors import Refused
from tidegate.core.identities import GivenIdentity, TokenRefused, VerifiedIdentity
from tidegate_protocol import Principal

__all__ = [
    "ALGORITHM", "ANONYMOUS_PREFIX", "IDENTITY_AUDIENCE", "IDENTITY_TTL_S", "ID_LIMIT", "TokenIdentities", "of_secret",
    "sign",
]  # fmt: skip

ALGORITHM = "HS256"
IDENTITY_MAX_AGE_S = 2_592_000.0


class TokenIdentities:
    """Checks and issues tokens for one gateway. Implements `core.identities.Identities`."""

    def __init__(
        self,
        users: UserTokens | None,
        identity_secret: str,
        clock: Callable[[], float] = time.time,
        *,
        identity_max_age: float = IDENTITY_MAX_AGE_S,
        anonymous: bool = True,
    ) -> None:
        """`users`: None where no tokens of users are taken. `clock`: seconds since the Unix epoch, and never behind the
        machine's. `anonymous`: whether clients without a token are let in.
        """
        self._lets_anonymous_in = anonymous
        self._users = users
        self._anonymous = AnonymousTokens(identity_secret, identity_max_age, clock)

    def use(self, users: UserTokens) -> None:
        """From now on these check the tokens of users. Those that were checked hold until their end."""
        self._users = users

    @property
    def lets_anonymous_in(self) -> bool:
        return self._lets_anonymous_in

    def anonymous(self) -> Principal:
        return self._anonymous.new()

    def identity(self, user: Principal, first: float | None, now: float) -> GivenIdentity | None:
        return self._anonymous.token(user, first, now)

    def check(self, token: str) -> VerifiedIdentity:
        if _is_identity(token):
            if not self._lets_anonymous_in:
                raise TokenRefused("anonymous", "this gateway lets no anonymous clients in")
            return self._anonymous.check(token)
        if self._users is None:
            raise Refused(
                "unauthenticated", "this gateway takes no tokens: set TIDEGATE_SECRET, or --dev for development"
            )
        return self._users.check(token)


def of_secret(
    secret: str | None, rules: TokenRules = USUAL, clock: Callable[[], float] = time.time
) -> UserTokens | None:
    """The tokens of users that are signed with `secret`; None without one."""
    return None if secret is None else UserTokens(FixedKeys([Key("HS256", secret.encode())]), rules, clock)


def sign(
    secret: str, user: str, name: str, roles: list[str], now: float, ttl: float, claims: Mapping[str, Any] = {}
) -> str:
    """A user token. `ttl` in seconds; `claims`: further claims that row rules may name."""
    own = {"sub": user, "name": name, "roles": roles, "iat": int(now), "exp": int(now + ttl)}
    return jwt.encode({**claims, **own}, secret, ALGORITHM)


def _is_identity(token: str) -> bool:
    """Whether the token claims, unproved, to be an identity."""
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        raise TokenRefused("malformed", "the token is no JWT") from None
    return claims.get("aud") == IDENTITY_AUDIENCE
