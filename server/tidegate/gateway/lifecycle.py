"""What happens to connections and rooms, told to the parts that asked for it: one place for all of them.

The parts of the gateway say it here in the moment in which it happens; the listeners take it in the same step, and
must not take long. It does not know what they do with it.
Invariant: a connection is told as connected, then for each room as joined and left in turns, then as disconnected.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import msgspec

from tidegate.core.rooms.ports import Answer, Occupancy
from tidegate.core.rooms.room import Room
from tidegate.core.session import Session
from tidegate_protocol import Principal

Kind = Literal["connected", "disconnected", "joined", "left", "occupied", "vacated"]


class Happened(msgspec.Struct, frozen=True):
    """One event. `connection`, `user` and `claims` are those of the session at that moment; unset for `occupied` and
    `vacated`. The listener must not change them."""

    kind: Kind
    room: str | None = None
    connection: str = ""
    user: Principal | None = None
    claims: Mapping[str, Any] = {}


Listener = Callable[[Happened], None]


class Lifecycle:
    """Implements `core.rooms.membership_listener.MembershipListener`. Every method belongs to the gateway's loop."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._rooms: dict[Session, set[str]] = {}
        """The rooms that each session was told to have joined."""

    def listen(self, listener: Listener) -> None:
        """Tell `listener` from here on. To be called before the first client connects."""
        self._listeners.append(listener)

    def connected(self, session: Session) -> None:
        if self._listeners:
            self._rooms[session] = set()
            self._of(session, "connected")

    def disconnected(self, session: Session) -> None:
        rooms = self._rooms.pop(session, None)
        if rooms is not None:
            for room in sorted(rooms):
                self._of(session, "left", room)
            self._of(session, "disconnected")

    def joined(self, session: Session, room: Room) -> None:
        rooms = self._rooms.get(session)
        if rooms is not None and room.name not in rooms:
            rooms.add(room.name)
            self._of(session, "joined", room.name)

    def left(self, session: Session, room: Room) -> None:
        rooms = self._rooms.get(session)
        if rooms is not None and room.name in rooms:
            rooms.discard(room.name)
            self._of(session, "left", room.name)

    def occupied(self, room: str) -> None:
        """The first user is in a room, and no answer of the engine said so."""
        self._tell(Happened("occupied", room))

    def vacated(self, room: str) -> None:
        """The last user of a room vanished, for example with another gateway, and it is this one that was told."""
        self._tell(Happened("vacated", room))

    def present(self, room: str, answer: Answer[Occupancy]) -> None:
        """The engine was told who is present; where its `answer` says so, the room is occupied or vacated."""
        if not self._listeners:
            return
        if answer.done():
            self._occupancy(room, answer)
        else:
            add: Any = answer  # an asyncio.Future: the only kind of answer that is not ready
            add.add_done_callback(lambda _: self._occupancy(room, answer))

    def _occupancy(self, room: str, answer: Answer[Occupancy]) -> None:
        try:
            occupancy = answer.result()
        except BaseException:  # the engine was away: what changed meanwhile is told when it is back
            return
        if occupancy is not None:
            self._tell(Happened(occupancy, room))

    def _of(self, session: Session, kind: Kind, room: str | None = None) -> None:
        self._tell(Happened(kind, room, session.id, session.user, session.claims))

    def _tell(self, happened: Happened) -> None:
        for listener in self._listeners:
            listener(happened)
