"""What an operator can see of a gateway that serves: connections, rooms and subscriptions, with what they cost.

Functions of what is there now; nothing here changes anything. They show ids, numbers and filters: no token, no payload,
no content of a row and no info of a member.
"""

from __future__ import annotations

from tidegate.gateway.inspection.connected import AnyConnection, Connected, session_of
from tidegate.gateway.inspection.connections import CONNECTION_SORTS, ConnectionView, Figures, connections, figures
from tidegate.gateway.inspection.rooms import ROOM_SORTS, MemberView, RoomDetail, RoomView, room, rooms
from tidegate.gateway.inspection.subscriptions import GROUP_SORTS, GroupView, subscriptions

__all__ = [
    "CONNECTION_SORTS",
    "GROUP_SORTS",
    "ROOM_SORTS",
    "AnyConnection",
    "Connected",
    "ConnectionView",
    "Figures",
    "GroupView",
    "MemberView",
    "RoomDetail",
    "RoomView",
    "connections",
    "figures",
    "room",
    "rooms",
    "session_of",
    "subscriptions",
]  # fmt: skip
