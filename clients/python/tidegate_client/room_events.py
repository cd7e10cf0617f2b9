"""One stream of everything that happens in a room, in the order in which the client heard it.

A room has streams of its messages, of its members and of what is lost; a program that wants to know which came first
reads this one. Invariant: it begins with the members who are there and the messages that are not read yet.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any, Generic, Literal, Self, TypeVar

from .models import Gap, Message, PresenceChange
from .streams import Stream

__all__ = ["RoomEvents", "RoomStatus", "RoomStatusChange"]

DataT = TypeVar("DataT")
RoomStatus = Literal["joining", "joined", "behind", "error", "left"]
"""`behind`: the connection is broken, so that messages may be missing; they come, or a `Gap`, after the next join."""


@dataclass(frozen=True, slots=True)
class RoomStatusChange:
    """The room's status is another one now."""

    status: RoomStatus


RoomEvent = Message[DataT] | PresenceChange | Gap | RoomStatusChange


class RoomEvents(AsyncIterator[RoomEvent[DataT]], Generic[DataT]):
    """What `room.events()` returns.

    Example:
        async for event in room.events():
            match event:
                case Message(data=data): print(data)
                case PresenceChange(reset=True): print("here are", list(room.members))
                case PresenceChange(joined=joined): print("came", joined)
    """

    def __init__(self, stream: Stream[Any], typed: Callable[[Message[Any]], Message[DataT]]) -> None:
        """`typed` converts a message to the room's model."""
        self._stream = stream
        self._typed = typed

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> RoomEvent[DataT]:
        event: RoomEvent[Any] = await self._stream.__anext__()
        return self._typed(event) if isinstance(event, Message) else event
