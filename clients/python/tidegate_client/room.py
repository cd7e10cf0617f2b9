"""Rooms: joining, speaking, listening, presence and history, over any number of connections.

`RoomSession` is the one membership that this client has in a room; `Room` is what a program holds, and several may
share a membership. Which messages were heard already is `members.RoomState`'s business.
Invariant: the gateway is told to leave when the last `Room` is closed, not before.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping
from types import MappingProxyType, TracebackType
from typing import Any, Literal, Self

from .errors import ClientClosed, ConnectionLost, TidegateError
from .members import RoomState, read_message
from .models import History, Member, Message, PresenceChange
from .positions import Position
from .session import Line, Session
from .streams import Overflow, Stream
from .wire import plain

__all__ = ["Presence", "Room", "Rooms"]

Presence = Literal["full", "diff", "none"]
"""How the gateway tells of members: the whole room on each change, what changed, or nothing."""


class RoomSession(Session):
    """This client's membership in one room."""

    def __init__(
        self, rooms: Rooms, line: Line, name: str, *, presence: Presence, about: dict[str, Any], since: Position | None
    ) -> None:
        super().__init__(line)
        self._rooms = rooms
        self.name = name
        self.presence = presence
        self.about = about
        """`status` and `info`, said again at every join."""
        self.state = RoomState(name, since)
        self.rooms: list[Room] = []

    def __str__(self) -> str:
        return f"room {self.name!r}"

    async def open(self) -> None:
        message = {"type": "join", "room": self.name, "presence": self.presence, **self.about, **self.state.resume()}
        await self.line.call(message, lambda reply: self.tell(self.state.joined(reply)))

    def cut(self) -> None:
        """Nothing to undo: the position is that of the last message heard."""

    def on_failed(self, error: TidegateError) -> None:
        self._rooms.forget(self)
        for room in self.rooms:
            room.end(error)

    def receive(self, push: dict[str, Any]) -> None:
        """A push about this room."""
        match push["type"]:
            case "message":
                self.hear(self.state.message(push))
            case "presence":
                self.tell(self.state.presence(push))
            case "presence_diff":
                self.tell(self.state.presence_diff(push))
            case "left":
                self.fail(TidegateError("not_joined", f"the gateway ended the membership in {self}"))

    def hear(self, message: Message | None) -> None:
        if message is not None:
            for room in self.rooms:
                room.messages.push(message)

    def tell(self, change: PresenceChange) -> None:
        if change:
            for room in self.rooms:
                room.changes.push(change)


class Rooms:
    """All rooms of a client."""

    routes = frozenset({"message", "presence", "presence_diff", "left"})

    def __init__(self, line: Line) -> None:
        self._line = line
        self._sessions: dict[str, RoomSession] = {}

    async def join(
        self,
        name: str,
        *,
        presence: Presence,
        about: dict[str, Any],
        since: Position | None,
        buffer: int,
        overflow: Overflow,
    ) -> Room:
        """A room, once the gateway has answered."""
        session = self._sessions.get(name)
        if session is None:
            session = self._sessions[name] = RoomSession(
                self, self._line, name, presence=presence, about=about, since=since
            )
            self._line.start_session(session)
        elif session.presence != presence:
            raise ValueError(f"room {name!r} is joined with presence={session.presence!r} already")
        room = Room(self, session, buffer, overflow)
        try:
            await session.settled()
        except BaseException:
            if self.release(room):
                self._line.post({"type": "leave", "room": name})
            raise
        return room

    def release(self, room: Room) -> bool:
        """`room` is no longer held. True if it was the last one, so that the gateway must be told."""
        session = room.session
        if room not in session.rooms:
            return False
        session.rooms.remove(room)
        if session.rooms or session.closed:
            return False
        session.closed = True
        self.forget(session)
        return True

    def forget(self, session: RoomSession) -> None:
        """Route nothing to `session` any more."""
        if self._sessions.get(session.name) is session:
            del self._sessions[session.name]

    def receive(self, message: dict[str, Any]) -> None:
        session = self._sessions.get(str(message.get("room")))
        if session is None or session.closed or (message["type"] == "left" and "ref" in message):
            return
        session.read(message, session.receive)

    def sessions(self) -> list[Session]:
        return list(self._sessions.values())

    def identity_changed(self) -> None:
        """Rooms hold nothing that another identity may not see."""


class Room(AsyncIterator[Message]):
    """A room that this client is in, also across reconnects; one iteration of its messages.

    Example:
        async with await client.join("chat-1") as room:
            await room.send({"text": "Hello"})
            async for message in room:
                print(message.sender.name, message.data["text"])
    """

    def __init__(self, rooms: Rooms, session: RoomSession, buffer: int, overflow: Overflow) -> None:
        self._rooms = rooms
        self.session = session
        self.messages: Stream[Message] = Stream(buffer, overflow)
        self.changes: Stream[PresenceChange] = Stream(buffer, lambda: PresenceChange(reset=True))
        session.rooms.append(self)

    @property
    def name(self) -> str:
        """The room's name."""
        return self.session.name

    @property
    def members(self) -> Mapping[str, Member]:
        """Who is there, by user id; empty with presence="none"."""
        return MappingProxyType(self.session.state.members)

    @property
    def position(self) -> Position | None:
        """Where this client is in the room's history: `join(since=...)` goes on from here another time."""
        return self.session.state.position

    @property
    def recovered(self) -> bool | None:
        """Whether the last (re-)join got everything that was missed; None if nothing was asked for yet."""
        return self.session.state.recovered

    async def send(self, data: Any, *, key: str | None = None) -> Position:
        """Say `data` (what the room's schema allows, or a Struct) to every member, this client too.

        Returns its position in the room's history. Sent again after a reconnect under the same idempotency `key`.
        Raises RequestRefused (`invalid_data`, `forbidden`, ...), RequestTimeout, ConnectionRefused.
        """
        self._check()
        message = {"type": "message", "room": self.name, "data": plain(data), "key": key or uuid.uuid4().hex}
        reply = await self.session.line.request(message)
        position: Position = reply.get("position") or {}
        return position

    async def presence(
        self, *, status: Literal["online", "away"] | None = None, info: Any = None
    ) -> Mapping[str, Member]:
        """Say how this client is there (kept across reconnects), and ask for all members."""
        self._check()
        about = {name: plain(value) for name, value in (("status", status), ("info", info)) if value is not None}
        self.session.about.update(about)
        await self.session.line.request({"type": "presence", "room": self.name, **about})
        return self.members

    async def history(self, *, before: Any = None, limit: int | None = None) -> History:
        """A page of what was said, oldest first. `before` is the offset of the page's end (a message's position)."""
        self._check()
        offset = before["offset"] if isinstance(before, Mapping) else before
        asked = {name: value for name, value in (("before", offset), ("limit", limit)) if value is not None}
        reply = await self.session.line.request({"type": "history", "room": self.name, **asked})
        messages = tuple(read_message({"room": self.name, **entry}) for entry in reply["messages"])
        return History(messages, bool(reply.get("more", False)))

    def presence_changes(self) -> Stream[PresenceChange]:
        """Who comes and goes. A consumer that is too slow gets one change with `reset`, and reads `members` anew."""
        return self.changes

    async def leave(self) -> None:
        """Leave the room, unless another `Room` of this client is still in it. Iterations end."""
        self.messages.close()
        self.changes.close()
        if self._rooms.release(self):
            try:
                await self.session.line.call({"type": "leave", "room": self.name})
            except ConnectionLost:
                return  # the gateway ends the membership with the connection

    def end(self, error: TidegateError) -> None:
        """The membership ended without the program's doing."""
        quiet = isinstance(error, ClientClosed)
        for stream in (self.messages, self.changes):
            if quiet:
                stream.close()
            else:
                stream.fail(error)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Message:
        return await self.messages.__anext__()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.leave()

    def _check(self) -> None:
        if self.session.error is not None:
            raise self.session.error
        if self not in self.session.rooms:
            raise ClientClosed(f"{self.session} was left")
