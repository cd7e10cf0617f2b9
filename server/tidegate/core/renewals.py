"""The identities of anonymous clients: given with the greeting, and renewed while the client is connected.

A client that comes back within the life of its last token is the same user. So a token is renewed at half its life, and
with each `authenticate` that gives one back. It does not know what a token looks like.
Invariant: a connected client has a token with at least half of its life left, until its identity is too old.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.core.effects import Effect, Reply
from tidegate.core.identities import IDENTITY_LIFE_S, GivenIdentity, Proof, VerifiedIdentity
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
        given = self._given(session, session.user, session.proof, now)
        if given is None:
            return None
        session.proof = given.proof
        return given.token

    def of(self, session: Session, identity: VerifiedIdentity, now: float) -> str | None:
        """A token for the anonymous user that a session becomes; None for a user with a token."""
        if not identity.user.anonymous:
            self.discard(session)
            return None
        given = self._given(session, identity.user, identity.proof, now)
        return None if given is None else given.token

    def discard(self, session: Session) -> None:
        self._due.pop(session, None)

    def _given(self, session: Session, user: Principal, proof: Proof, now: float) -> GivenIdentity | None:
        """A token for `user`, which is renewed later; None where its identity may not last longer."""
        self._due.pop(session, None)
        given = self._give(user, proof.first_at, now)
        if given is not None:
            self._due[session] = now + RENEW_S
        return given

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
