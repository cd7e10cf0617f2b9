"""The connected sessions by their users.

Most users have one session: a dict for each of them would take 200 bytes more.
"""

from __future__ import annotations

from collections.abc import Collection

from tidegate.core.session import Session


class Users:
    """A user without a session is not here."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session | dict[Session, None]] = {}
        """By the user's id: its only session, or all of them."""

    def sessions(self, user: str) -> Collection[Session]:
        """The sessions of `user`, in the order in which they were added."""
        found = self._sessions.get(user)
        if found is None:
            return ()
        return (found,) if isinstance(found, Session) else found.keys()

    def add(self, user: str, session: Session) -> None:
        found = self._sessions.get(user)
        if found is None or found is session:
            self._sessions[user] = session
        elif isinstance(found, Session):
            self._sessions[user] = {found: None, session: None}
        else:
            found[session] = None

    def discard(self, user: str, session: Session) -> None:
        """`session` is not one of `user` from now on, if it was."""
        found = self._sessions.get(user)
        if found is session:
            del self._sessions[user]
        elif isinstance(found, dict):
            found.pop(session, None)
            if len(found) == 1:
                (self._sessions[user],) = found
