"""What the rules of rooms want done, beside replies and pushes."""

from __future__ import annotations

from tidegate.core.effects import Effect, Ref
from tidegate.core.rooms.room import Room
from tidegate.core.session import Session
from tidegate_protocol import HistoryRequest, MessageRequest, RoomPosition


class JoinReplay(Effect, frozen=True, gc=False):
    """A session joined `room`: its history since `since`, then the reply, then what it missed."""

    session: Session
    room: Room
    ref: Ref
    since: RoomPosition | None
    with_users: bool
    with_presence: bool


class PublishMessage(Effect, frozen=True, gc=False):
    """Say something in a room."""

    session: Session
    room: Room
    request: MessageRequest


class ReadHistory(Effect, frozen=True, gc=False):
    """A page of a room's history."""

    session: Session
    room: Room
    request: HistoryRequest
