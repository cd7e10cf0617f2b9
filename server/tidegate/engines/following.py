"""Which messages of each open room this gateway has delivered, and so which one is next.

Pure: it neither asks an engine nor knows a connection. Where a message is missing, or after a lost connection, it
returns an `Ask`: the engine is to be asked for what came after a position, and the answer goes to `answered`. Until
then it holds what the engine delivers.
Invariant: within a room and epoch, each offset is delivered at most once and in order; an offset that is skipped was
told with `restarted` before the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from tidegate_protocol import RoomPosition

HELD_BYTES = 16 << 20
"""Bytes of messages that wait for answers, in all rooms together. Beyond it they are dropped, and asked for again."""


class Told(Protocol):
    """Who is told about rooms: a part of `core.rooms.ports.EngineListener`."""

    def delivered(self, room: str, offset: int, text: bytes) -> None: ...

    def restarted(self, room: str, head: RoomPosition) -> None: ...


class Ask(NamedTuple):
    """A question to the engine: the head of `room`, and its messages after `known`."""

    room: str
    number: int
    """Tells this question from every other one."""
    known: RoomPosition | None
    """What this gateway has delivered last; None for a room that is new to it. Never what a client claims."""


_Held = tuple[str, int, bytes]
"""Epoch, offset and text of a message that waits for an answer."""


class _Followed:
    """One open room."""

    __slots__ = ("asked", "began", "epoch", "held", "offset", "overflowed", "size")

    def __init__(self, asked: int) -> None:
        self.asked: int | None = asked
        """The question that is not answered yet; None for a room that is delivered live."""
        self.epoch: str | None = None
        self.offset = 0
        """Of what was delivered last; no epoch until the first answer. Each message would need a new object."""
        self.began: RoomPosition | None = None
        """From here on every message was delivered: `position` where the room was new, or began again."""
        self.held: list[_Held] = []
        self.size = 0
        self.overflowed = False
        """Messages were dropped while they waited."""

    @property
    def position(self) -> RoomPosition | None:
        """What was delivered last; None until the first answer."""
        return None if self.epoch is None else RoomPosition(epoch=self.epoch, offset=self.offset)

    def begin(self, at: RoomPosition) -> None:
        """The next message is the one after `at`."""
        self.began = at
        self.epoch, self.offset = at.epoch, at.offset


class Following:
    """All open rooms of one gateway."""

    def __init__(self, told: Told, held_bytes: int = HELD_BYTES) -> None:
        self._told = told
        self._limit = held_bytes
        self._rooms: dict[str, _Followed] = {}
        self._held = 0
        self._numbers = 0

    def __contains__(self, room: str) -> bool:
        return room in self._rooms

    def __len__(self) -> int:
        return len(self._rooms)

    def position(self, room: str) -> RoomPosition | None:
        """What was delivered last of a room that is delivered live; None for another one.

        A session that joins such a room now gets exactly what follows.
        """
        followed = self._rooms.get(room)
        return None if followed is None or followed.asked is not None else followed.position

    def known(self, room: str) -> RoomPosition | None:
        """What was delivered last, live or not: what an engine holds its own position against."""
        followed = self._rooms.get(room)
        return None if followed is None else followed.position

    def reached(self, room: str) -> tuple[str, int]:
        """As `known`, as epoch and offset; an empty epoch for a room that is new."""
        followed = self._rooms.get(room)
        return ("", 0) if followed is None or followed.epoch is None else (followed.epoch, followed.offset)

    def began(self, room: str) -> RoomPosition | None:
        """After which position every message was delivered, up to `known`. None for a room that is new.

        A session that joins, and was told another head than `position`, lacks nothing if it has all up to here.
        """
        followed = self._rooms.get(room)
        return None if followed is None else followed.began

    def follow(self, room: str) -> Ask | None:
        """Follow `room`; None where that is so already. The engine is to be subscribed before it is asked."""
        if room in self._rooms:
            return None
        followed = self._rooms[room] = _Followed(0)
        return self._ask(room, followed)

    def unfollow(self, room: str) -> None:
        """Nothing of `room` is delivered any more; an answer that is on its way counts for nothing."""
        followed = self._rooms.pop(room, None)
        if followed is not None:
            self._drop_held(followed)

    def arrived(self, room: str, epoch: str, offset: int, text: bytes) -> Ask | None:
        """The engine delivered a message: it is passed on, dropped because it was before, or held."""
        followed = self._rooms.get(room)
        if followed is None:
            return None
        if followed.asked is not None:
            self._hold(followed, epoch, offset, text)
            return None
        if epoch == followed.epoch:
            if offset == followed.offset + 1:
                followed.offset = offset
                self._told.delivered(room, offset, text)
                return None
            if offset <= followed.offset:
                return None
        self._hold(followed, epoch, offset, text)
        return self._ask(room, followed)

    def answered(self, ask: Ask, head: RoomPosition, missed: Sequence[bytes] | None) -> Ask | None:
        """The engine answered. `missed`: the messages after `ask.known`, the oldest first; None where some are gone.

        They may end before the head, and then the others are asked for. An answer to an earlier question, or for a
        room that was closed meanwhile, counts for nothing.
        """
        followed = self._rooms.get(ask.room)
        if followed is None or followed.asked != ask.number:
            return None
        followed.asked = None
        held, lacks = followed.held, followed.overflowed
        self._drop_held(followed)
        known = followed.position
        if known is None:
            followed.begin(head)
        elif missed is None or not _fits(known, head, missed):
            start = _start(known, head, held)
            if missed is not None or start != known:  # otherwise what waits follows what was delivered
                followed.begin(start)
                self._told.restarted(ask.room, start)
        else:
            for offset, text in enumerate(missed, known.offset + 1):
                self._deliver(ask.room, followed, offset, text)
            lacks = lacks or known.offset + len(missed) < head.offset
        return self._release(ask.room, followed, held, lacks)

    def again(self) -> list[Ask]:
        """The connection was lost and is back: every room is to be asked for. What was held is asked for, too."""
        for followed in self._rooms.values():
            self._drop_held(followed)
        return [self._ask(room, followed) for room, followed in self._rooms.items()]

    def ask_again(self, room: str) -> Ask | None:
        """A question failed, or messages may be missing: a new question. None for a room that is not followed."""
        followed = self._rooms.get(room)
        return None if followed is None else self._ask(room, followed)

    def _ask(self, room: str, followed: _Followed) -> Ask:
        self._numbers += 1
        followed.asked = self._numbers
        return Ask(room, self._numbers, followed.position)

    def _deliver(self, room: str, followed: _Followed, offset: int, text: bytes) -> None:
        followed.offset = offset
        self._told.delivered(room, offset, text)

    def _release(self, room: str, followed: _Followed, held: Sequence[_Held], lacks: bool) -> Ask | None:
        """Deliver what waited. `lacks`: messages are known to be missing.

        A message of another epoch came before the answer or after it: only another answer tells.
        """
        for epoch, offset, text in held:
            if epoch == followed.epoch and offset == followed.offset + 1:
                self._deliver(room, followed, offset, text)
            elif epoch != followed.epoch or offset > followed.offset:
                lacks = True
        return self._ask(room, followed) if lacks else None

    def _hold(self, followed: _Followed, epoch: str, offset: int, text: bytes) -> None:
        if followed.overflowed:
            return
        followed.held.append((epoch, offset, text))
        followed.size += len(text)
        self._held += len(text)
        if self._held > self._limit:
            self._drop_held(followed)
            followed.overflowed = True

    def _drop_held(self, followed: _Followed) -> None:
        self._held -= followed.size
        followed.held, followed.size, followed.overflowed = [], 0, False


def _fits(known: RoomPosition, head: RoomPosition, missed: Sequence[bytes]) -> bool:
    """Whether `missed` are messages after `known`, and some if there are any."""
    lacking = head.offset - known.offset
    return head.epoch == known.epoch and len(missed) <= lacking and bool(missed) == bool(lacking)


def _start(known: RoomPosition, head: RoomPosition, held: Sequence[_Held]) -> RoomPosition:
    """Where a room goes on whose missed messages are lost: at its head or, where a message that waits is one of the
    last before it, with that one.
    """
    delivered = known.offset if known.epoch == head.epoch else 0
    for epoch, offset, _ in held:
        if epoch == head.epoch and delivered < offset <= head.offset:
            return RoomPosition(epoch=epoch, offset=offset - 1)
    return head
