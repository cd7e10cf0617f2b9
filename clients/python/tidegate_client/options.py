"""What a program tells a client when it makes one, as one frozen value, and the clock that the client lives by.

Nothing here connects. Invariant: time and chance reach the client through `Options.clock` and `Options.random` alone,
so that a test controls both. Durations are seconds.
"""

from __future__ import annotations

import asyncio
import random
import re
import ssl as tls
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol
from urllib.parse import urlsplit

from .catalogue import ResourceContract
from .errors import InvalidOption

__all__ = ["Clock", "LoopClock", "Options", "Token", "bearer"]

_HEADER = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_TOKEN = re.compile(r"[\x21-\x7e]*")
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


def _clock_that_never_stands() -> Callable[[], float]:
    """The system's clock that also goes on while the computer sleeps, which the event loop's does not."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return lambda: time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return lambda: time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic


class LoopClock:
    """The system's time, and the timers of the event loop."""

    now = staticmethod(_clock_that_never_stands())
    """Seconds, those included for which the computer slept."""

    async def sleep(self, seconds: float) -> None:
        """As asyncio.sleep."""
        await asyncio.sleep(seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """See `tidegate_client.connect` for each option. InvalidOption for a value that is out of range."""

    url: str
    token: Token = field(default=None, repr=False)
    identity: str | None = field(default=None, repr=False)
    contract: str | None = None
    keys: Mapping[str, str | Sequence[str]] = field(default_factory=dict)
    resources: Mapping[str, ResourceContract] = field(default_factory=dict)
    optimistic: bool = False
    wait: bool = False
    request_timeout: float = 30.0
    open_timeout: float = 10.0
    buffer: int = 1024
    max_waiting: int = 1024
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    ssl: tls.SSLContext | None = None
    proxy: str | Literal[True] | None = True
    compression: bool = False
    clock: Clock = field(default_factory=LoopClock)
    random: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        for name in ("request_timeout", "open_timeout"):
            if not (isinstance(seconds := getattr(self, name), int | float) and seconds > 0):
                raise InvalidOption(f"{name} must be more than 0 seconds, not {seconds!r}")
        for name in ("buffer", "max_waiting"):
            if not (isinstance(count := getattr(self, name), int) and count >= 1):
                raise InvalidOption(f"{name} must be at least 1, not {count!r}")
        for name, value in (("url", self.url), ("identity", self.identity or "")):
            if not isinstance(value, str):
                raise InvalidOption(f"{name} is a text, not a {type(value).__name__}")
        if not (self.token is None or callable(self.token)):
            bearer(self.token)
        for name, value in self.headers.items():
            if not _HEADER.fullmatch(f"{name}{value}"):
                raise InvalidOption(f"the header {name!r} has a character that no header may have")

    @property
    def address(self) -> str:
        """The gateway's address for errors and logs, without what may be secret in it."""
        try:
            parts = urlsplit(self.url)
        except ValueError:
            return "the address"
        return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def bearer(token: object) -> str:
    """The token as a header takes it, without the space around it. InvalidOption, which does not show it."""
    if not isinstance(token, str):
        raise InvalidOption(f"a token is a text, not a {type(token).__name__}")
    trimmed = token.strip()
    if not _TOKEN.fullmatch(trimmed):
        raise InvalidOption("the token has a character that no token may have: is it a whole file, or a page?")
    return trimmed
