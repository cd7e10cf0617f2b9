"""What one gateway of a test heard from its engine, and whether an engine may tell it so.

`Heard` is the listener of one gateway. It judges while it listens: a message twice, out of order, or after a gap that
was not told is a violation, whatever the case is about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from tidegate.core.rooms.ports import PresenceEntry, RemoteMember, Standing
from tidegate_protocol import RoomMessage, RoomPosition


class Message(NamedTuple):
    """One delivered message."""

    epoch: str
    offset: int
    data: Any


class Heard:
    """Implements `EngineListener`. `clock`: of the engine under test, in seconds."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self._clock = clock
        self.messages: dict[str, list[Message]] = {}
        self.texts: dict[str, list[bytes]] = {}
        self.restarts: dict[str, list[RoomPosition]] = {}
        self.elsewhere: dict[str, dict[tuple[str, str], PresenceEntry]] = {}
        """By room: what other gateways say, by gateway and user."""
        self.standings: dict[str, Standing] = {}
        self.gone_at: dict[tuple[str, str], float] = {}
        """When an entry of a user in a room was last told to have ended."""
        self.vacated_rooms: list[str] = []
        self.changes: list[tuple[str, str]] = []
        """What the listener was told to be occupied and vacated."""
        self.told_kinds: list[tuple[str, str]] = []
        self.users: list[tuple[str, bytes]] = []
        self.violations: list[str] = []
        self._next: dict[str, tuple[str, int]] = {}
        self._unjudged: dict[str, tuple[str, int]] = {}
        """The first message of a room, while the answer to `open` is on its way to the case."""

    def data(self, room: str) -> list[Any]:
        """What was delivered in `room`, in its order."""
        return [message.data for message in self.messages.get(room, ())]

    def present(self, room: str) -> dict[str, int]:
        """The users who are present elsewhere, each with its connections; users of a leaving gateway, too."""
        found: dict[str, int] = {}
        for (_, user), entry in self.elsewhere.get(room, {}).items():
            found[user] = found.get(user, 0) + entry.connections
        return found

    def opened(self, room: str, head: RoomPosition) -> None:
        """`open` answered a session of the gateway. The first one decides what is to be delivered."""
        after = (head.epoch, head.offset + 1)
        first = self._unjudged.pop(room, None)
        if first is not None and first != after:
            self._violation(f"{room}: {first} was delivered first, and {after} follows what was answered")
        self._next.setdefault(room, after)

    def closed(self, room: str) -> None:
        self._next.pop(room, None)
        self._unjudged.pop(room, None)
        self.elsewhere.pop(room, None)

    # -- EngineListener ---------------------------------------------------------------------------------------------

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        message = msgspec.json.decode(text, type=RoomMessage)
        epoch = message.position.epoch
        if (message.room, message.position.offset) != (room, offset):
            self._violation(f"{room}: a text of {message.room} {message.position} came as {offset}")
        expected = self._next.get(room)
        if expected is None:
            self._unjudged[room] = (epoch, offset)
        if expected is not None and expected != (epoch, offset):
            self._violation(f"{room}: {epoch} {offset} was delivered where {expected} is next")
        self._next[room] = (epoch, offset + 1)
        self.messages.setdefault(room, []).append(Message(epoch, offset, message.data))
        self.texts.setdefault(room, []).append(text)

    def restarted(self, room: str, head: RoomPosition) -> None:
        self.restarts.setdefault(room, []).append(head)
        self._next[room] = (head.epoch, head.offset + 1)

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        entries = self.elsewhere.setdefault(room, {})
        if entry is not None:
            entries[node, user] = entry
        elif entries.pop((node, user), None) is not None:
            self.gone_at[room, user] = self._clock()

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        now = {(member.node, member.user): member.entry for member in members}
        if len(now) != len(members):
            self._violation(f"{room}: a user is told twice of one gateway")
        for _, user in self.elsewhere.get(room, {}).keys() - now.keys():
            self.gone_at[room, user] = self._clock()
        self.elsewhere[room] = now

    def gateway(self, node: str, standing: Standing) -> None:
        self.standings[node] = standing
        if standing == "gone":
            for room, entries in self.elsewhere.items():
                for owner, user in [key for key in entries if key[0] == node]:
                    del entries[owner, user]
                    self.gone_at[room, user] = self._clock()

    def occupied(self, room: str) -> None:
        self.changes.append(("occupied", room))

    def vacated(self, room: str) -> None:
        self.vacated_rooms.append(room)
        self.changes.append(("vacated", room))

    def told(self, kind: str, text: str) -> None:
        self.told_kinds.append((kind, text))

    def told_user(self, user: str, text: bytes) -> None:
        self.users.append((user, text))

    def _violation(self, what: str) -> None:
        self.violations.append(f"{self.name}: {what}")
