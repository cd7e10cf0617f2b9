"""The clients that have not authenticated and have to, where no anonymous clients are let in.

Such a client is greeted, so that it can send `authenticate`. It may do nothing else, and not for long.
Invariant: a session that must authenticate is in no room and reads nothing; it ends at its deadline.
"""

from __future__ import annotations

import msgspec

from tidegate.core.closes import UNAUTHENTICATED
from tidegate.core.effects import Close, Effect, Reply
from tidegate.core.errors import Refused
from tidegate.core.session import Session
from tidegate_protocol import AuthenticateRequest, Goodbye, PingRequest

ALLOWED = (AuthenticateRequest, PingRequest)
FIRST = "authenticate first: this gateway lets no anonymous clients in"
TOO_LATE = "no valid token came in time"


class AuthenticationDeadlines:
    """Of one gateway."""

    def __init__(self, within: float | None) -> None:
        """`within`: the seconds that a client has; None where anonymous clients are let in."""
        self._within = within
        self._deadlines: dict[Session, float] = {}
        """The client that connected first comes first, because all have the same time."""

    def begin(self, session: Session, now: float) -> bool:
        """Let the time of an anonymous client run. False where it does not have to authenticate."""
        if self._within is None:
            return False
        session.must_authenticate = True
        self._deadlines[session] = now + self._within
        return True

    def discard(self, session: Session) -> None:
        """The session has authenticated, or ended."""
        session.must_authenticate = False
        self._deadlines.pop(session, None)

    def tick(self, now: float) -> list[Effect]:
        """The end of each session whose time is over."""
        effects: list[Effect] = []
        while self._deadlines:
            session, deadline = next(iter(self._deadlines.items()))
            if deadline > now:
                break
            del self._deadlines[session]
            goodbye = Goodbye(code=UNAUTHENTICATED, reason=TOO_LATE, retry_after=0)
            effects += [Reply(session, goodbye), Close(session, UNAUTHENTICATED, TOO_LATE)]
        return effects


def check(session: Session, request: msgspec.Struct) -> None:
    """Raises Refused where the client has to authenticate before it sends this."""
    if session.must_authenticate and not isinstance(request, ALLOWED):
        raise Refused("unauthenticated", FIRST)
