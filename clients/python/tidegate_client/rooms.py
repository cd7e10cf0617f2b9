"""The rooms that this client is in, and which `Room` objects share a membership.

Which messages were heard already, and who is there, is `members.RoomState`'s business.
Invariant: the gateway is told to leave when the last `Room` of a membership is left, not before.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from .errors import TidegateError
from .members import RoomState
from .models import Message, PresenceChange
from .positions import Position
from .session import Line, Session

__all__ = ["Presence", "RoomHolder", "RoomSession", "Rooms"]

Presence = Literal["full", "diff", "none"]
"""How the gateway tells of members: the whole room on each change, what changed, or nothing."""


class RoomHolder(Protocol):
    """A `Room`, as its membership sees it."""

    @property
    def session(self) -> RoomSession:
        """The membership."""
        ...

    def hear(self, message: Message[Any]) -> None:
        """Something was said."""
        ...

    def tell(self, change: PresenceChange) -> None:
        """Somebody came, went or changed."""
        ...

    def end(self, error: TidegateError) -> None:
        """The membership ended without the program's doing."""
        ...


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
        self.rooms: list[RoomHolder] = []

    def __str__(self) -> str:
        return f"room {self.name!r}"

    async def open(self) -> None:
        message = {"type": "join", "room": self.name, "presence": self.presence, **self.about, **self.state.resume()}
        await self.line.call(message, lambda reply: self.tell(self.state.joined(reply)))

    def cut(self) -> None:
        """Nothing to undo: the position is that of the last message heard."""

    def withdraw(self) -> None:
        self.line.post({"type": "leave", "room": self.name})

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

    def hear(self, message: Message[Any] | None) -> None:
        if message is not None:
            for room in self.rooms:
                room.hear(message)

    def tell(self, change: PresenceChange) -> None:
        if change:
            for room in self.rooms:
                room.tell(change)


class Rooms:
    """All rooms of a client."""

    routes = frozenset({"message", "presence", "presence_diff", "left"})

    def __init__(self, line: Line) -> None:
        self._line = line
        self._sessions: dict[str, RoomSession] = {}

    def session(self, name: str, *, presence: Presence, about: dict[str, Any], since: Position | None) -> RoomSession:
        """The membership in a room, new or shared."""
        session = self._sessions.get(name)
        if session is None:
            session = RoomSession(self, self._line, name, presence=presence, about=about, since=since)
            self._sessions[name] = session
            self._line.start_session(session)
        elif session.presence != presence:
            raise ValueError(f"room {name!r} is joined with presence={session.presence!r} already")
        return session

    def release(self, room: RoomHolder) -> bool:
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
