"""Checks the tokens of users: JWTs (RFC 7519) that a login server, or `tidegate token`, has signed.

PyJWT checks the signature, with one key and the algorithm that the key is for. Everything else a token claims about
itself is checked here, by the gateway's clock.
Invariant: a token that is accepted ends, was signed with a key of the settings, and is for this gateway.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
import msgspec

from tidegate.auth import claims as claiming
from tidegate.auth.claims import Places
from tidegate.auth.keys import Key, Keys
from tidegate.core.identities import Proof, TokenRefused, VerifiedIdentity
from tidegate.core.revocations import ID_LIMIT, LONGEST_S

AHEAD_S = 60.0
"""How far the clock of the signer may be ahead in `iat`, which says nothing about whether the token is good."""
ALGORITHMS = ("HS256", "RS256", "ES256", "EdDSA")
SIGNATURES = jwt.PyJWS()


class TokenRules(msgspec.Struct, frozen=True):
    """What a token has to claim. Times in seconds."""

    audience: tuple[str, ...] = ()
    """A token is for one of these; without any, for none."""
    issuer: tuple[str, ...] = ()
    """A token is of one of these; without any, of any."""
    leeway: float = 0.0
    """How far the clock of the signer may be from this one."""
    longest: float = LONGEST_S
    """How far away the end of a token may be."""
    places: Places = Places()


USUAL = TokenRules()


class UserTokens:
    """Of one gateway."""

    def __init__(self, keys: Keys, rules: TokenRules = USUAL, clock: Callable[[], float] = time.time) -> None:
        """`clock`: seconds since the Unix epoch."""
        self._keys = keys
        self._rules = rules
        self._clock = clock

    def check(self, token: str) -> VerifiedIdentity:
        """The identity that `token` proves. Raises TokenRefused, and Refused(unavailable) where keys are not known."""
        claims = self._signed(token)
        proof = Proof(_time(claims, "iat"), _token_id(claims))
        expires_at = self._check_times(claims, proof)
        self._check_audience(claims)
        if self._rules.issuer and claims.get("iss") not in self._rules.issuer:
            raise TokenRefused("issuer", "the token is not of the issuer that this gateway trusts (`iss`)")
        return claiming.identity(claims, self._rules.places, expires_at, proof)

    def _signed(self, token: str) -> dict[str, Any]:
        """The claims of a token whose signature is right."""
        header = _header(token)
        algorithm, key_id = header.get("alg"), header.get("kid")
        if algorithm not in ALGORITHMS:
            raise TokenRefused("algorithm", "the token is signed with no algorithm that this gateway takes")
        keys = self._keys.of(algorithm, key_id)
        if not keys:
            raise TokenRefused("key", "the token is signed with a key that this gateway does not have")
        payload = _payload(token, keys)
        try:
            claims = json.loads(payload)
        except (ValueError, RecursionError):
            raise TokenRefused("malformed", "the token's claims are not JSON") from None
        if not isinstance(claims, dict):
            raise TokenRefused("malformed", "the token's claims are no object")
        return claims

    def _check_times(self, claims: Mapping[str, Any], proof: Proof) -> float:
        """When the token ends."""
        now, leeway = self._clock(), self._rules.leeway
        expires = _time(claims, "exp")
        if expires is None:
            raise TokenRefused("claim", "the token does not say when it ends (`exp`)")
        if expires + leeway <= now:
            raise TokenRefused("expired", "the token has expired")
        if expires > now + leeway + self._rules.longest:
            raise TokenRefused("life", "the token ends later than a token may (setting `token_life`)")
        begins = _time(claims, "nbf")
        if begins is not None and begins > now + leeway:
            raise TokenRefused("early", "the token is not valid yet (`nbf`)")
        if proof.issued_at is not None and proof.issued_at > now + leeway + AHEAD_S:
            raise TokenRefused("early", "the token was issued in the future (`iat`)")
        return expires + leeway

    def _check_audience(self, claims: Mapping[str, Any]) -> None:
        place = self._rules.places.audience
        found = claiming.value(claims, place)
        if not self._rules.audience:
            if found is not None:
                text = "the token is for an audience (`aud`), and this gateway has none: setting `audience`"
                raise TokenRefused("audience", text)
            return
        named = found if isinstance(found, list) else [found]
        if not any(name in self._rules.audience for name in named if isinstance(name, str)):
            raise TokenRefused("audience", "the token is not for this gateway's audience (`aud`)")


def _header(token: str) -> Mapping[str, Any]:
    try:
        return SIGNATURES.get_unverified_header(token)
    except (jwt.InvalidTokenError, ValueError):
        raise TokenRefused("malformed", "the token is no JWT") from None


def _payload(token: str, keys: Sequence[Key]) -> bytes:
    """What one of `keys` has signed."""
    for key in keys:
        try:
            payload: bytes = SIGNATURES.decode(token, key.material, [key.algorithm])
        except jwt.InvalidSignatureError:
            continue
        except (jwt.PyJWTError, ValueError, TypeError):
            raise TokenRefused("malformed", "the token is no JWT that can be checked") from None
        return payload
    raise TokenRefused("signature", "the signature of the token is wrong")


def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """Seconds since the Unix epoch; None where the token does not have the claim."""
    if name not in claims:
        return None
    found = claims[name]
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise TokenRefused("claim", f"the claim `{name}` is no time")
    try:
        seconds = float(found)
    except OverflowError:
        seconds = math.inf
    if not math.isfinite(seconds):
        raise TokenRefused("claim", f"the claim `{name}` is no time")
    return seconds


def _token_id(claims: Mapping[str, Any]) -> str | None:
    found = claims.get("jti")
    if found is None:
        return None
    if not isinstance(found, str) or len(found) > ID_LIMIT:
        raise TokenRefused("claim", f"the claim `jti` is no text of at most {ID_LIMIT} characters")
    return found
