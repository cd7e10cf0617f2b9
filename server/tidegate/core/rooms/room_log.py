"""The port through which durable rooms reach the database that keeps their messages.

A log keeps texts, and gives each its number in its room; what a text says, it does not know. It answers with an
`Answer`, as an engine does. Times are in milliseconds since the Unix epoch, where they are whole.
Invariant of every log: within a room and epoch no offset is given twice, whatever was pruned, forgotten or restarted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import msgspec

from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.rooms.ports import Answer
from tidegate.core.rooms.room import RoomRules
from tidegate_protocol import RoomPosition

Changed = Callable[[Sequence[str] | None], None]
"""Called in the loop's thread with rooms that may have new messages; None: any room may."""


class NewMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message that is to be kept."""

    room: str
    text: bytes
    time: int
    size: int
    """How many messages the room keeps."""
    ttl: int
    """How long, in milliseconds."""
    user: str
    key: str | None = None
    """The idempotency key."""
    digest: bytes = b""
    """Of what the user sent: the same key with another digest is a conflict."""
    known: RoomPosition | None = None
    """The newest message of the room that this gateway has delivered: the log has lost some where it ends before."""
    payer: Payer = GATEWAY

    kind = "message"
    """Beside the kinds of mutations."""


class ForgetRoom(msgspec.Struct, frozen=True, kw_only=True):
    """The history of a room is to be deleted."""

    room: str
    payer: Payer = GATEWAY
    user: str = ""
    key: str | None = None

    kind = "delete"


class Kept(msgspec.Struct, frozen=True):
    """A message is on the disk."""

    position: RoomPosition
    time: int
    """What its members see: never less than that of the message before it."""
    new: bool = True
    """False where it was kept before, under its idempotency key."""


class Record(NamedTuple):
    """A message that is kept."""

    offset: int
    time: int
    text: bytes


class Records(msgspec.Struct, frozen=True):
    """What was read of a room at one moment."""

    head: RoomPosition
    """The newest message that there ever was; offset 0 where there was none in this epoch."""
    records: Sequence[Record] | None
    """Oldest first; None where those that were asked for are not all there."""
    more: bool = False
    """Whether older ones are kept."""


class RoomLog(Protocol):
    """Messages of durable rooms. Every method belongs to the event loop's thread.

    The answers raise Refused: unavailable, limit_reached, rate_limited; `append` conflict too.
    """

    @property
    def shared(self) -> bool:
        """Whether other gateways may append to it."""

    def append(self, message: NewMessage) -> Answer[Kept]:
        """Keep a message; the answer comes once it is committed."""

    def after(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Records]:
        """The messages after `since`, none without `since`; no records where they are too many for one answer."""

    def follow(self, room: str, known: RoomPosition | None) -> Answer[Records]:
        """As `after`, for a gateway that delivered `known`: of too many messages the first ones."""

    def page(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[Records]:
        """The newest messages with an offset below `before` (None: of all): at most `limit`, and few bytes."""

    def heads(self, rooms: Sequence[str]) -> Answer[Mapping[str, RoomPosition]]:
        """The newest message of each room."""

    def forget(self, room: str) -> Answer[None]:
        """Delete what is kept of a room, whose next message begins a new epoch."""

    def watch(self, changed: Changed) -> None:
        """Call `changed` when other gateways have appended something. To be called once."""
