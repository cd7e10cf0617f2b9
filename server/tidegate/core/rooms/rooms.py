"""The half of the protocol about rooms: join, leave, message, presence and history.

Rules only: it changes the rooms that somebody is in and answers with effects. It does not know rows, and leaves what
was said in a room to whoever carries out `PublishMessage`, `JoinReplay` and `ReadHistory`.
Invariant: a session hears a room exactly from its `join` to its `leave` or its end.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec import UNSET

from tidegate.core.access.rules import allows, require
from tidegate.core.effects import Effect, Reply
from tidegate.core.errors import Refused
from tidegate.core.rooms.effects import JoinReplay, PublishMessage, ReadHistory
from tidegate.core.rooms.presence import NOTHING, Difference
from tidegate.core.rooms.room import Room, RoomRules
from tidegate.core.session import Session
from tidegate_protocol import (
    HistoryRequest,
    JoinRequest,
    LeaveRequest,
    Left,
    MessageRequest,
    PresenceRequest,
)

GRACE_S = 10.0
"""How long a user stays present after a connection just broke."""


class Rooms:
    """All rooms with somebody in them."""

    def __init__(self, rules: Callable[[str], RoomRules | None], rooms_per_session: int) -> None:
        self._rules = rules
        self._rooms_per_session = rooms_per_session
        self._rooms: dict[str, Room] = {}
        self._of: dict[Session, dict[str, Room]] = {}
        """The rooms of each session by name; for a ghost, those in which it stands for its user."""
        self._gathering: dict[Room, None] = {}
        self._ghosts: dict[str, list[Session]] = {}
        self._graces: dict[Session, float] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def room(self, name: str) -> Room | None:
        return self._rooms.get(name)

    def rooms_of(self, session: Session) -> list[Room]:
        return list(self._of.get(session, {}).values())

    # -- requests ---------------------------------------------------------------------------------------------------

    def join(self, session: Session, request: JoinRequest, now: float) -> list[Effect]:
        room = self._rooms.get(request.room) or self._open(request.room)
        require(room.rules.access, "join", session.user, "room", request.room)
        mode = request.presence if request.presence is not UNSET else "full"
        if session in room.sessions:
            room.discard(session)
        elif len(self._of.get(session, ())) >= self._rooms_per_session:
            raise Refused(
                "limit_reached",
                f"a connection may be in {self._rooms_per_session} rooms at a time; leave one first",
                pointer="/room",
            )
        self._rooms[room.name] = room
        self._of.setdefault(session, {})[room.name] = room
        room.add(session, mode)
        difference = NOTHING
        if room.rules.presence:
            difference = room.presence.enter(
                session.user,
                session,
                int(now * 1000),
                request.status if request.status is not UNSET else "online",
                request.info if request.info is not UNSET else None,
                instead_of=self._take_ghosts(session.user.id, room),
            )
        replay = JoinReplay(
            session=session,
            room=room,
            ref=None if request.ref is UNSET else request.ref,
            since=None if request.since is UNSET else request.since,
            with_users=mode == "diff" and room.rules.presence,
            with_presence=mode == "full" and room.rules.presence,
        )
        return [replay, *self._announce(room, difference, now, session)]

    def leave(self, session: Session, request: LeaveRequest, now: float) -> list[Effect]:
        room = self._joined(session, request.room)
        effects = self._exit(session, room, now)
        if request.ref is not UNSET:
            effects.insert(0, Reply(session, Left(room=room.name, ref=request.ref)))
        return effects

    def message(self, session: Session, request: MessageRequest, now: float) -> list[Effect]:
        room = self._joined(session, request.room)
        require(room.rules.access, "send", session.user, "room", request.room)
        return [PublishMessage(session, room, request)]

    def presence(self, session: Session, request: PresenceRequest, now: float) -> list[Effect]:
        room = self._joined(session, request.room)
        if not room.rules.presence:
            raise Refused("forbidden", "this kind of room keeps no presence", pointer="/room")
        difference = room.presence.update(
            session.user.id,
            session,
            request.status if request.status is not UNSET else None,
            request.info if request.info is not UNSET else None,
        )
        answer = room.presence_list()
        if request.ref is not UNSET:
            answer.ref = request.ref
        return [Reply(session, answer), *self._announce(room, difference, now, session)]

    def history(self, session: Session, request: HistoryRequest, now: float) -> list[Effect]:
        return [ReadHistory(session, self._joined(session, request.room), request)]

    # -- what happens to sessions -----------------------------------------------------------------------------------

    def left(self, session: Session, now: float) -> list[Effect]:
        """The session ended by its own will: it leaves all its rooms at once."""
        return [effect for room in self.rooms_of(session) for effect in self._exit(session, room, now)]

    def dropped(self, session: Session, now: float) -> list[Effect]:
        """The line broke: the session hears nothing more, its user stays present for the grace time."""
        rooms = self.rooms_of(session)
        for room in rooms:
            room.discard(session)
        if rooms:
            self._ghosts.setdefault(session.user.id, []).append(session)
            self._graces[session] = now + GRACE_S
        return []

    def change_user(self, session: Session, change: Callable[[], None], now: float) -> list[Effect]:
        """The session leaves its rooms as one user and, where the rules let it, joins them as another."""
        effects: list[Effect] = []
        for room in self.rooms_of(session):
            difference = room.presence.leave(session.user.id, session)
            effects += self._announce(room, difference, now, session)
        change()
        for room in self.rooms_of(session):
            if not allows(room.rules.access, "join", session.user):
                effects += [Reply(session, Left(room=room.name)), *self._exit(session, room, now)]
            elif room.rules.presence:
                difference = room.presence.enter(session.user, session, int(now * 1000))
                effects += self._announce(room, difference, now)
        return effects

    def tick(self, now: float) -> list[Effect]:
        """What time alone brings: members whose grace is over, presence that was gathered long enough."""
        effects: list[Effect] = []
        while self._graces:
            session, deadline = next(iter(self._graces.items()))
            if deadline > now:
                break
            effects += self._forget_ghost(session, now)
        for room in [room for room in self._gathering if room.push_due is not None and room.push_due <= now]:
            del self._gathering[room]
            effects += room.gathered()
        return effects

    # -- within -----------------------------------------------------------------------------------------------------

    def _open(self, name: str) -> Room:
        rules = self._rules(name)
        if rules is None:
            raise Refused("unknown_room", "no kind of room in the schema covers this name", pointer="/room")
        return Room(name, rules)

    def _joined(self, session: Session, name: str) -> Room:
        of_session = self._of.get(session)
        room = None if of_session is None else of_session.get(name)
        if room is None:
            raise Refused("not_joined", "join the room first", pointer="/room")
        return room

    def _exit(self, session: Session, room: Room, now: float) -> list[Effect]:
        self._forget(session, room)
        room.discard(session)
        difference = room.presence.leave(session.user.id, session)
        effects = self._announce(room, difference, now)
        self._close_if_empty(room)
        return effects

    def _forget(self, session: Session, room: Room) -> None:
        """`session` no longer counts as one of `room`."""
        of_session = self._of[session]
        del of_session[room.name]
        if not of_session:
            del self._of[session]

    def _announce(self, room: Room, difference: Difference, now: float, but: Session | None = None) -> list[Effect]:
        effects = room.announce(difference, now, but)
        if room.push_due is not None:
            self._gathering[room] = None
        return effects

    def _close_if_empty(self, room: Room) -> None:
        if room.empty and self._rooms.get(room.name) is room:
            del self._rooms[room.name]
            self._gathering.pop(room, None)

    def _take_ghosts(self, user: str, room: Room) -> list[Session]:
        """The user is back: dropped sessions need not stand for it in this room any longer."""
        ghosts = [ghost for ghost in self._ghosts.get(user, ()) if room.name in self._of[ghost]]
        for ghost in ghosts:
            self._forget(ghost, room)
            if ghost not in self._of:
                self._bury(ghost)
        return ghosts

    def _forget_ghost(self, ghost: Session, now: float) -> list[Effect]:
        self._bury(ghost)
        effects: list[Effect] = []
        for room in self.rooms_of(ghost):
            self._forget(ghost, room)
            effects += self._announce(room, room.presence.leave(ghost.user.id, ghost), now)
            self._close_if_empty(room)
        return effects

    def _bury(self, ghost: Session) -> None:
        del self._graces[ghost]
        of_user = self._ghosts[ghost.user.id]
        of_user.remove(ghost)
        if not of_user:
            del self._ghosts[ghost.user.id]
