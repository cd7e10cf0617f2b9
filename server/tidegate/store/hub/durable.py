"""Durable rooms of a worker: it reads their messages itself, and the hub keeps new ones and tells the other workers.

Implements `store.serving.room_log.Serving`, which the log of durable rooms is made of.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeVar

import msgspec

from tidegate.core.budgets.payer import Payer
from tidegate.core.rooms.room_log import Changed, ForgetRoom, Kept, NewMessage
from tidegate.store.hub import messages as say
from tidegate.store.serving.reads import Reads
from tidegate.store.serving.write_queue import size_of

T = TypeVar("T")


class Ask(Protocol):
    """Sends a write to the hub. Raises Refused."""

    def __call__(self, size: int, account: str, message: Callable[[int], msgspec.Struct]) -> asyncio.Future[Kept]: ...


class DurableRooms:
    """Belongs to the loop's thread."""

    def __init__(self, epoch: str, ask: Ask, reads: Reads) -> None:
        self.epoch = epoch
        self._ask = ask
        self._reads = reads
        self._told: Changed = lambda rooms: None

    def keep(self, work: NewMessage | ForgetRoom) -> asyncio.Future[Kept]:
        return self._ask(
            size_of(work),
            work.payer.account,
            lambda id: say.Keep(id, work) if isinstance(work, NewMessage) else say.Forget(id, work),
        )

    def look(self, work: Callable[[], T], payer: Payer) -> Awaitable[T]:
        return self._reads.by_key(work, payer)

    def watch(self, changed: Changed) -> None:
        """Call `changed` when other workers have appended something."""
        self._told = changed

    def changed(self, rooms: Sequence[str] | None) -> None:
        """The hub says so; None after it was away."""
        self._told(rooms)
