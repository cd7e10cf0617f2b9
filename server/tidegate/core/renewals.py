"""The identities of anonymous clients: given with the greeting, and renewed while the client is connected.

A client that comes back within the life of its last token is the same user. So a token is renewed at half its life, and
with each `authenticate` that gives one back. It does not know what a token looks like.
Invariant: a connected client has a token with at least half of its life left, until its identity is too old.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.core.effects import Effect, Reply
from tidegate.core.identities import IDENTITY_LIFE_S, GivenIdentity, VerifiedIdentity
from tidegate.core.session import Session
from tidegate_protocol import Identity, Principal

GiveIdentity = Callable[[Principal, float | None, float], GivenIdentity | None]
"""`core.identities.Identities.identity`."""
RENEW_S = IDENTITY_LIFE_S / 2


class Renewals:
    """Of one gateway."""

    def __init__(self, give: GiveIdentity) -> None:
        self._give = give
        self._due: dict[Session, float] = {}
        """When each token is renewed. All wait equally long, so that the first one is due first."""

    def begin(self, session: Session, now: float) -> str | None:
        """The token for the anonymous user of `session`; None where its identity may not last longer."""
        given = self._give(session.user, session.proof.first_at, now)
        self._due.pop(session, None)
        if given is None:
            return None
        session.proof = given.proof
        self._due[session] = now + RENEW_S
        return given.token

    def of(self, session: Session, identity: VerifiedIdentity, now: float) -> str | None:
        """A token for the anonymous user that a session becomes; None for a user with a token."""
        self._due.pop(session, None)
        if not identity.user.anonymous:
            return None
        given = self._give(identity.user, identity.proof.first_at, now)
        if given is None:
            return None
        self._due[session] = now + RENEW_S
        return given.token

    def discard(self, session: Session) -> None:
        self._due.pop(session, None)

    def tick(self, now: float) -> list[Effect]:
        """The tokens that are due."""
        effects: list[Effect] = []
        while self._due:
            session, due = next(iter(self._due.items()))
            if due > now:
                break
            token = self.begin(session, now)
            if token is not None:
                effects.append(Reply(session, Identity(token=token)))
        return effects
