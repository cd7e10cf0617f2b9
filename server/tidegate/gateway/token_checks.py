"""Checks the tokens of clients, but not of those who sent too many that were not valid.

Guesses are counted by address until a client signs in, and by user afterwards: a client that is signed in can renew
its token whatever others of its address send. It does not know what a token looks like; no token is in the log.
Invariant: where limits by address do not apply, every token is looked at.
"""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable
from typing import get_args

from tidegate.core.budgets.addresses import Addresses
from tidegate.core.errors import Refused
from tidegate.core.identities import Identities, Reason, TokenRefused, VerifiedIdentity
from tidegate.core.revocations import Revocations
from tidegate.core.session import Session
from tidegate.counted import Counted
from tidegate_protocol import Principal

log = logging.getLogger("tidegate.door")
TEXT = "a token was refused (REASON), of connection %s from %s: %s"
REFUSED = {
    reason: Counted(log, logging.INFO, TEXT.replace("REASON", reason), name="token_refused")
    for reason in (*get_args(Reason), "keys")
}
"""A line and a count for each reason, so that many wrong signatures do not hide that the setting `audience` is wrong.
`keys`: they are not known at the moment, or there are none.
"""
IGNORED = Counted(
    log,
    logging.WARNING,
    "%s sent too many tokens that are not valid: those of `authenticate` are refused (token_attempts)",
    name="token_ignored",
)


class TokenChecks:
    """Those of one gateway. `addresses`: None for no limit. `now`: a clock that only ever goes forward."""

    def __init__(
        self,
        identities: Identities,
        addresses: Addresses | None = None,
        now: Callable[[], float] = time.monotonic,
        revocations: Revocations | None = None,
    ) -> None:
        self.revocations = revocations or Revocations()
        self._identities = identities
        self._addresses = addresses
        self._now = now

    @property
    def let_anonymous_in(self) -> bool:
        """Whether a client without a token may do anything but authenticate."""
        return self._identities.lets_anonymous_in

    def anonymous(self) -> Principal:
        """A new user for a client without a token."""
        return self._identities.anonymous()

    def connecting(self, session: Session, token: str) -> VerifiedIdentity:
        """The identity that the token of a handshake proves; whether it is looked at was decided before.

        Raises Refused(unauthenticated), or unavailable while the keys are not known.
        """
        try:
            identity = self._identities.check(token)
            self.revocations.check(identity.user.id, identity.proof)
        except Refused as refused:
            line = REFUSED[refused.reason if isinstance(refused, TokenRefused) else "keys"]
            line(session.id, session.address or "an address without limits", refused.message)
            guessed = refused.code == "unauthenticated"
            if guessed and self._addresses is not None and (account := _account(session)) is not None:
                self._addresses.token_refused(account, self._now())
            raise
        return identity

    def authenticating(self, session: Session, token: str) -> VerifiedIdentity:
        """The identity that the token of an `authenticate` proves. Raises Refused(unauthenticated or rate_limited)."""
        account = _account(session)
        if self._addresses is not None and account is not None:
            wait = self._addresses.token_wait(account, self._now())
            if wait:
                IGNORED(account)
                raise Refused(
                    "rate_limited", "too many tokens that are not valid were sent", retry_after=float(math.ceil(wait))
                )
        return self.connecting(session, token)


def _account(session: Session) -> str | None:
    """Whose guesses those of `session` are; None for a client that is not limited."""
    if session.address is None or session.user.anonymous:
        return session.address
    return session.account
