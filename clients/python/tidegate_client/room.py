"""`Room`: a room that this client is in, as a program holds it: messages, presence, history.

It converts messages to the wanted model; `rooms` keeps the client in the room over broken connections.
Invariant: the client sends nothing for a room that was left.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Generic, Literal, Self, TypeVar
from weakref import WeakSet

import msgspec

from .errors import ClientClosed, ConnectionLost, RequestRefused, TidegateError
from .json_values import plain
from .members import read_message
from .models import Gap, History, Member, Message, PresenceChange
from .outstanding import reading
from .positions import Position
from .room_events import RoomEvent, RoomEvents, RoomStatus, RoomStatusChange
from .rooms import Membership, Rooms
from .streams import Overflow, Stream
from .wire import read_as

__all__ = ["Room"]

DataT = TypeVar("DataT")


class Room(AsyncIterator[Message[DataT]], Generic[DataT]):
    """A room that this client is in, also across reconnects; one iteration of its messages.

    Example:
        async with await client.join("chat-1") as room:
            await room.send({"text": "Hello"})
            async for message in room:
                print(message.sender.name, message.data["text"])
    """

    def __init__(
        self, rooms: Rooms, session: Membership, model: type[DataT] | None, buffer: int, overflow: Overflow
    ) -> None:
        self._rooms = rooms
        self._model = model
        self.session = session
        self.messages: Stream[Message[Any]] = Stream(buffer, overflow)
        self.changes: Stream[PresenceChange] = Stream(buffer, lambda: PresenceChange(reset=True))
        self.losses: Stream[Gap] = Stream(buffer, Gap)
        self._buffer = buffer
        self._events: WeakSet[Stream[Any]] = WeakSet()
        session.rooms.append(self)

    async def opened(self, about: dict[str, Any]) -> Self:
        """Wait for the gateway's answer. Leave again if it is a refusal, does not come, or the caller is cancelled.

        A room that was joined already is told what is new in `about`.
        """
        try:
            await self.session.answered()
            if {**self.session.about, **about} != self.session.about:
                await self.session.say(about)
        except BaseException:
            if self._rooms.release(self):
                self.session.withdraw()
            raise
        return self

    @property
    def name(self) -> str:
        """The room's name."""
        return self.session.name

    @property
    def me(self) -> Member | None:
        """This client's user as the members see it; None while it is not among them."""
        return self.members.get(self.session.link.identity.user.id)

    @property
    def members(self) -> Mapping[str, Member]:
        """The members by user id; empty with presence="none"."""
        return MappingProxyType(self.session.state.members)

    @property
    def position(self) -> Position | None:
        """Where this client is in the room's history: `join(since=...)` goes on from here another time."""
        return self.session.state.position

    @property
    def recovered(self) -> bool | None:
        """Whether the last join got every message that was missed; None before the first."""
        return self.session.state.recovered

    async def send(self, data: Any, *, key: str | None = None) -> Position:
        """Send `data` (what the room's schema allows, or a Struct) to every member, this client too.

        Returns its position in the room's history. Sent again after a reconnect under the same idempotency `key`.
        Raises RequestRefused (`invalid_data`, `forbidden`, ...), RequestTimeout, ConnectionRefused.
        """
        self._check()
        message = {"type": "message", "room": self.name, "data": plain(data), "key": key or uuid.uuid4().hex}
        reply = await self.session.link.request(message)
        position: Position = reply.get("position") or {}
        return position

    async def update(
        self, *, status: Literal["online", "away"] | None = None, info: Any = None
    ) -> Mapping[str, Member]:
        """Change what other members see of this client (kept across reconnects), and ask for all members."""
        self._check()
        about = {name: plain(value) for name, value in (("status", status), ("info", info)) if value is not None}
        await self.session.say(about)
        return self.members

    async def history(self, *, before: Any = None, limit: int | None = None) -> History[DataT]:
        """A page of the room's past, oldest first, which ends before this offset, or before this message's position."""
        self._check()
        offset = before["offset"] if isinstance(before, Mapping) else before
        asked = {name: value for name, value in (("before", offset), ("limit", limit)) if value is not None}
        reply = await self.session.link.request({"type": "history", "room": self.name, **asked})
        with reading(f"the history of {self.session}"):
            messages = tuple(self._typed(read_message({"room": self.name, **entry})) for entry in reply["messages"])
            return History(messages, bool(reply.get("more", False)))

    def presence_changes(self) -> Stream[PresenceChange]:
        """Members who come, leave or change. A slow consumer gets one change with `reset`, and reads `members`."""
        return self.changes

    def gaps(self) -> Stream[Gap]:
        """What is lost, as soon as the gateway says so; the next message has `gap`."""
        return self.losses

    @property
    def status(self) -> RoomStatus:
        """ "joining", "joined", "behind" (the connection is broken), "error" or "left"."""
        return self.session.status if self in self.session.rooms else "left"

    def events(self) -> RoomEvents[DataT]:
        """Messages, members, gaps and statuses in one iteration, in their order, from now on.

        It begins with the members who are there (`reset`), and with the messages that are not read yet.
        """
        stream: Stream[Any] = Stream(self._buffer)
        if self.session.presence != "none":
            stream.push(PresenceChange(reset=True))
        for message in self.messages.take():
            stream.push(message)
        if self not in self.session.rooms:
            stream.close()
        elif self.session.error is not None:
            _end(stream, self.session.error)
        self._events.add(stream)
        return RoomEvents(stream, self._typed)

    async def leave(self) -> None:
        """Leave the room, unless another `Room` of this client is still in it. Iterations end.

        What was said before and no connection has taken is still said.
        """
        self._tell(RoomStatusChange("left"))
        for stream in self._streams():
            stream.close()
        if self._rooms.release(self):
            self.session.finish()
            try:
                await self.session.link.call({"type": "leave", "room": self.name})
            except ConnectionLost:
                return  # the gateway ends the membership with the connection
            except RequestRefused as error:
                if error.code != "not_joined":  # the gateway ended it at the same moment
                    raise

    def receive(self, message: Message[Any]) -> None:
        """A member sent a message."""
        self.messages.push(message)
        self._tell(message)

    def change(self, change: PresenceChange) -> None:
        """Members came, left or changed."""
        self.changes.push(change)
        self._tell(change)

    def gap(self, gap: Gap) -> None:
        """Messages are lost."""
        self.losses.push(gap)
        self._tell(gap)

    def turned(self, status: RoomStatus) -> None:
        """The status is another one now."""
        self._tell(RoomStatusChange(status))

    def end(self, error: TidegateError) -> None:
        """The gateway or an error ended the membership."""
        for stream in self._streams():
            _end(stream, error)

    def _streams(self) -> list[Stream[Any]]:
        return [self.messages, self.changes, self.losses, *self._events]

    def _tell(self, event: RoomEvent[Any]) -> None:
        for stream in self._events:
            stream.push(event)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message[DataT]:
        return self._typed(await self.messages.__anext__())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self.leave()
        except TidegateError:
            if error is None:  # the program's own error says more
                raise

    def _typed(self, message: Message[Any]) -> Message[DataT]:
        if self._model is None:
            return message
        return msgspec.structs.replace(message, data=read_as(message.data, self._model))

    def _check(self) -> None:
        if self.session.error is not None:
            raise self.session.error
        if self not in self.session.rooms:
            raise ClientClosed(f"{self.session} is not joined")


def _end(stream: Stream[Any], error: TidegateError) -> None:
    """The membership is over. A program that closed the client itself hears no error."""
    if isinstance(error, ClientClosed):
        stream.close()
    else:
        stream.fail(error)
