"""The rooms that are open at this gateway, and who is in them: sessions, ghosts, and users of other gateways.

It lets sessions in and out, ends ghosts, and applies what other gateways say; each time it says what followers are
told, and what the engine is told. It does not know requests.
Invariant: a room is open exactly while a session or a ghost of this gateway is in it.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import Effect
from tidegate.core.errors import Refused
from tidegate.core.rooms.announcements import Announcements
from tidegate.core.rooms.effects import CloseRoom
from tidegate.core.rooms.elsewhere import Elsewhere
from tidegate.core.rooms.entries import RemoteMember
from tidegate.core.rooms.ghosts import Ghosts
from tidegate.core.rooms.limits import Openings, RoomLimits
from tidegate.core.rooms.membership_listener import MembershipListener, NoListener
from tidegate.core.rooms.memberships import Memberships
from tidegate.core.rooms.ports import Standing
from tidegate.core.rooms.presence import Difference
from tidegate.core.rooms.present_user import Info
from tidegate.core.rooms.room import Room, RoomRules
from tidegate.core.session import Session


class Occupants:
    """Of all rooms of this gateway."""

    def __init__(self, limits: RoomLimits, ledger: Ledger) -> None:
        self.rooms: dict[str, Room] = {}
        self.memberships = Memberships(ledger)
        self.announcements = Announcements()
        self._limits = limits
        self.openings = Openings(limits.new_rooms)
        self.listener: MembershipListener = NoListener()
        self._ghosts = Ghosts()
        self._elsewhere = Elsewhere(ledger)

    def new_room(self, name: str, rules: RoomRules) -> Room:
        """A room that is not open before a session enters it."""
        return Room(name, rules, leaving=self._elsewhere.leaving)

    def enter(self, session: Session, room: Room, info: Info | None, now: float) -> None:
        """`session` is in `room`. Raises Refused(limit_reached), and then nothing has changed."""
        limit = self._limits.rooms
        if self.memberships.count(session) >= limit:
            raise Refused(
                "limit_reached", f"a connection may be in {limit} rooms at a time; leave one first", pointer="/room"
            )
        if room.name not in self.rooms:
            self.openings.ask(session, now)
        self.memberships.enter(session, room, info, new=room.name not in self.rooms)
        self.rooms[room.name] = room

    def exit(self, session: Session, room: Room, now: float) -> list[Effect]:
        self.memberships.leave(session, room)
        room.discard(session)
        self.listener.left(session, room)
        return [
            *self.announcements.announce(room, room.presence.leave(session.user.id, session), now),
            *self._close_if_empty(room, now),
        ]

    def drop(self, session: Session, now: float, grace: float) -> None:
        """The connection is gone: the session gets nothing more, and stands for its user for `grace` seconds."""
        rooms = self.memberships.rooms(session)
        for room in rooms:
            room.discard(session)
            self.listener.left(session, room)
        if rooms:
            self._ghosts.add(session, now, grace)

    def end_ghost(self, session: Session, now: float) -> list[Effect]:
        """The client of a session that was dropped is done: the session stands for its user no longer."""
        if session not in self.memberships or session not in self._ghosts:
            return []
        self._ghosts.remove(session)
        return self._bury(session, now)

    def take_ghost(self, user: str, room: Room) -> list[Session]:
        """A connection of the user is back in `room`: one ghost stands for the user there no longer. Returns it."""
        ghost = next((ghost for ghost in self._ghosts.of(user) if self.memberships.room(ghost, room.name)), None)
        if ghost is None:
            return []
        self.memberships.leave(ghost, room)
        if ghost not in self.memberships:
            self._ghosts.remove(ghost)
        return [ghost]

    # -- what other gateways say ------------------------------------------------------------------------------------

    def present_elsewhere(self, name: str, member: RemoteMember, now: float) -> list[Effect]:
        """A gateway says of a user that it is present."""
        room = self._with_presence(name)
        if room is None:
            return []
        effects = self.announcements.announce(room, self._told(room, member), now)
        return effects + self._close_if_empty(room, now)

    def absent_elsewhere(self, name: str, node: str, user: str, now: float) -> list[Effect]:
        """A gateway says of a user that it is not present any more."""
        room = self._with_presence(name)
        return [] if room is None else self.announcements.announce(room, self._elsewhere.ended(room, node, user), now)

    def members_elsewhere(self, name: str, members: Sequence[RemoteMember], now: float) -> list[Effect]:
        """These users and no others are present in a room through other gateways."""
        room = self._with_presence(name)
        if room is None:
            return []
        over = self._elsewhere.others(room, members)
        users = dict.fromkeys([*(member.user for member in members), *(user for _, user in over)])
        before = {user: room.presence.member(user) for user in users}
        here = [user for member in members for user in self._told(room, member).here]
        for node, user in over:
            self._elsewhere.ended(room, node, user)
        effects = self.announcements.announce(room, room.presence.since(before, here), now)
        return effects + self._close_if_empty(room, now)

    def gateway(self, node: str, standing: Standing, now: float) -> list[Effect]:
        """The standing of another gateway changed."""
        return [
            effect
            for room, difference in self._elsewhere.stands(node, standing)
            for effect in self.announcements.announce(room, difference, now)
        ]

    def _told(self, room: Room, member: RemoteMember) -> Difference:
        """A user with one more connection at a gateway came back there: one ghost here ends."""
        before = room.presence.elsewhere(member.user, member.node)
        more = before is None or before.connections < member.entry.connections
        back = more and member.node not in self._elsewhere.leaving
        return self._elsewhere.told(room, member, self.take_ghost(member.user, room) if back else ())

    def _with_presence(self, name: str) -> Room | None:
        room = self.rooms.get(name)
        return room if room is not None and room.rules.presence else None

    # -- time -------------------------------------------------------------------------------------------------------

    def tick(self, now: float) -> list[Effect]:
        """What time alone brings: members whose grace is over, presence that was gathered long enough."""
        effects: list[Effect] = []
        for ghost in self._ghosts.ended(now):
            effects += self._bury(ghost, now)
        return effects + self.announcements.due(now)

    def shift(self, seconds: float) -> None:
        self._ghosts.shift(seconds)
        self.announcements.shift(seconds)

    def _bury(self, ghost: Session, now: float) -> list[Effect]:
        effects: list[Effect] = []
        for room in self.memberships.rooms(ghost):
            self.memberships.leave(ghost, room)
            effects += self.announcements.announce(room, room.presence.leave(ghost.user.id, ghost), now)
            effects += self._close_if_empty(room, now)
        return effects

    def _close_if_empty(self, room: Room, now: float) -> list[Effect]:
        if not room.empty or self.rooms.get(room.name) is not room:
            return []
        del self.rooms[room.name]
        self.announcements.forget(room)
        self._elsewhere.closed(room)
        self.memberships.closed(room)
        return [CloseRoom(room.name, now)]
