"""Who this client is: its token, the identity of an anonymous user, and the user that the gateway named.

An anonymous client gives the identity token of an earlier `welcome` back on later connections, so that it stays the
same user. It sends nothing itself. Invariants: each step returns whether the client is now another user or has other
roles, because it may then see other rows. Neither a token nor an identity is in an error or in the log.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import re
from collections.abc import Mapping
from typing import Any

from .backoff import Ending
from .connection import ConnectionFailed
from .models import User
from .options import Token, bearer
from .wire import read_as

__all__ = ["Identity"]

logger = logging.getLogger("tidegate_client")

_JWT = re.compile(r"eyJ[\w-]+\.[\w.-]*")


class Identity:
    """The token, the identity and the user of one client. `anonymous`: an identity from an earlier run, or None."""

    def __init__(self, token: Token, anonymous: str | None) -> None:
        self.user = User(id="", anonymous=True)
        """The user that the gateway takes this client for; without an id before the first welcome."""
        self.anonymous = (anonymous or "").strip() or None
        """The identity token of an anonymous user; None if the client has a token."""
        self._token = token
        self._last: str | None = None

    @property
    def fresh_tokens(self) -> bool:
        """Whether the program gives another token for each connection, and has given one."""
        return callable(self._token) and bool(self._last)

    async def bearer(self, within: float) -> str | None:
        """The token for the next opening handshake; a token function gives a fresh one. ConnectionFailed without."""
        deadline: asyncio.Timeout | None = None
        try:
            token: Any = self._token
            if callable(token):
                token = token()
                if inspect.isawaitable(token):
                    async with asyncio.timeout(within) as deadline:
                        token = await token
            self._last = None if token is None else bearer(token)
        except Exception as error:  # the program's function may raise anything; the next attempt may succeed
            reason = f"the token function failed: {self._without_secrets(repr(error))}"
            if isinstance(error, TimeoutError) and deadline is not None and deadline.expired():
                reason = f"the token function gave no token within {within:g} s"
            logger.warning("%s", reason)
            raise ConnectionFailed(Ending(reason)) from None
        return self._last

    def to_give_back(self, welcome: Mapping[str, Any]) -> str | None:
        """The identity token to authenticate with, if the gateway took this client for a new anonymous user."""
        return self.anonymous if _user(welcome).anonymous else None

    def welcomed(self, welcome: Mapping[str, Any]) -> bool:
        """The client is who `welcome` says."""
        user, self.anonymous = _user(welcome), None
        self.renewed(welcome.get("identity"))
        return self._become(user)

    def given_back(self, reply: Mapping[str, Any]) -> bool:
        """The gateway took the identity token."""
        self.renewed(reply.get("identity"))
        return self._become(_user(reply))

    def renewed(self, token: Any) -> None:
        """The gateway gave the anonymous user a fresh identity token."""
        if isinstance(token, str) and token:
            self.anonymous = token

    def authenticated(self, token: str, reply: Mapping[str, Any]) -> bool:
        """The gateway took a token of the program. It is for later connections too, unless a function gives those."""
        changed = self._become(_user(reply))
        if _user(reply).anonymous:
            self.anonymous = token
            self.renewed(reply.get("identity"))
            return changed
        self.anonymous = None
        if not callable(self._token):
            self._token = token
        return changed

    def _without_secrets(self, text: str) -> str:
        """`text`, such as an error of the program's token function, without tokens in it."""
        for secret in (self._last, self.anonymous):
            text = text.replace(secret, "...") if secret else text
        return _JWT.sub("...", text)

    def _become(self, user: User) -> bool:
        known, self.user = self.user, user
        return known.id != "" and (known.id, known.roles) != (user.id, user.roles)


def _user(message: Mapping[str, Any]) -> User:
    return read_as(message["user"], User)
