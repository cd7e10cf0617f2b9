"""Whether the token of a request proves who a client is, and how long a connection is believed.

Invariant: a token is believed for `CHECKED_S` at most, and for the requests of one connection alone.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from tidegate.core.errors import Refused
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.session import Session
from tidegate.gateway.token_checks import TokenChecks
from tidegate.transport import Exchange

CHECKED_S = 60.0
"""How long a connection's token counts as valid before it is looked at again."""
BEARER = "bearer "


class Known(msgspec.Struct, frozen=True):
    """A token that was valid."""

    authorization: str
    identity: VerifiedIdentity
    until: float

    def counts(self, tokens: TokenChecks, now: float) -> bool:
        """Whether the token still is valid, without another look at it."""
        return now < self.until and not tokens.revocations.refuses(self.identity.user.id, self.identity.proof)


def token_of(exchange: Exchange) -> str | None:
    """The token in the header `Authorization`; None where there is none."""
    authorization = exchange.head.headers.get("authorization", "")
    return authorization[7:].strip() if authorization[:7].lower() == BEARER else None


class Proofs:
    """Of one kind of request. `clock`: seconds since the Unix epoch."""

    def __init__(self, tokens: TokenChecks, kind: str, clock: Callable[[], float]) -> None:
        self._tokens = tokens
        self._kind = kind
        self._clock = clock

    def user(self, exchange: Exchange) -> str:
        """The id of the user that the token of a request names. Raises Refused(unauthenticated or rate_limited)."""
        authorization = exchange.head.headers.get("authorization", "")
        known: Known | None = exchange.kept.get(self._kind)
        if known is not None and known.authorization == authorization and known.counts(self._tokens, self._clock()):
            return known.identity.user.id
        token = token_of(exchange)
        if token is None:
            raise Refused("unauthenticated", "send the token of the session's user, or the `identity` of its welcome")
        address = exchange.peer.address if exchange.peer.limited else None
        asking = Session(exchange.id, None, self._tokens.anonymous(), address, outside=True)
        identity = self._tokens.authenticating(asking, token)
        until = min(self._clock() + CHECKED_S, identity.expires_at or float("inf"))
        exchange.kept[self._kind] = Known(authorization, identity, until)
        return identity.user.id
