"""What a gateway wants of the database, and how a batch of it is said in one statement.

It knows neither queues nor connections.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Sequence
from typing import Any

from tidegate.core.errors import Refused
from tidegate.engines.health import RETRY_S
from tidegate.engines.postgres import values
from tidegate.engines.texts import Halves

MESSAGE, PRESENCE, CLOSE, FORGET, TELL, USER, LEAVE, SETTLE, DECIDE = "m", "p", "c", "f", "t", "u", "l", "s", "d"
"""As `functions.sql` has them."""
STATE = (PRESENCE, CLOSE, SETTLE)
"""What is so now: after a lost connection it is said again, as it is then."""
REFUSED_LATE = (MESSAGE, FORGET)
"""Their callers learn that the engine cannot be reached. The others are done once it can."""
UNTOLD = (TELL, USER)
"""Of these, so many wait while it cannot, and more are lost."""


NOTHING = Halves(b"", b"")


class Wish:
    """One thing to do. `answer`: who waits for it, if anyone does."""

    __slots__ = ("account", "answer", "digest", "key", "kind", "parts", "room", "since", "size", "ttl", "who")

    def __init__(
        self,
        kind: str,
        room: str,
        who: str = "",
        parts: Halves = NOTHING,
        *,
        key: str = "",
        size: int = 0,
        ttl: int = 0,
    ) -> None:
        self.kind = kind
        self.room = room
        self.who = who
        self.parts = parts
        self.key = key
        self.digest = b""
        self.size = size
        self.ttl = ttl
        self.account = ""
        """Which account holds its memory until it is answered; empty for none."""
        self.since = 0.0
        """When it was said, on the engine's clock."""
        self.answer: Future[Any] | None = None

    @property
    def is_refused(self) -> bool:
        """Whether its caller was told that it cannot be done, or does not wait any more."""
        return self.kind in REFUSED_LATE and self.answer is not None and self.answer.done()

    def succeed(self, value: Any) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(value)

    def fail(self, error: Exception) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)


class Batch:
    """Wishes that are on their way together. `first`: the number of the first; each has the next."""

    __slots__ = ("first", "wishes")

    def __init__(self, first: int, wishes: Sequence[Wish]) -> None:
        self.first = first
        self.wishes = wishes


def unavailable() -> Refused:
    return Refused("unavailable", "the engine of rooms cannot be reached at the moment; try again", retry_after=RETRY_S)


def conflict() -> Refused:
    return Refused("conflict", "this idempotency key was already used for a different message", pointer="/key")


def said(
    node: str, generation: int, epoch: str, batch: Batch, *, wake: bool, owed: str
) -> list[bytes]:  # the arguments of the function `apply`
    wishes = batch.wishes
    return [
        node.encode(),
        values.int8(generation),
        values.int8(batch.first - 1),
        epoch.encode(),
        values.TRUE if wake else values.FALSE,
        owed.encode(),
        "".join([wish.kind for wish in wishes]).encode(),
        values.bytea_array([wish.room.encode() for wish in wishes]),
        values.bytea_array([wish.who.encode() for wish in wishes]),
        values.bytea_array([wish.key.encode() for wish in wishes]),
        values.bytea_array([wish.digest for wish in wishes]),
        values.bytea_array([wish.parts.head for wish in wishes]),
        values.bytea_array([wish.parts.tail for wish in wishes]),
        values.int8_array([wish.size for wish in wishes]),
        values.int8_array([wish.ttl for wish in wishes]),
    ]
