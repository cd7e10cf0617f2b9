"""What the core wants done: plain values that `net` carries out, in order.

They name sessions, groups and queries; they know nothing of frames, threads or databases. Whoever carries out an effect
that has an outcome (`PublishMessage`, `ReadHistory`, `Read`, `Write`, `Watch`, `Identify`) answers the client itself.
Invariant: every effect that stems from a request with a `ref` leads to exactly one reply or one error with that `ref`.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import msgspec

from tidegate.core.rows.ports import Mutation, ReadQuery
from tidegate_protocol import HistoryRequest, MessageRequest, RoomPosition

if TYPE_CHECKING:
    from tidegate.core.rooms.room import Room
    from tidegate.core.session import Session, Subscription

Ref = str | int | None


class Effect(msgspec.Struct, frozen=True, gc=False):
    """The root of all effects."""


class Reply(Effect, frozen=True, gc=False):
    """One message to one session."""

    session: Session
    message: msgspec.Struct


class Push(Effect, frozen=True, gc=False):
    """One message to many lines: encoded once, framed once."""

    lines: Collection[Any]
    message: msgspec.Struct


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


class Read(Effect, frozen=True, gc=False):
    """Rows for one session."""

    session: Session
    ref: Ref
    query: ReadQuery


class Write(Effect, frozen=True, gc=False):
    """A mutation. The reply has those of the rows that its user may read (`order.visible`)."""

    session: Session
    ref: Ref
    order: Mutation


class Watch(Effect, frozen=True, gc=False):
    """Bring a subscription up to the dispatched position, then make it live."""

    session: Session
    watching: Subscription


class Identify(Effect, frozen=True, gc=False):
    """Check a token and tell the core who it is (`Protocol.identified`)."""

    session: Session
    ref: Ref
    token: str
