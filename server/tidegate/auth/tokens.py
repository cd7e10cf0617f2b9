"""Tokens: signs and checks JWTs (RFC 7519, HS256), for users and for anonymous clients.

There are two kinds. A USER token is signed with the configured secret. An IDENTITY token lets an anonymous client keep
its id after a reconnect; it is signed with a secret that the database keeps, and for another audience.
Invariant: a user token never names an anonymous id, nor one of the gateway's; an identity token always names an
anonymous one.
"""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

import jwt
import msgspec

from tidegate.core.errors import Refused
from tidegate.core.identities import RESERVED_PREFIX, Proof, VerifiedIdentity
from tidegate_protocol import Principal

ALGORITHM = "HS256"
ANONYMOUS_PREFIX = "anon-"
IDENTITY_AUDIENCE = "tidegate:identity"
IDENTITY_TTL_S = 3600
ID_LIMIT = 128
"""Characters in the id or the name of a user, at most."""
OF_THE_TOKEN = frozenset({"exp", "nbf", "iat", "jti"})
"""Claims that differ from token to token (RFC 7519, 4.1)."""


class TokenIdentities:
    """Checks and issues tokens for one gateway."""

    def __init__(self, user_secret: str | None, identity_secret: str, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since the Unix epoch, and never behind the machine's."""
        self._clock = clock
        self._user_secret = user_secret
        self._identity_secret = identity_secret
        self._identity_key = identity_secret.encode()

    def anonymous(self) -> Principal:
        """A new anonymous user, with a generated id and name."""
        name = secrets.token_hex(8)
        return Principal(id=ANONYMOUS_PREFIX + name, name=f"Guest {name[:4].upper()}", roles=[], anonymous=True)

    def identity_token(self, user: Principal, now: float) -> str:
        """A short-lived token with which the anonymous `user` can come back as the same user."""
        claims = {
            "sub": user.id,
            "name": user.name,
            "aud": IDENTITY_AUDIENCE,
            "iat": int(now),
            "exp": int(now) + IDENTITY_TTL_S,
            "jti": user.id.removeprefix(ANONYMOUS_PREFIX),
        }
        # Every anonymous connection gets one, and the library needs ten times as long to write it.
        signed = _HEADER + b"." + _base64url(msgspec.json.encode(claims))
        return (signed + b"." + _base64url(hmac.digest(self._identity_key, signed, "sha256"))).decode()

    def check(self, token: str) -> VerifiedIdentity:
        """The identity that `token` proves. Raises Refused(unauthenticated); its text never holds the token."""
        try:
            if _audience(token) == IDENTITY_AUDIENCE:
                claims = jwt.decode(
                    token,
                    self._identity_secret,
                    [ALGORITHM],
                    audience=IDENTITY_AUDIENCE,
                    options={"require": ["sub", "exp"]},
                )
                if not claims["sub"].startswith(ANONYMOUS_PREFIX):
                    raise Refused("unauthenticated", "the token is not one for an anonymous id", pointer="/token")
                self._check_end(claims)
                user = Principal(id=claims["sub"], name=str(claims.get("name", "")), roles=[], anonymous=True)
                return VerifiedIdentity(user, None, proof=_proof(claims))
            if self._user_secret is None:
                raise Refused(
                    "unauthenticated", "this gateway takes no tokens: set TIDEGATE_SECRET, or --dev for development"
                )
            claims = jwt.decode(
                token, self._user_secret, [ALGORITHM], options={"require": ["sub"], "verify_iat": False}
            )
            self._check_end(claims)
            return _user(claims)
        except jwt.ExpiredSignatureError:
            raise Refused("unauthenticated", "the token has expired", pointer="/token") from None
        except (jwt.InvalidTokenError, ValueError, OverflowError) as error:
            raise Refused(
                "unauthenticated", f"the token is not valid: {type(error).__name__}", pointer="/token"
            ) from None

    def _check_end(self, claims: Mapping[str, Any]) -> None:
        """The library has only the machine's clock."""
        if claims.get("exp") is not None and float(claims["exp"]) <= self._clock():
            raise jwt.ExpiredSignatureError


def sign(
    secret: str, user: str, name: str, roles: list[str], now: float, ttl: float, claims: Mapping[str, Any] = {}
) -> str:
    """A user token. `ttl` in seconds; `claims`: further claims that row rules may name."""
    own = {"sub": user, "name": name, "roles": roles, "iat": int(now), "exp": int(now + ttl)}
    return jwt.encode({**claims, **own}, secret, ALGORITHM)


def _base64url(data: bytes) -> bytes:
    """Without padding (RFC 7515, appendix C)."""
    return urlsafe_b64encode(data).rstrip(b"=")


_HEADER = _base64url(msgspec.json.encode({"alg": ALGORITHM, "typ": "JWT"}))


def _audience(token: str) -> Any:
    """The audience that the token claims, unproved: it only chooses the secret to check the token with."""
    return jwt.decode(token, options={"verify_signature": False}).get("aud")


def _user(claims: dict[str, Any]) -> VerifiedIdentity:
    identifier = claims["sub"]
    proper = 0 < len(identifier) <= ID_LIMIT and not identifier.startswith((ANONYMOUS_PREFIX, RESERVED_PREFIX))
    if not proper or _sendable(identifier) != identifier:
        raise Refused("unauthenticated", "the token's `sub` is not an id that a user may have", pointer="/token")
    named = claims.get("roles", claims.get("role"))
    roles = [_sendable(role) for role in (named if isinstance(named, list) else [named]) if isinstance(role, str)]
    name = claims.get("name")
    user = Principal(
        id=identifier,
        name=_sendable(name if isinstance(name, str) else identifier)[:ID_LIMIT],
        roles=roles,
        anonymous=False,
    )
    expires = claims.get("exp")
    return VerifiedIdentity(user, None if expires is None else float(expires), _lasting(claims), _proof(claims))


def _proof(claims: Mapping[str, Any]) -> Proof:
    issued, token_id = claims.get("iat"), claims.get("jti")
    return Proof(
        float(issued) if isinstance(issued, int | float) else None, token_id if isinstance(token_id, str) else None
    )


def _lasting(claims: dict[str, Any]) -> dict[str, Any]:
    """The claims about the user, without those about this token alone: a renewed token has the same."""
    return {name: value for name, value in claims.items() if name not in OF_THE_TOKEN}


def _sendable(text: str) -> str:
    """`text` without lone surrogates: JSON can express them and UTF-8 cannot, so they could not be sent."""
    return text.encode("utf-8", "replace").decode()
