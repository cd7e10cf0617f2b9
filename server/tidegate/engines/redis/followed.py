"""One room that this gateway follows, the sessions that wait for the answer to `open`, and what open.lua replies.

Pure: it asks nothing. Invariant: an `open` is answered when the room is delivered live, and with a head that is not
before what was delivered when `open` was called.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tidegate.core.rooms.ports import Opened, PresenceEntry, RemoteMember
from tidegate.core.rooms.room import RoomRules
from tidegate.engines import entries
from tidegate.engines.redis.keys import read_field
from tidegate.engines.redis.wire import away, refuse
from tidegate_protocol import RoomPosition


class Opening:
    """A session that joins."""

    __slots__ = ("answer", "head", "missed", "since")

    def __init__(self, since: RoomPosition | None, answer: asyncio.Future[Opened]) -> None:
        self.since = since
        self.answer = answer
        self.head: RoomPosition | None = None
        """The head when the server answered last, where nothing is left to be asked."""
        self.missed: list[bytes] | None = None if since is None else []

    def take(self, head: RoomPosition, missed: Sequence[bytes] | None) -> RoomPosition | None:
        """The server answered with a part of what the session missed, or all of it.

        Returns where to read on; None where nothing is left.
        """
        if self.since is not None and missed is not None and self.missed is not None:
            self.missed += missed
            got = self.since.offset + len(self.missed)
            if missed and got < head.offset:
                return RoomPosition(epoch=head.epoch, offset=got)
        else:
            self.missed = None
        self.head = head
        return None

    def settle(self, position: RoomPosition, began: RoomPosition) -> RoomPosition | None:
        """The room is delivered live, every message from `began` to `position` was: answer, if there is an answer.

        Returns where to read on, where the answer would leave out messages before `began`.
        """
        if self.answer.done():
            return None
        if self.since is None:
            self.answer.set_result(Opened(position, None))
        elif self.head is None:
            return None
        elif self.missed is None or self.head.epoch != position.epoch:  # or the room began again meanwhile
            self.answer.set_result(Opened(position, None))
        elif self.head.offset < began.offset:
            head, self.head = self.head, None
            return head
        else:
            self.answer.set_result(Opened(self.head, self.missed))
        return None


class FollowedRoom:
    """`channel`: where the room is heard."""

    __slots__ = ("channel", "openings", "rules", "version")

    def __init__(self, rules: RoomRules, channel: bytes) -> None:
        self.rules = rules
        self.channel = channel
        self.openings: list[Opening] = []
        self.version = 0
        """The number of changes of its presence, as far as they were heard."""

    def settle(self, position: RoomPosition | None, began: RoomPosition | None) -> list[tuple[Opening, RoomPosition]]:
        """`position`: up to where the room is delivered live; None where it is not. `began`: from where on it was.

        Returns the sessions for which there is more to read, and from where on.
        """
        if position is None or began is None:
            return []
        further = [(opening, on) for opening in self.openings if (on := opening.settle(position, began)) is not None]
        self.openings = [opening for opening in self.openings if not opening.answer.done()]
        return further

    def refuse(self) -> None:
        openings, self.openings = self.openings, []
        for opening in openings:
            refuse(opening.answer, away())


class Reply:
    """What open.lua returned."""

    __slots__ = ("_fields", "head", "missed", "version")

    def __init__(self, reply: Any) -> None:
        self.head = RoomPosition(epoch=reply[0].decode(), offset=reply[1])
        self.version: int = reply[2]
        self.missed: Sequence[bytes] | None = reply[3]
        self._fields: Sequence[bytes] = reply[4]

    def members(self, mine: Callable[[str], bool]) -> Iterator[RemoteMember]:
        """Who is present through other nodes than `mine`."""
        for field, value in zip(self._fields[::2], self._fields[1::2], strict=True):
            node, user = read_field(field)
            entry = entry_of(value)
            if entry is not None and not mine(node):
                yield RemoteMember(node, user, entry)


def entry_of(text: bytes) -> PresenceEntry | None:
    return entries.decode(text) if text else None
