"""What another user, or other claims of the same one, mean for the rooms that a session is in.

The rules are asked again. A session leaves the rooms that do not let its new user in, and those of which that is not
known without reading rows; the others see the new user.
"""

from __future__ import annotations

from tidegate.core.access.claims import Claims
from tidegate.core.effects import Effect
from tidegate.core.rooms.guard import Guard
from tidegate.core.rooms.memberships import Memberships
from tidegate.core.rooms.occupants import Occupants
from tidegate.core.rooms.room import Room
from tidegate.core.session import Session
from tidegate_protocol import Principal


def change_claims(guard: Guard, memberships: Memberships, session: Session, claims: Claims, now: float) -> list[Effect]:
    """The claims of the session's user are about to change: it leaves the rooms in which they do not let it stay."""
    guard.user_changes_while_asked(session)
    return [
        effect
        for room in memberships.rooms(session)
        if room.rules.bound is not None
        and (reason := guard.user_changes(session, room, session.user, claims)) is not None
        for effect in guard.remove(session, room, reason, now)
    ]


def change_user(
    guard: Guard, occupants: Occupants, session: Session, user: Principal, claims: Claims, now: float
) -> list[Effect]:
    """The session is about to become `user`: its rooms see that, and it leaves those that do not let `user` in.

    What the session said of its status and its info stays. It gets the change itself too, like every follower.
    """
    effects: list[Effect] = []
    guard.user_changes_while_asked(session)
    for room in occupants.memberships.rooms(session):
        reason = guard.user_changes(session, room, user, claims)
        if reason is not None:
            effects += guard.remove(session, room, reason, now)
        elif room.rules.presence:
            effects += _seen(occupants, session, room, user, now)
    return effects


def _seen(occupants: Occupants, session: Session, room: Room, user: Principal, now: float) -> list[Effect]:
    """`room` sees `user` in place of the session's present one."""
    if user.id == session.user.id:
        entered = room.presence.enter(user, session, int(now * 1000))
        return occupants.announcements.announce(room, entered, now)
    said = room.presence.said(session.user.id, session)
    left = room.presence.leave(session.user.id, session)
    effects = occupants.announcements.announce(room, left, now)
    ghost = occupants.take_ghost(user.id, room)
    entered = room.presence.enter(user, session, int(now * 1000), said.status, said.info, ghost)
    return [*effects, *occupants.announcements.announce(room, entered, now)]
