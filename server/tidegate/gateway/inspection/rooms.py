"""Which rooms are open at this gateway, and who is in one."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping

import msgspec

from tidegate.core.rooms.room import Room
from tidegate.core.sessions import Sessions

MOST_MEMBERS = 1000


class RoomView(msgspec.Struct, frozen=True, kw_only=True):
    """One room, as this gateway has it."""

    room: str
    pattern: str
    """The kind of room: its pattern in the schema."""
    connections: int
    members: int
    """Users who are present, at all gateways."""
    waiting: int
    """Connections whose `join` is not answered whole."""
    durable: bool


class MemberView(msgspec.Struct, frozen=True, kw_only=True):
    """A user in a room, with the connections at this gateway."""

    user: str
    connections: list[str]


class RoomDetail(msgspec.Struct, frozen=True, kw_only=True):
    """A room and its first `MOST_MEMBERS` users at this gateway."""

    about: RoomView
    users: list[MemberView]


ROOM_SORTS: Mapping[str, Callable[[RoomView], float]] = {
    "connections": lambda view: view.connections,
    "members": lambda view: view.members,
    "waiting": lambda view: view.waiting,
}
"""What rooms can be sorted by, the largest first."""


def rooms(sessions: Sessions, *, sort: str = "connections", limit: int = 20) -> list[RoomView]:
    """The first `limit` rooms by `sort`, one of ROOM_SORTS."""
    return heapq.nlargest(limit, map(_view, sessions.protocol.rooms.occupants.rooms.values()), key=ROOM_SORTS[sort])


def room(sessions: Sessions, name: str) -> RoomDetail | None:
    """One room; None where it is not open here."""
    found = sessions.protocol.rooms.occupants.rooms.get(name)
    if found is None:
        return None
    users: dict[str, list[str]] = {}
    for session in found.sessions:
        if session.user.id in users or len(users) < MOST_MEMBERS:
            users.setdefault(session.user.id, []).append(session.id)
    return RoomDetail(about=_view(found), users=[MemberView(user=user, connections=ids) for user, ids in users.items()])


def _view(found: Room) -> RoomView:
    return RoomView(
        room=found.name,
        pattern=found.rules.pattern,
        connections=len(found.sessions),
        members=len(found.presence),
        waiting=len(found.held),
        durable=found.rules.durable,
    )
