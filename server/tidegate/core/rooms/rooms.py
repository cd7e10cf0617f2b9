"""The half of the protocol about rooms: join, leave, message, presence and history.

Rules only: it changes the rooms in which a session or a ghost is, and answers with effects. It does not know rows, and
leaves messages to the engine: `PublishMessage`, `JoinReplay` and `ReadHistory` ask it, and its answers come back here.
Invariant: a session gets a room's messages exactly from the answer to its `join` until its `leave` or its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from msgspec import UNSET

from tidegate.core.access.claims import Claims
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import Effect, Push, Reply, SendEncoded
from tidegate.core.errors import Refused
from tidegate.core.optional import given, given_ref
from tidegate.core.rooms import identity_changes
from tidegate.core.rooms.beginnings import before_answer, began_again, begun, unless_older
from tidegate.core.rooms.effects import JoinReplay, ListMembers, PublishMessage, ReadHistory, ReplayMessages, listing
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.rooms.grants import EARLIER_JOIN, Grants
from tidegate.core.rooms.guard import Guard
from tidegate.core.rooms.limits import RoomLimits, read_info
from tidegate.core.rooms.occupants import Occupants
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.presence import NOTHING
from tidegate.core.rooms.room import REPLAY_BYTES, Held, Mode, Room, RoomRules
from tidegate.core.session import Session
from tidegate.core.watches.watches import Watches
from tidegate_protocol import (
    HistoryRequest,
    JoinRequest,
    LeaveRequest,
    Left,
    MessageRequest,
    PresenceRequest,
    Principal,
    RoomPosition,
)


class Rooms:
    """All rooms of this gateway in which a session or a ghost is."""

    def __init__(
        self,
        rules: Callable[[str], RoomRules | None],
        limits: RoomLimits,
        ledger: Ledger,
        watches: Watches | None = None,
    ) -> None:
        """`rules`: of a room by its name. `watches`: the conditions on rows that rules of rooms depend on."""
        self._rules = rules
        self._limits = limits
        self.occupants = Occupants(limits, ledger)
        """Who is in which room; also what other gateways say goes there."""
        self.guard = Guard(Grants(Watches({}) if watches is None else watches, ledger), self.occupants)
        """Who may be in which room."""
        self.openings = self.occupants.openings
        self._rooms = self.occupants.rooms
        self._memberships = self.occupants.memberships
        self._announcements = self.occupants.announcements

    def rules(self, name: str) -> RoomRules:
        """The rules of a room. Raises Refused(unknown_room)."""
        rules = self._rules(name)
        if rules is None:
            raise Refused("unknown_room", "no kind of room in the schema covers this name", pointer="/room")
        return rules

    def rooms_of(self, session: Session) -> list[Room]:
        return self._memberships.rooms(session)

    # -- requests ---------------------------------------------------------------------------------------------------

    def join(self, session: Session, request: JoinRequest, now: float) -> list[Effect]:
        room = self._rooms.get(request.room) or self.occupants.new_room(request.room, self.rules(request.room))
        ask = self.guard.ask(session, room, request, now)
        if ask is not None:
            return ask
        try:
            return self._enter(session, room, request, now)
        except Refused:
            if session not in room.sessions:
                self.guard.release(session, room)
            raise

    def _enter(self, session: Session, room: Room, request: JoinRequest, now: float) -> list[Effect]:
        mode: Mode = request.presence if request.presence is not UNSET else "full"
        again = session in room.sessions
        if again and session in room.held and room.held[session].replays:
            raise Refused("limit_reached", EARLIER_JOIN, pointer="/room", retry_after=1.0)
        info = read_info(request.info, self._limits)
        if again:
            self._memberships.says(session, room, info)
        else:
            self.occupants.enter(session, room, info, now)
            room.add(session, self.guard.mode(session, room, mode))
        difference = NOTHING
        if room.rules.presence:
            difference = room.presence.enter(
                session.user,
                session,
                int(now * 1000),
                given(request.status),
                info,
                instead_of=() if again else self.occupants.take_ghost(session.user.id, room),
            )
        replay = JoinReplay(
            session=session,
            room=room,
            ref=given_ref(request.ref),
            since=given(request.since) if self.guard.may(session, room, "history") else None,
            mode=mode,
            again=again,
            now=now,
        )
        return [*self._announcements.announce(room, difference, now, session), replay]

    def leave(self, session: Session, request: LeaveRequest, now: float) -> list[Effect]:
        room = self._joined(session, request.room)
        told = [] if request.ref is UNSET else [Reply(session, Left(room=room.name, ref=request.ref))]
        return [*told, *self.guard.exit(session, room, now)]

    def message(self, session: Session, request: MessageRequest, now: float) -> list[Effect]:
        room = self._memberships.room(session, request.room)
        if room is None or "send" not in room.rules.anyone_may:
            room = self._open_to(session, request.room, "send")
        return [PublishMessage(session, room, request, now)]

    def presence(self, session: Session, request: PresenceRequest, now: float) -> list[Effect]:
        room = self._joined(session, request.room)
        if not room.rules.presence:
            raise Refused("forbidden", "this kind of room keeps no presence", pointer="/room")
        self.guard.require(session, room, "presence")
        info = read_info(request.info, self._limits)
        self._memberships.says(session, room, info)
        difference = room.presence.update(session.user.id, session, given(request.status), info, int(now * 1000))
        listing = ListMembers(session, room, given_ref(request.ref))
        return [listing, *self._announcements.announce(room, difference, now, session)]

    def history(self, session: Session, request: HistoryRequest, now: float) -> list[Effect]:
        room = self._open_to(session, request.room, "history")
        if request.ref is UNSET:
            return []
        before = given(request.before)
        limit = self._limits.history if request.limit is UNSET else request.limit
        return [ReadHistory(session, room, request.ref, before, limit, now)]

    # -- what the engine answers and reports ------------------------------------------------------------------------

    def hold(self, join: JoinReplay) -> Held:
        """The engine has not answered a `join` yet: the session gets nothing of the room before that.

        Returns what belongs to the answer, in `opened` or `not_opened`.
        """
        held = join.room.hold(join.session)
        held.wait(join, enters=not join.again)
        return held

    def opened(self, join: JoinReplay, opened: Opened, waited: Held | None = None) -> Sequence[Effect]:
        """The engine answered a `join`: the reply, the messages that the session missed, then who is present.

        `waited`: what `hold` returned; None where the answer was there at once. Raises Refused where the session left
        the room meanwhile, also if it came back, or is being sent what it missed for another `join`.
        """
        session, room = join.session, join.room
        if not room.goes_on(session, waited):
            raise Refused("not_joined", "the connection left the room before it was in it", pointer="/room")
        held = room.held.get(session)
        effects: list[Effect] = []
        if held is not None:
            held.answered(join)
            if held.replays:
                raise Refused("limit_reached", EARLIER_JOIN, pointer="/room", retry_after=1.0)
            opened = unless_older(opened, held.began)
            effects += before_answer(join, opened, held)
        self.occupants.listener.joined(session, room)
        mode = self.guard.mode(session, room, join.mode)
        room.follow(session, mode)
        missed = opened.missed or ()
        further: int | None = None
        listed = mode == "none"
        joined = join.reply(opened)
        if joined is not None:
            if mode == "diff":
                further = room.list_in(joined)
                listed = further is None
            effects.append(Reply(session, joined))
        if sum(map(len, missed)) > REPLAY_BYTES:
            held = room.hold(session)
            held.replays = True
            return [*effects, ReplayMessages(join, missed, opened.head.offset, held)]
        if missed:
            effects.append(SendEncoded(session, missed))
        if held is not None and not held.waiting:
            effects += room.release(session, opened.head.offset)
        if not listed:
            effects.append(ListMembers(session, room, None, further))
        return effects

    def replayed(self, replay: ReplayMessages) -> Sequence[Effect]:
        """A session was sent all that it missed: what was delivered meanwhile, then who is present now."""
        session, room, held = replay.join.session, replay.join.room, replay.held
        held.replays = False
        effects = begun(session, room, held)
        if not effects:
            held.take(replay.head)
        if not held.waiting:
            effects += room.release(session, -1)
        return [*effects, *listing(session, room)]

    def not_opened(self, join: JoinReplay, waited: Held | None = None) -> Sequence[Effect]:
        """The engine refused a `join`: the session is not in the room, unless another `join` let it in, or still may.

        One that stays is told who is present: it was not told what changed while it was held, nor what the refused
        `join` said of its user. `waited`: as for `opened`.
        """
        session, room = join.session, join.room
        if not room.goes_on(session, waited):
            return []
        held = room.held.get(session)
        if held is not None:
            held.answered(join)
        if not (join.again if held is None else held.stays):
            return self.guard.exit(session, room, join.now)
        if held is None:
            return listing(session, room)
        if held.waiting or held.replays:
            return []
        return [*begun(session, room, held), *room.release(session, -1), *listing(session, room)]

    def delivered(self, name: str, offset: int, text: bytes) -> Room | None:
        """A message was published in a room: the room, to whose sinks it is to be sent."""
        room = self._rooms.get(name)
        if room is not None and room.held:
            for held in room.held.values():
                held.add(offset, text)
        return room

    def restarted(self, name: str, head: RoomPosition) -> list[Push]:
        """The engine lost messages of a room: its sessions are told that they cannot be recovered."""
        room = self._rooms.get(name)
        if room is None:
            return []
        for held in room.held.values():
            held.begin(head)
        return [Push(room.sinks, began_again(name, head))]

    # -- what happens to sessions -----------------------------------------------------------------------------------

    def left(self, session: Session, now: float) -> list[Effect]:
        """The client ended the session: it leaves all its rooms at once."""
        self.guard.forget(session)
        return [effect for room in self.rooms_of(session) for effect in self.occupants.exit(session, room, now)]

    def dropped(self, session: Session, now: float, grace: float = GRACE_S) -> list[Effect]:
        """The connection is gone: the session gets nothing more, and stands for its user for `grace` seconds."""
        self.guard.forget(session)
        self.occupants.drop(session, now, grace)
        return []

    def change_claims(self, session: Session, claims: Claims, now: float) -> list[Effect]:
        """The claims of the session's user are about to change."""
        return identity_changes.change_claims(self.guard, self._memberships, session, claims, now)

    def change_user(self, session: Session, user: Principal, claims: Claims, now: float) -> list[Effect]:
        """The session is about to become `user`."""
        return identity_changes.change_user(self.guard, self.occupants, session, user, claims, now)

    def account_changed(self, session: Session) -> None:
        self._memberships.account_changed(session)

    def tick(self, now: float) -> list[Effect]:
        """What time alone brings; to be called at least every 100 ms."""
        return self.occupants.tick(now)

    def shift(self, seconds: float) -> None:
        self.occupants.shift(seconds)

    # -- within -----------------------------------------------------------------------------------------------------

    def _open_to(self, session: Session, name: str, action: str) -> Room:
        """The room that `session` is in, or the one that a session outside of all rooms asks for, if it may."""
        if session.outside:
            rules = self.rules(name)
            self.guard.require_outside(session, name, rules, action)
            return Room(name, rules)
        room = self._joined(session, name)
        self.guard.require(session, room, action)
        return room

    def _joined(self, session: Session, name: str) -> Room:
        room = self._memberships.room(session, name)
        if room is None:
            raise Refused("not_joined", "join the room first", pointer="/room")
        return room
