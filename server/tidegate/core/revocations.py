"""Which tokens count no more although they have not ended: those of a user until a moment, or those of one id (`jti`).

A revocation is kept as long as a token that it refuses may last. What a token looks like is not known here.
Invariant: there are at most `LIMIT` revocations, and none is forgotten before its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec

from tidegate.core.errors import Refused
from tidegate.core.identities import Proof, TokenRefused

LIMIT = 10_000
LONGEST_S = 2_592_000.0
"""30 days."""
ID_LIMIT = 256
"""Characters in the id of a user or of a token, at most."""

Kind = Literal["user", "token"]


class Revocation(msgspec.Struct, frozen=True, array_like=True):
    """Times in seconds since the Unix epoch."""

    kind: Kind
    name: str
    """The id of the user, or of the token."""
    at: float
    """Tokens of the user that were issued later are good."""
    until: float
    """No token that it refuses lasts longer."""

    def refuses(self, user: str, proof: Proof) -> bool:
        """Whether the token with which `user` proved its identity counts no more."""
        if self.kind == "token":
            return proof.token_id == self.name
        return user == self.name and (proof.issued_at is None or proof.issued_at <= self.at)


class RevocationLog(Protocol):
    """Keeps revocations for all gateways, and beyond a restart."""

    async def add(self, revocation: Revocation) -> None:
        """Keep it. Raises Refused(unavailable or limit_reached)."""

    async def newer(self) -> Sequence[Revocation]:
        """All that are kept, where something was added since the last call; otherwise none.

        Raises Refused(unavailable).
        """

    def close(self) -> None:
        """Let go of everything."""


class Revocations:
    """Those of one gateway."""

    def __init__(self, longest: float = LONGEST_S) -> None:
        """`longest`: the seconds that a token may last."""
        self.longest = longest
        self._kept: dict[tuple[Kind, str], Revocation] = {}

    def __len__(self) -> int:
        return len(self._kept)

    def check(self, user: str, proof: Proof) -> None:
        """Raises TokenRefused where the token was revoked."""
        if self._kept and self.refuses(user, proof):
            raise TokenRefused("revoked", "the token was revoked")

    def refuses(self, user: str, proof: Proof) -> bool:
        """Whether the token with which `user` proved its identity was revoked."""
        found = self._kept.get(("user", user))
        if found is not None and found.refuses(user, proof):
            return True
        return proof.token_id is not None and ("token", proof.token_id) in self._kept

    def moment(self, until: float | None, now: float, *, of_user: bool) -> float:
        """Up to which time of issue tokens are refused. Raises Refused(invalid_message).

        A longer time to come than a token lasts would lock a user out for good, which the login server has to do.
        """
        if until is None:
            return now
        if not of_user:
            raise Refused("invalid_message", "until: goes with a user; one token is refused until it ends")
        if until > now + self.longest:
            days = self.longest / 86_400
            raise Refused("invalid_message", f"until: must be at most {days:g} days (token_life) from now")
        return until

    def check_room(self, revocation: Revocation, now: float) -> None:
        """Raises Refused(limit_reached) where there are too many already."""
        if (revocation.kind, revocation.name) in self._kept or len(self._kept) < LIMIT:
            return
        self.forget_ended(now)
        if len(self._kept) >= LIMIT:
            raise Refused("limit_reached", f"{LIMIT:,} revocations are kept, and none of them has ended")

    def add(self, revocation: Revocation) -> None:
        """Of two for one user, or for one token, the later end and the later moment count."""
        key = revocation.kind, revocation.name
        before = self._kept.get(key)
        if before is not None:
            later = max(before.at, revocation.at), max(before.until, revocation.until)
            revocation = Revocation(*key, *later)
        elif len(self._kept) >= LIMIT:
            return
        self._kept[key] = revocation

    def forget_ended(self, now: float) -> None:
        for key in [key for key, kept in self._kept.items() if kept.until <= now]:
            del self._kept[key]
