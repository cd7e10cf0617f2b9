"""The rooms that this client is in, and which `Room` objects share a membership.

`members.RoomState` knows which messages came already, and the members.
Invariant: the client tells the gateway to leave when the last `Room` of a membership is left, not before.
"""

from __future__ import annotations

from typing import Any, Literal, Protocol

from .errors import ClientClosed, InvalidOption, TidegateError, withdrawn
from .members import RoomState
from .models import Gap, Message, PresenceChange
from .positions import Position
from .room_events import RoomStatus
from .session import LinkPort, Session

__all__ = ["Membership", "Presence", "RoomHolder", "Rooms"]

Presence = Literal["full", "diff", "none"]
"""How the gateway reports members: the whole list at each change, what changed, or nothing."""


class RoomHolder(Protocol):
    """A `Room`, as its membership sees it."""

    @property
    def session(self) -> Membership:
        """The membership."""
        ...

    def receive(self, message: Message[Any]) -> None:
        """A member sent a message."""
        ...

    def change(self, change: PresenceChange) -> None:
        """Members came, left or changed."""
        ...

    def gap(self, gap: Gap) -> None:
        """Messages are lost."""
        ...

    def turned(self, status: RoomStatus) -> None:
        """The status is another one now."""
        ...

    def end(self, error: TidegateError) -> None:
        """The gateway or an error ended the membership."""
        ...


class Membership(Session):
    """This client's membership in one room."""

    def __init__(
        self,
        rooms: Rooms,
        link: LinkPort,
        name: str,
        *,
        presence: Presence,
        about: dict[str, Any],
        since: Position | None,
    ) -> None:
        super().__init__(link)
        self._rooms = rooms
        self.name = name
        self.presence = presence
        self.about = about
        """`status` and `info`, which the client sends again at each join."""
        self.state = RoomState(name, since)
        self.rooms: list[RoomHolder] = []
        self.status: RoomStatus = "joining"

    def __str__(self) -> str:
        return f"room {self.name!r}"

    async def open(self) -> None:
        message = {"type": "join", "room": self.name, "presence": self.presence, **self.about, **self.state.resume()}
        await self.link.call(message, self._joined, patient=True)

    def finish(self) -> None:
        """The program has left: see to what it said before and no connection has taken."""
        self.link.requests.visit({"type": "join", "room": self.name, "presence": "none", **self.about})

    async def say(self, about: dict[str, Any]) -> None:
        """Change what other members see, now and at later joins, unless the gateway refuses it."""
        before = dict(self.about)
        self.about |= about
        try:
            await self.link.request({"type": "presence", "room": self.name, **about})
        except TidegateError as error:
            if not error.retryable and self.about == {**before, **about}:
                self.about = before
            raise

    def cut(self) -> None:
        if self.status == "joined":
            self._turn("behind")

    def withdraw(self) -> None:
        self.link.post({"type": "leave", "room": self.name})

    def on_failed(self, error: TidegateError) -> None:
        self._rooms.forget(self)
        self._turn("left" if isinstance(error, ClientClosed) else "error")
        for room in self.rooms:
            room.end(error)

    def receive(self, push: dict[str, Any]) -> None:
        """A push about this room."""
        match push["type"]:
            case "message":
                self._message(self.state.message(push))
            case "presence":
                self._change(self.state.presence(push))
            case "presence_diff":
                self._change(self.state.presence_diff(push))
            case "joined":
                self._joined(push)
            case "gap":
                self._lost(self.state.gap(push))
            case "left" if push.get("reason") == "unavailable":
                self.cut()
                self.link.spawn(self.retry(withdrawn(f"the membership in {self}", "unavailable")))
            case "left":
                self.fail(withdrawn(f"the membership in {self}", push.get("reason")))

    def _joined(self, reply: dict[str, Any]) -> None:
        change, gap = self.state.joined(reply)
        self._turn("joined")
        self._lost(gap)
        self._change(change)

    def _turn(self, status: RoomStatus) -> None:
        if status != self.status:
            self.status = status
            for room in self.rooms:
                room.turned(status)

    def _lost(self, gap: Gap | None) -> None:
        if gap is not None:
            for room in self.rooms:
                room.gap(gap)

    def _message(self, message: Message[Any] | None) -> None:
        if message is not None:
            for room in self.rooms:
                room.receive(message)

    def _change(self, change: PresenceChange) -> None:
        if change:
            for room in self.rooms:
                room.change(change)


class Rooms:
    """All rooms of a client."""

    routes = frozenset({"message", "presence", "presence_diff", "joined", "left", "gap"})

    def __init__(self, link: LinkPort) -> None:
        self._link = link
        self._sessions: dict[str, Membership] = {}

    def session(self, name: str, *, presence: Presence, about: dict[str, Any], since: Position | None) -> Membership:
        """The membership in a room, new or shared."""
        if not isinstance(name, str):
            raise InvalidOption(f"the name of a room is a text, not a {type(name).__name__}")
        session = self._sessions.get(name)
        if session is None:
            session = Membership(self, self._link, name, presence=presence, about=about, since=since)
            self._sessions[name] = session
            self._link.requests.stay(name)
            self._link.start_session(session)
        elif session.presence != presence:
            raise InvalidOption(f"room {name!r} is joined with presence = {session.presence!r} already")
        return session

    def release(self, room: RoomHolder) -> bool:
        """The program left `room`. True if it was the last one, so that the client must tell the gateway."""
        session = room.session
        if room not in session.rooms:
            return False
        session.rooms.remove(room)
        if session.rooms or session.closed:
            return False
        session.closed = True
        self.forget(session)
        return True

    def forget(self, session: Membership) -> None:
        """Route nothing to `session` any more."""
        if self._sessions.get(session.name) is session:
            del self._sessions[session.name]

    def receive(self, message: dict[str, Any]) -> None:
        session = self._sessions.get(str(message.get("room")))
        if session is None or session.closed or (message["type"] in ("joined", "left") and "ref" in message):
            return
        session.read(message, session.receive)

    def sessions(self) -> list[Session]:
        return list(self._sessions.values())

    def identity_changed(self) -> None:
        """Rooms hold nothing that another identity may not see."""
