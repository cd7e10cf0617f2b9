"""One room that is open at this gateway, and what the database's function `open` says of it.

It asks nothing and tells nothing.
"""

from __future__ import annotations

from asyncio import Future
from collections.abc import Collection, Sequence

import msgspec

from tidegate.core.rooms.ports import Opened, PresenceEntry, RemoteMember
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.postgres import entries, values
from tidegate.engines.postgres.values import Row
from tidegate.engines.postgres.wishes import MESSAGE, Wish, unavailable
from tidegate.engines.texts import Halves
from tidegate_protocol import RoomPosition


def milliseconds(rules: RoomRules) -> int:
    """How long the room keeps messages; it keeps none where it is 0."""
    return int(rules.history_ttl * 1000) if rules.history_size else 0


def kept(rules: RoomRules) -> int:
    """How many messages the room keeps."""
    return rules.history_size if milliseconds(rules) else 0


def message(room: str, rules: RoomRules, sender: str, parts: Halves) -> Wish:
    """The wish to publish a message, without an idempotency key."""
    return Wish(MESSAGE, room, sender, parts, size=kept(rules), ttl=milliseconds(rules))


class Join(msgspec.Struct, gc=False):
    """A session that waits for the answer to its `open`."""

    answer: Future[Opened]
    since: RoomPosition | None
    began: float

    def refuse(self) -> None:
        if not self.answer.done():
            self.answer.set_exception(unavailable())

    def follow(self, other: Future[Opened]) -> None:
        """Answer as `other` was answered."""
        if self.answer.done():
            return
        if (error := other.exception()) is not None:
            self.answer.set_exception(error)
        else:
            self.answer.set_result(other.result())


class Presence(msgspec.Struct, frozen=True, gc=False):
    seq: int
    node: str
    user: str
    entry: PresenceEntry | None


class OpenRoom:
    __slots__ = ("ahead", "asked", "asked_since", "held", "joins", "rules", "told", "upto")

    def __init__(self, rules: RoomRules) -> None:
        self.rules = rules
        self.joins: list[Join] = []
        self.asked = 0
        """Questions that the database answered, or may have: by each it knows that the room is open here."""
        self.asked_since: RoomPosition | None = None
        """What the first join asked for: the question has it, too."""
        self.upto: int | None = None
        """Up to here the outbox is in what was told about presence; None while a question is under way."""
        self.held: list[Presence] = []
        self.told = False
        """Members elsewhere were told."""
        self.ahead: dict[int, tuple[str, bytes, int]] = {}
        """Own messages that are known before earlier ones of others were read: by offset, with the number of a read."""


def read(
    rows: Sequence[Row], names: Collection[str]
) -> tuple[RoomPosition, int, list[bytes] | None, list[RemoteMember]]:
    """The rows of the function `open`. `names`: of this gateway, also old ones."""
    head, upto = RoomPosition(epoch="", offset=0), 0
    missed: list[bytes] | None = []
    members: list[RemoteMember] = []
    for kind, epoch, number, node, who, body in rows:
        if kind == b"h":
            head = RoomPosition(epoch=values.text(epoch), offset=values.integer(number))
        elif kind == b"w":
            upto = values.integer(number)
        elif kind == b"m" and missed is not None:
            missed.append(body or b"")
        elif kind == b"x":
            missed = None
        elif kind == b"p" and values.text(node) not in names:
            members.append(RemoteMember(values.text(node), values.text(who), entries.decoded(body or b"")))
    return head, upto, missed, members


def asked_for(position: RoomPosition | None) -> tuple[bytes, bytes]:
    return (b"", values.int8(0)) if position is None else (position.epoch.encode(), values.int8(position.offset))
