"""The values that the client hands to a program: messages, members, changes of rows and of presence.

They are types of the client, not the generated wire types: unknown properties are ignored, so that an older client
understands a newer gateway. Times are integers, milliseconds since the Unix epoch.
Invariant: all of them are immutable; what changes lives in `Room.members` and `LiveQuery.rows`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import msgspec

__all__ = [
    "Action",
    "Change",
    "Gap",
    "History",
    "Key",
    "Member",
    "Message",
    "PresenceChange",
    "Row",
    "Rows",
    "Sender",
    "User",
]

Row = dict[str, Any]
Action = Literal["create", "update", "delete", "reset"]
Key = Any
"""A row's key: the bare value, or a tuple in the order of the key's properties if there are several."""
RowT = TypeVar("RowT")
DataT = TypeVar("DataT")


class User(msgspec.Struct, frozen=True, kw_only=True):
    """The user that the gateway takes this client for."""

    id: str
    name: str = ""
    roles: tuple[str, ...] = ()
    anonymous: bool = False


class Sender(msgspec.Struct, frozen=True, kw_only=True):
    """The member who sent a message, as the gateway knows the connection."""

    id: str
    name: str = ""


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user present in a room over `connections` connections, `since` a time in milliseconds."""

    id: str
    name: str = ""
    status: str = "online"
    info: Any = None
    connections: int = 1
    since: int = 0


class Message(msgspec.Struct, Generic[DataT], frozen=True, kw_only=True):
    """A message of a room."""

    room: str
    sender: Sender
    data: DataT
    time: int = 0
    """When the gateway took it, in milliseconds."""
    position: dict[str, Any] = {}
    """{epoch, offset} in the room's history."""
    replayed: bool = False
    """The client missed it while the connection was broken, or asked for it with `since`."""
    gap: bool = False
    """Messages between the one before and this one are lost: the room's history no longer had them."""


@dataclass(frozen=True, slots=True)
class History(Generic[DataT]):
    """A page of a room's past, oldest first. `more`: there are older messages still."""

    messages: tuple[Message[DataT], ...]
    more: bool


@dataclass(frozen=True, slots=True)
class Gap:
    """Messages of a room are lost. `dropped` says how many, if the gateway knows."""

    dropped: int | None = None
    position: Mapping[str, Any] | None = None
    """Where the room goes on: every later message comes after it."""


@dataclass(frozen=True, slots=True)
class PresenceChange:
    """Members who came, left or changed.

    `reset`: single steps are not known, read `room.members`. So it is for the members who are there when the client
    joins, and where a consumer was too slow.
    """

    joined: tuple[Member, ...] = ()
    left: tuple[Member, ...] = ()
    changed: tuple[Member, ...] = ()
    reset: bool = False

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.changed or self.reset)


@dataclass(frozen=True, slots=True)
class Change(Generic[RowT]):
    """What happened to a live query's copy of the rows.

    `create`, `update` and `delete` concern the one row with `key`; `reset` says that the copy was replaced as a whole
    (first load, or a gap that could not be replayed): read `live.rows`.
    """

    action: Action
    key: Key = None
    row: RowT | None = None
    """The row as it is now; None for `delete` and `reset`."""
    old: RowT | None = None
    """The row as this copy had it before, if it had it."""
    cause: str | None = None
    """What happened to the row in the database, where the gateway says so: a row that left the filter was updated."""
    origin: str | None = None
    """The idempotency key of the mutation, if this user made it."""
    position: Mapping[str, Any] | None = None
    """Where it stands in the change feed; None for a write of this client that the gateway has not answered."""


class Rows(list[RowT]):
    """The rows of a reply: a list that also knows `total` (if counted) and the `position` it was read at."""

    def __init__(self, rows: list[RowT], *, total: int | None = None, position: dict[str, Any] | None = None) -> None:
        super().__init__(rows)
        self.total = total
        self.position = position
