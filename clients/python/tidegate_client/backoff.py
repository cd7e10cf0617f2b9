"""When to reconnect after a connection ended: pure rules over close codes and an injected source of chance.

Close codes say what to do (schema/types/close_code): 4000-4099 stop, 4100-4199 reconnect with backoff, 4200-4299 at
once. Every other end is backoff: a broken connection, and also 1000 and 1001, which this client did not ask for, so
that a proxy between must have sent them. The delay is full jitter: random(0, min(20 s, 0.5 s * 2^n)).
Source: AWS Architecture Blog, "Exponential Backoff And Jitter". It knows neither sockets nor clocks.
Invariant: "at once" happens once; a gateway that sends its clients away again within `SETTLED` seconds meets backoff.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["CAP", "FIRST", "SETTLED", "Backoff", "Ending", "NextStep", "next_step"]

FIRST = 0.5
"""Seconds: the upper bound of the first delay."""
CAP = 20.0
"""Seconds: the upper bound of every delay."""
SETTLED = 5.0
"""Seconds of life after which a connection counts as good and the attempts are counted from zero again."""

TOLD = 3
"""Attempts in a row after which a gateway is not only away for a moment: the address may be wrong."""

UNAUTHENTICATED = 4001
"""Before the welcome: the token is not valid. Afterwards: it was revoked."""
SERVICE_RESTART = 1012
"""The one standard code that asks for an immediate return (IANA WebSocket Close Code Number Registry)."""


class NextStep(enum.Enum):
    """What a close code asks of the client."""

    STOP = "stop"
    BACKOFF = "backoff"
    RESUME = "resume"


@dataclass(frozen=True, slots=True)
class Ending:
    """How one attempt or connection ended."""

    reason: str
    code: int | None = None
    """The WebSocket close code, None if there was no connection."""
    retry_after: float | None = None
    """Seconds, as `goodbye` or a Retry-After header said."""
    lived: float | None = None
    """Seconds from `welcome` to the end, None if there was no `welcome`."""
    refused: bool = False
    """The opening handshake was refused for good (HTTP 401, 403, or an invalid address)."""

    @property
    def step(self) -> NextStep:
        """What to do next."""
        return NextStep.STOP if self.refused else next_step(self.code)


def next_step(code: int | None) -> NextStep:
    """What a close code asks for; unknown codes follow their range."""
    if code is not None and 4000 <= code <= 4099:
        return NextStep.STOP
    if code is not None and (4200 <= code <= 4299 or code == SERVICE_RESTART):
        return NextStep.RESUME
    return NextStep.BACKOFF


class Backoff:
    """Counts attempts and says how long to wait. `random` returns a number in [0, 1)."""

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random
        self._attempts = 0
        self._asked_again = False

    def jitter(self) -> float:
        """The next delay in seconds; each call doubles the bound."""
        bound = min(CAP, FIRST * 2.0 ** min(self._attempts, 16))
        self._attempts += 1
        return self._random() * bound

    @property
    def persists(self) -> bool:
        """Whether the attempt that just failed is worth a warning: the third in a row."""
        return self._attempts == TOLD

    def ends(self, ending: Ending, *, fresh_tokens: bool) -> bool:
        """Whether the client must not come back after `ending`.

        `fresh_tokens`: the program gives another token for each connection. Then a token that was revoked is no end
        yet: the client asks for one more, once.
        """
        if ending.step is not NextStep.STOP:
            return False
        if ending.code != UNAUTHENTICATED or not fresh_tokens or ending.lived is None:
            return True
        if self._asked_again and ending.lived < SETTLED:
            return True
        self._asked_again = True
        return False

    def delay(self, ending: Ending) -> float:
        """Seconds to wait after `ending` (which must not be a stop) before the next attempt."""
        if ending.lived is not None and ending.lived >= SETTLED:
            self._attempts = 0
        asked = ending.retry_after or 0.0
        if ending.step is NextStep.RESUME and self._attempts == 0:
            self._attempts = 1
            return asked
        return max(asked, self.jitter())
