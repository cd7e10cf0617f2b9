"""What a test holds of its gateway: where it is, clients of it, and its time.

Invariant: every method may be called in any thread but the gateway's own.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

import tidegate_client
import tidegate_client.sync
from tidegate.auth import tokens
from tidegate.testing.clock import ShiftedClock
from tidegate.testing.serving import Serving
from tidegate_client.connecting import Connecting

TOKEN_S = 3600.0


class TestingGateway:
    """A gateway under test. `running` makes it."""

    __test__ = False  # pytest: this is no test

    def __init__(
        self,
        serving: Serving,
        loop: asyncio.AbstractEventLoop,
        clock: ShiftedClock,
        database: str,
        secret: str,
        token_life: float,
    ) -> None:
        self.database = database
        """The URL of its database."""
        self._serving = serving
        self._loop = loop
        self._clock = clock
        self._secret = secret
        self._token_life = token_life

    @property
    def url(self) -> str:
        """Where clients connect, such as `ws://127.0.0.1:41234/ws`."""
        return f"ws://127.0.0.1:{self._serving.port}/ws"

    @property
    def http(self) -> str:
        """The address of its pages and of its API, such as `http://127.0.0.1:41234`."""
        return f"http://127.0.0.1:{self._serving.port}"

    @property
    def now(self) -> float:
        """The gateway's time, in seconds since the Unix epoch."""
        return self._clock.wall()

    def token(
        self,
        user: str,
        *,
        name: str | None = None,
        roles: Sequence[str] = (),
        claims: Mapping[str, Any] = {},
        ttl: float = TOKEN_S,
    ) -> str:
        """A token of `user` with these claims, which this gateway accepts for `ttl` seconds of its time."""
        return tokens.sign(
            self._secret, user, name or user, list(roles), time.time(), self._clock.ahead + ttl, dict(claims)
        )

    def client(
        self,
        user: str | None = None,
        *,
        name: str | None = None,
        roles: Sequence[str] = (),
        claims: Mapping[str, Any] = {},
        **options: Any,
    ) -> Connecting:
        """A client for `async with`, signed in as `user`; without one, an anonymous client.

        Its token is good for as long as the setting `token_life` allows, so that it stays while time passes.
        `options`: those of `tidegate_client.connect`.
        """
        return tidegate_client.connect(self.url, token=self._token(user, name, roles, claims), **options)

    def blocking_client(
        self,
        user: str | None = None,
        *,
        name: str | None = None,
        roles: Sequence[str] = (),
        claims: Mapping[str, Any] = {},
        **options: Any,
    ) -> Any:
        """As `client`, for `with` in tests that are no coroutines: a client of `tidegate_client.sync`."""
        return tidegate_client.sync.connect(self.url, token=self._token(user, name, roles, claims), **options)

    async def pass_time(self, seconds: float) -> None:
        """Let `seconds` pass for the gateway: tokens expire, grace ends, histories are forgotten. Clients stay."""
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(self._serving.pass_time(seconds), self._loop))

    def pass_time_blocking(self, seconds: float) -> None:
        """As `pass_time`, for tests that are no coroutines."""
        asyncio.run_coroutine_threadsafe(self._serving.pass_time(seconds), self._loop).result()

    def _token(self, user: str | None, name: str | None, roles: Sequence[str], claims: Mapping[str, Any]) -> str | None:
        if user is None:
            return None
        return self.token(user, name=name, roles=roles, claims=claims, ttl=self._token_life)
