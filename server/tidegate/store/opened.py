"""What a store is once its database is open: the port of the gateway, and what else the process that opened it may ask.

It knows no database.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.budgets.spent import Spent
from tidegate.core.rooms.room_log import Changed, ForgetRoom, Kept, NewMessage, RoomLog
from tidegate.core.rows.ports import Store


class OpenedStore(Store, Protocol):
    """A store, and what the database keeps for the gateway beside rows."""

    ledger: Ledger
    """Counts the writes that wait."""
    rooms: RoomLog | None
    """The log of durable rooms, where the application has any."""
    spent: Spent
    """How long reads of each connection took."""

    @property
    def identity_secret(self) -> str:
        """Signs the identity tokens of anonymous clients."""

    async def close(self, patience: float = ...) -> None:
        """End everything. What is not written after `patience` seconds is refused."""

    def unfinished(self) -> list[str]:
        """What the store still waits for while it is closed. May be called in any thread."""


class LentStore(OpenedStore, Protocol):
    """The store of a hub: its feed delivers the log's records as they are, and workers use it through the hub."""

    @property
    def reads_log(self) -> bool:
        """Whether the change feed reads the log, whatever is wrong with writes."""

    def keep(self, work: NewMessage | ForgetRoom) -> asyncio.Future[Kept]:
        """Have it written for a durable room. Raises Refused."""

    def noticed(self, what: str) -> None:
        """A worker found damage in the database."""

    def committed(self) -> None:
        """A worker committed something itself."""

    def rooms_appended(self, rooms: Sequence[str]) -> None:
        """A worker wrote to durable rooms itself: tell other gateways."""

    def watch_rooms(self, changed: Changed) -> None:
        """Call `changed` when another gateway wrote to durable rooms."""
