"""What a program tells a client when it makes one, as one frozen value, and the clock that the client lives by.

Nothing here connects. Invariant: time and chance reach the client through `Options.clock` and `Options.random` alone,
so that a test controls both. Durations are seconds.
"""

from __future__ import annotations

import asyncio
import random
import ssl as tls
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from .errors import InvalidOption

__all__ = ["Clock", "LoopClock", "Options", "Token"]

Token = str | Callable[[], str | Awaitable[str]] | None
"""A JWT, or a function (plain or async) that the client asks for a fresh one before each connection."""


class Clock(Protocol):
    """Seconds that only go forward, and waiting for them to pass."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""
        ...


class LoopClock:
    """The time of the event loop."""

    def now(self) -> float:
        """Seconds of the running event loop."""
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        """As asyncio.sleep."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See `tidegate_client.connect` for each option. InvalidOption for a value that is out of range."""

    url: str
    token: Token = None
    contract: str | None = None
    keys: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    wait: bool = False
    request_timeout: float = 30.0
    open_timeout: float = 10.0
    buffer: int = 1024
    max_waiting: int = 1024
    headers: Mapping[str, str] = field(default_factory=dict)
    ssl: tls.SSLContext | None = None
    proxy: str | Literal[True] | None = True
    clock: Clock = field(default_factory=LoopClock)
    random: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        for name in ("request_timeout", "open_timeout"):
            if not (seconds := getattr(self, name)) > 0:
                raise InvalidOption(f"{name} must be more than 0 seconds, not {seconds}")
        for name in ("buffer", "max_waiting"):
            if not (count := getattr(self, name)) >= 1:
                raise InvalidOption(f"{name} must be at least 1, not {count}")
