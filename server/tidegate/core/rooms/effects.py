"""What the rules of rooms want done by the engine, and the replies that follow from its answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from tidegate.core.effects import Effect, Ref
from tidegate.core.optional import given_ref
from tidegate.core.rooms.grants import Grant
from tidegate.core.rooms.ports import HistoryPage, Opened, PresenceEntry
from tidegate.core.rooms.room import Held, Mode, Room
from tidegate.core.session import Session
from tidegate_protocol import Joined, JoinRequest, MessageRequest, Messages, RoomPosition, Sent


class PublishMessage(Effect, frozen=True, gc=False):
    """Publish a message in a room, then send `reply`."""

    session: Session
    room: Room
    request: MessageRequest
    now: float

    @property
    def ref(self) -> Ref:
        return given_ref(self.request.ref)

    def reply(self, position: RoomPosition) -> Sent | None:
        """The answer to the request; None where the client asked for none."""
        ref = self.request.ref
        return None if ref is UNSET else Sent(room=self.room.name, position=position, ref=ref)


class JoinReplay(Effect, frozen=True, gc=False):
    """A session joined `room`: open it at the engine, then do what `Rooms.opened` says.

    Until the engine has answered, the session is to be held (`Rooms.hold`). Where it refuses: `Rooms.not_opened`.
    """

    session: Session
    room: Room
    ref: Ref
    since: RoomPosition | None
    mode: Mode
    """How the client wants to follow presence. A session that is in the room already does so from the answer on."""
    again: bool
    """The session was in the room already."""
    now: float

    def reply(self, opened: Opened) -> Joined | None:
        """The answer to the request, without the members; None where the client asked for none."""
        if self.ref is None:
            return None
        recovered, replayed = opened.missed is not None, len(opened.missed or ())
        return Joined(room=self.room.name, position=opened.head, recovered=recovered, replayed=replayed, ref=self.ref)


class AskRows(Effect, frozen=True, gc=False):
    """A session wants to join a room whose rules look at rows: read those of `grant`, then do what `Rooms.asked` says.

    Where they cannot be read: `Rooms.not_asked`. Then, in either case, do each request of `grant.queue`.
    """

    session: Session
    request: JoinRequest
    grant: Grant
    now: float

    @property
    def ref(self) -> Ref:
        return given_ref(self.request.ref)


class ReadHistory(Effect, frozen=True, gc=False):
    """Read a page of a room's history, then send `reply`."""

    session: Session
    room: Room
    ref: str | int
    before: int | None
    limit: int
    now: float

    def reply(self, page: HistoryPage) -> Messages:
        messages: Any = [msgspec.Raw(text) for text in page.texts]  # encoded already
        return Messages(room=self.room.name, messages=messages, more=page.more, ref=self.ref)


class ReplayMessages(Effect, frozen=True, gc=False):
    """Send a session the messages that it missed, as fast as it reads them; then do what `Rooms.replayed` says.

    To be given up where `room.held` has another value for the session than `held`: it left the room meanwhile.
    """

    join: JoinReplay
    texts: Sequence[bytes]
    head: int
    """The offset of the newest of them."""
    held: Held


class ListMembers(Effect, frozen=True, gc=False):
    """Tell a session who is in `room`: one list and, in a large room, differences with the further members.

    Each message is made when the client has read the one before it.
    """

    session: Session
    room: Room
    ref: Ref
    after: int | None = None
    """The client has the members up to this number already; None for none."""


def listing(session: Session, room: Room) -> list[Effect]:
    """Tell `session`, which is in `room`, who is there, unless it does not follow that."""
    return [] if room.sessions[session] == "none" else [ListMembers(session, room, None)]


class CloseRoom(Effect, frozen=True, gc=False):
    """No user is present in the room any more: the engine may stop delivering it."""

    room: str
    now: float


class SharePresence(Effect, frozen=True, gc=False):
    """Tell the engine how `user` is present through this gateway; None: not any more."""

    room: str
    user: str
    entry: PresenceEntry | None
