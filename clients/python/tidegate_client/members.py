"""A room as one client sees it: its members and its position in the room's history. Pure state, no I/O.

It does not know with which presence mode the client joined. Invariants: the head that `joined` names becomes the
position only after the replayed messages came, so that a client cut off between asks for the rest; a message is
delivered at most once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .models import Gap, Member, Message, PresenceChange
from .positions import Position, advance, is_seen, position_of

__all__ = ["RoomState"]


class RoomState:
    """Applies `joined`, `message`, `presence` and `presence_diff`, in the order in which they came."""

    def __init__(self, room: str, since: Position | None = None) -> None:
        self.room = room
        self.members: dict[str, Member] = {}
        self.position: Position | None = since
        self.recovered: bool | None = None
        """Whether the last `joined` could replay every message since the given position; None before the first."""
        self._heard: Position | None = since
        self._head: Position | None = None
        self._replays = 0
        self._gap = False
        self._knows_members = False

    def resume(self) -> dict[str, Any]:
        """The properties of the `join` that continues from here."""
        return {} if self.position is None else {"since": dict(self.position)}

    def joined(self, reply: Mapping[str, Any]) -> tuple[PresenceChange, Gap | None]:
        """The gateway's answer to `join`, or its word that messages are lost."""
        self.recovered = bool(reply.get("recovered", False))
        self._replays = int(reply.get("replayed", 0))
        self._head = position_of(reply)
        # A client at the head missed nothing, even in a room that keeps no history to recover from.
        lost = not self.recovered and self.position is not None and self.position != self._head
        if lost:
            self._gap = True
            self.position = self._heard = None
        if self._replays == 0:
            self.position = self._heard = self._head
        users = reply.get("users")
        change = self._replace(reply) if users is not None else PresenceChange()
        return change, Gap(position=self._head) if lost else None

    def message(self, push: Mapping[str, Any]) -> Message[Any] | None:
        """A member sent a message; None if it came before."""
        position = push.get("position")
        if is_seen(self._heard, position):
            return None
        replayed = self._replays > 0
        self._heard = position
        self.position = position if replayed else advance(self.position, position) or position
        if replayed:
            self._count_replay()
        gap, self._gap = self._gap, False
        return read_message(push, replayed=replayed, gap=gap)

    def gap(self, push: Mapping[str, Any]) -> Gap:
        """The gateway dropped messages, the newest of them at this position."""
        self._gap = True
        self._heard = self.position = advance(self.position, push.get("position"))
        return Gap(dropped=push.get("dropped"), position=self.position)

    def presence(self, push: Mapping[str, Any]) -> PresenceChange:
        """All members at once; of very many members those who joined first, and `presence_diff` brings the others."""
        return self._replace(push)

    def presence_diff(self, push: Mapping[str, Any]) -> PresenceChange:
        """Members who joined, left or changed."""
        joined = self._read(push.get("joined") or ())
        changed = self._read(push.get("changed") or ())
        # A member who is in both lists left and came back.
        left = [self.members.pop(name, None) for name in map(_member_id, push.get("left") or ())]
        self.members.update((member.id, member) for member in (*joined, *changed))
        return PresenceChange(joined, tuple(member for member in left if member is not None), changed)

    def _count_replay(self) -> None:
        self._replays -= 1
        if self._replays == 0:
            self.position = self._head

    def _replace(self, message: Mapping[str, Any]) -> PresenceChange:
        users = message.get("users") or ()
        before, self.members = self.members, {member.id: member for member in self._read(users)}
        # Members that a part of a list does not name have not left.
        if not self._knows_members or message.get("more"):
            self._knows_members = True
            return PresenceChange(reset=True)
        return PresenceChange(
            joined=tuple(member for name, member in self.members.items() if name not in before),
            left=tuple(member for name, member in before.items() if name not in self.members),
            changed=tuple(member for name, member in self.members.items() if name in before and before[name] != member),
        )

    @staticmethod
    def _read(users: Iterable[Mapping[str, Any]]) -> tuple[Member, ...]:
        return tuple(msgspec.convert(user, Member, strict=False) for user in users)


def read_message(push: Mapping[str, Any], *, replayed: bool = False, gap: bool = False) -> Message[Any]:
    """A room message from its wire form. `from` alone is enough to know the sender."""
    sender = push.get("sender") or {"id": str(push.get("from", ""))}
    return msgspec.convert({**push, "sender": sender, "replayed": replayed, "gap": gap}, Message[Any], strict=False)


def _member_id(entry: Any) -> str:
    """`left` names members by id, or shows them whole."""
    return str(entry["id"]) if isinstance(entry, Mapping) else str(entry)
