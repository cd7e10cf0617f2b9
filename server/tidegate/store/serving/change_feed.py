"""What a store needs of its change feed: a thread that reads the log, or a line to the hub that does.

It is what both have in common; how the log is read is theirs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import Protocol

from tidegate.core.rows.ports import Change
from tidegate.store.serving.feed_gate import OnSkip

log = logging.getLogger("tidegate.feed")

Deliver = Callable[[Sequence[Change], int], asyncio.Future[None] | None]
"""(changes, the seq up to which everything was delivered then). Returns None, or what is done once it has taken them
all; the next batch has to wait until then.
"""
EVERY_RESOURCE = ""
"""In a record of a log that is lent: every resource of the process that gets it was reset."""


def tell_failure(done: asyncio.Future[None]) -> None:
    """A batch is past; log it where it could not be delivered."""
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("changes could not be delivered", exc_info=error)


class Gate(Protocol):
    """Whether changes are delivered. Belongs to the loop's thread."""

    @property
    def following(self) -> bool:
        """Whether the feed delivers changes."""

    @property
    def jumps(self) -> bool:
        """Whether a `resume` is under way: what is written meanwhile might not reach who asked for it."""

    def pause(self) -> None:
        """There is no subscriber."""

    async def resume(self) -> None:
        """Deliver what is committed from now on; returns when that holds. Raises Refused."""

    async def resumed(self) -> None:
        """Returns once no `resume` is under way. Raises Refused."""


class ChangeFeed(Protocol):
    """Belongs to the loop's thread, but for `wake` and `close`."""

    @property
    def gate(self) -> Gate: ...

    @property
    def healthy(self) -> bool: ...

    @property
    def problem(self) -> str:
        """What `/readyz` says while it is not healthy."""

    @property
    def lag(self) -> float:
        """See core.rows.ports.Store."""

    def start(self, after: int, deliver: Deliver, on_skip: OnSkip) -> None:
        """Deliver the changes after `after`. `on_skip`: everything up to a head is past and was not delivered."""

    def wake(self) -> None:
        """A writer of this process committed something. Any thread."""

    def close(self) -> None:
        """Deliver nothing more. May block; any thread."""
