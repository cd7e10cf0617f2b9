"""Optimistic writes: create, update and delete as the client's live queries show them before the gateway has answered.

Each live query's copy decides what it shows of a write (`overlay`). This module tells the copies when a write begins,
is answered or fails. Invariant: a failed write is on top of no copy, and its error goes to the caller
that made it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

from .catalogue import ResourceInfo
from .forms import utc_now
from .json_values import as_json
from .models import Change, Row
from .outstanding import UNREADABLE, reading
from .pending import PendingWrite
from .shown import Shown

__all__ = ["Watcher", "Writes"]

Request = Callable[[dict[str, Any]], Awaitable[dict[str, Any]]]


class Watcher(Protocol):
    """A subscription, as writes see it."""

    shown: Shown

    def tell(self, changes: list[Change[Row]]) -> None:
        """Hand changes to the live queries."""
        ...


class Writes:
    """The writes of one client that the gateway has not answered yet, in the order in which they were made."""

    def __init__(
        self, request: Request, watchers: Callable[[str], Iterable[Watcher]], now: Callable[[], str] = utc_now
    ) -> None:
        """`watchers`: the subscriptions to a resource. `now`: the present time as rows have it."""
        self._now = now
        self._request = request
        self._watchers = watchers
        self._unanswered: dict[str, PendingWrite] = {}

    def unanswered(self, resource: str) -> list[PendingWrite]:
        """The writes to a resource whose fate is not known."""
        return [write for write in self._unanswered.values() if write.resource == resource]

    async def run(self, message: dict[str, Any], info: ResourceInfo) -> dict[str, Any]:
        """Show the write, send it, and show no more of it than the gateway accepted."""
        as_json(message)  # `not_json` is the caller's, before anything is shown
        write = _showable(message, info, self._now())
        if write is None or write.origin in self._unanswered:
            return await self._request(message)  # refused soon, or a repeated write that is shown already
        self._unanswered[write.origin] = write
        self._tell(write, lambda shown: shown.began(write))
        try:
            reply = await self._request(message)
            with reading(f"the reply to {write.action!r}"):
                write.settle(reply, info.key)
        except BaseException:
            del self._unanswered[write.origin]
            self._tell(write, lambda shown: shown.failed(write))
            raise
        del self._unanswered[write.origin]
        self._tell(write, lambda shown: shown.answered(write))
        return reply

    def _tell(self, write: PendingWrite, step: Callable[[Shown], list[Change[Row]]]) -> None:
        for watcher in list(self._watchers(write.resource)):
            watcher.tell(step(watcher.shown))


def _showable(message: dict[str, Any], info: ResourceInfo, now: str) -> PendingWrite | None:
    """The write that `message` asks for; None for one that no copy of rows can hold, which the gateway refuses."""
    try:
        write = PendingWrite.of(message, info, now)
    except UNREADABLE:
        return None
    return write if write.has_plain_keys(info.key) else None
