"""Who this client is: its token, the identity of an anonymous user, and the user that the gateway named.

An anonymous client gives the identity token of its first `welcome` back on later connections, so that it stays the same
user. It sends nothing itself. Invariant: each step returns whether the client is now another user or has other roles,
because it may then see other rows.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from .models import User
from .options import Token
from .wire import read_as

__all__ = ["Identity"]


class Identity:
    """The token, the identity and the user of one client."""

    def __init__(self, token: Token) -> None:
        self.user: User | None = None
        self._token = token
        self._anonymous_token: str | None = None

    async def bearer(self) -> str | None:
        """The token for the next opening handshake; a token function gives a fresh one."""
        token = self._token
        if not callable(token):
            return token
        fresh = token()
        return await fresh if inspect.isawaitable(fresh) else fresh

    def to_give_back(self, welcome: Mapping[str, Any]) -> str | None:
        """The identity token to authenticate with, if the gateway took this client for a new anonymous user."""
        return self._anonymous_token if _user(welcome).anonymous else None

    def welcomed(self, welcome: Mapping[str, Any]) -> bool:
        """The client is who `welcome` says."""
        self._anonymous_token = welcome.get("identity")
        return self._become(_user(welcome))

    def given_back(self, reply: Mapping[str, Any]) -> bool:
        """The gateway took the identity token."""
        self._anonymous_token = reply.get("identity") or self._anonymous_token
        return self._become(_user(reply))

    def authenticated(self, token: str, reply: Mapping[str, Any]) -> bool:
        """The gateway took a token of the program; it stands for this client from now on."""
        changed = self._become(_user(reply))
        self._token = token
        self._anonymous_token = None
        return changed

    def _become(self, user: User) -> bool:
        known, self.user = self.user, user
        return known is not None and (known.id, known.roles) != (user.id, user.roles)


def _user(message: Mapping[str, Any]) -> User:
    return read_as(message["user"], User)
