"""Who may be in a room and do what there, now: asks for rows at a join, and ends memberships whose rule holds no more.

It knows what sessions were granted, and hears which conditions on rows ended. It reads no rows and has no clock.
Invariant: no session is in a room whose rule does not hold as of the dispatched position of the change feed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

from tidegate.core.access.claims import Claims
from tidegate.core.access.room_rules import OF_MEMBERS, RoomName, may_by_default, refused
from tidegate.core.access.rules import allows, require, require_role
from tidegate.core.effects import Effect, Reply
from tidegate.core.errors import Refused
from tidegate.core.rooms.effects import AskRows
from tidegate.core.rooms.grants import Grant, Grants
from tidegate.core.rooms.occupants import Occupants
from tidegate.core.rooms.room import Mode, Room, RoomRules
from tidegate.core.session import Session
from tidegate.core.watches.watch import Changed
from tidegate_protocol import JoinRequest, Left, Principal

Reason = Literal["forbidden", "removed", "unavailable"]
RETRY_S = 1.0
UNAVAILABLE = "the rows that decide who may be in the room cannot be followed at the moment"


class Guard:
    """Of all rooms of one gateway."""

    def __init__(self, grants: Grants, occupants: Occupants) -> None:
        self.grants = grants
        self.away = False
        """Changes of rows do not arrive, so that no condition on rows is known to hold."""
        self._occupants = occupants

    def ask(self, session: Session, room: Room, request: JoinRequest, now: float) -> list[Effect] | None:
        """What has to be asked before `session` may be in `room`; None for nothing. Raises Refused."""
        if room.rules.bound is None:
            if "join" not in room.rules.anyone_may:
                require(room.rules.access, "join", session.user, "room", room.name)
            return None
        known = self.grants.of(session, room.name)
        if known is not None:
            assert not known.asked, "the request waits"
            known.room = room  # the room may have been opened, or opened again, while rows were read
            return None
        grant = self.grants.begin(session, room, session.user, session.claims)
        if self.away and grant.watches:
            self.grants.end(grant)
            raise unavailable()
        if grant.sure:
            return None
        grant.asked = True
        return [AskRows(session, request, grant, now)]

    def answered(self, grant: Grant) -> None:
        """The rows were read. Raises Refused where the session may not join, or is not there any more."""
        kept = self.grants.of(grant.session, grant.room.name) is grant
        if grant.lost or (kept and self.away):
            self.grants.end(grant)
            raise unavailable()
        if not kept:
            raise Refused("not_joined", "the connection left the room before it was in it", pointer="/room")
        if not grant.may("join"):
            self.grants.end(grant)
            assert grant.room.rules.bound is not None
            raise refused(grant.room.rules.bound, "join", grant.session.user, grant.room.name)
        grant.asked = False

    def may(self, session: Session, room: Room, action: str) -> bool:
        """Whether `session`, which may join `room`, may do `action` there."""
        if room.rules.bound is None:
            return _may(room.rules, action, session.user)
        grant = self.grants.of(session, room.name)
        return grant is not None and grant.may(action)

    def mode(self, session: Session, room: Room, asked: Mode) -> Mode:
        """How `session` follows presence: as it `asked`, unless it may not, or the room keeps none."""
        return asked if room.rules.presence and self.may(session, room, "presence") else "none"

    def require(self, session: Session, room: Room, action: str) -> None:
        """Raises Refused where `session`, which is in `room`, may not do `action`."""
        if action in room.rules.anyone_may:
            return
        bound = room.rules.bound
        if bound is not None:
            if not self.may(session, room, action):
                raise refused(bound, action, session.user, room.name)
        else:
            require(room.rules.access, action, session.user, "room", room.name)

    def require_outside(self, session: Session, name: str, rules: RoomRules, action: str) -> None:
        """Raises Refused where `session`, which joins no rooms, has no role that the rules name for `action`."""
        for each in ("join", action) if action in OF_MEMBERS else (action,):
            if may_by_default(rules.access, each):
                continue
            require_role(rules.access, each, session.user, name)
            hook = None if rules.bound is None else rules.bound.hooks.get(each)
            room = RoomName(name, rules.pattern, rules.parameters(name))
            if hook is not None and not hook(session.user, session.claims, room):
                assert rules.bound is not None
                raise refused(rules.bound, each, session.user, name)

    def exit(self, session: Session, room: Room, now: float) -> list[Effect]:
        """`session` leaves `room`, in which it is."""
        self.release(session, room)
        return self._occupants.exit(session, room, now)

    def release(self, session: Session, room: Room) -> None:
        """`session` is not in `room` any more, or did not get in."""
        grant = self.grants.of(session, room.name)
        if grant is not None:
            self.grants.end(grant)

    def forget(self, session: Session) -> None:
        """The session ended."""
        for grant in self.grants.all_of(session):
            self.grants.end(grant)

    # -- what ends a membership -------------------------------------------------------------------------------------

    def changed(self, changes: Sequence[Changed], head: int, now: float) -> list[Effect]:
        """`changes`, which are all up to `head`, are dispatched."""
        effects: list[Effect] = []
        for watch in self.grants.watches.dispatched(changes, head):
            for grant in list(watch.holders):
                if watch.unsure:
                    effects += self._unsure(grant, now)
                elif not grant.asked:
                    effects += self._recheck(grant, now)
        return effects

    def lose(self, resources: Collection[str] | None, now: float) -> list[Effect]:
        """Changes of `resources` (None: of all) do not arrive: no condition on them is known to hold."""
        return [
            effect
            for grant in self.grants
            if any(resources is None or watch.condition.resource in resources for watch in grant.watches)
            for effect in self._unsure(grant, now)
        ]

    def user_changes(self, session: Session, room: Room, user: Principal, claims: Claims) -> Reason | None:
        """`session`, which is in `room`, is about to become `user`: why it has to leave; None if it may stay."""
        grant = self.grants.of(session, room.name)
        if grant is None:
            if not _may(room.rules, "join", user):
                return "forbidden"
            if not _may(room.rules, "presence", user):
                room.follow(session, "none")
            return None
        try:
            grant = self.grants.renew(grant, user, claims)
        except Refused as error:
            return "unavailable" if error.code in {"internal", "limit_reached"} else "forbidden"
        if not grant.may("join") or not all(watch.live for watch in grant.watches):
            return "unavailable"
        self._hide_members(grant)
        return None

    def user_changes_while_asked(self, session: Session) -> None:
        """`session` is about to become another user: what is being asked for it has to be asked again."""
        for grant in self.grants.all_of(session):
            grant.stale = grant.asked

    def _recheck(self, grant: Grant, now: float) -> list[Effect]:
        if not grant.may("join"):
            return self.remove(grant.session, grant.room, "removed", now)
        self._hide_members(grant)
        return []

    def _unsure(self, grant: Grant, now: float) -> list[Effect]:
        if not grant.asked:
            return self.remove(grant.session, grant.room, "unavailable", now)
        grant.lost = True
        self.grants.end(grant)
        return []

    def remove(self, session: Session, room: Room, reason: Reason, now: float) -> list[Effect]:
        """End the membership of `session` in `room`, and tell its client why."""
        return [Reply(session, Left(room=room.name, reason=reason)), *self.exit(session, room, now)]

    def _hide_members(self, grant: Grant) -> None:
        """A member that may not see who is present any more follows presence no longer."""
        if not grant.may("presence") and grant.session in grant.room.sessions:
            grant.room.follow(grant.session, "none")


def _may(rules: RoomRules, action: str, user: Principal) -> bool:
    """Whether `user` may do `action` where the rules look at the user alone."""
    return action in rules.anyone_may or allows(rules.access, action, user)


def unavailable() -> Refused:
    return Refused("unavailable", UNAVAILABLE, pointer="/room", retry_after=RETRY_S)
