"""The rooms that somebody is in: members, presence and who is told of it.

It decides what presence pushes are due and when; it does not keep history (`history`), does not send, has no clock.
Invariant: a room exists here exactly while a session is in it or a dropped one is in its grace time.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from tidegate.core.effects import Effect, Push
from tidegate.core.rooms.presence import Difference, Presence
from tidegate.core.session import Session
from tidegate_protocol import PresenceDiff, PresenceList

Mode = Literal["full", "diff", "none"]

GATHER_S = 0.1
GATHER_PER_MEMBER_S = 0.005
"""Full presence is gathered for max(100 ms, 5 ms a member): its cost grows with the square of the room."""
FULL_PRESENCE_LIMIT = 200
"""Above this many members the whole list is sent only on request."""


class RoomRules(msgspec.Struct, frozen=True):
    """What the schema says of a kind of room."""

    pattern: str
    presence: bool = True
    history_size: int = 0
    history_ttl: float = 0.0
    """Seconds."""
    access: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Room:
    """One room with somebody in it. `sinks` are where its messages go: the connections of its sessions."""

    __slots__ = ("listeners", "name", "presence", "push_due", "rules", "sessions", "sinks")

    def __init__(self, name: str, rules: RoomRules) -> None:
        self.name = name
        self.rules = rules
        self.presence = Presence()
        self.sessions: dict[Session, Mode] = {}
        self.sinks: dict[Any, None] = {}
        self.listeners: dict[Mode, dict[Any, None]] = {"full": {}, "diff": {}, "none": {}}
        self.push_due: float | None = None
        """When the gathered full presence goes out, in seconds; None while nothing changed."""

    def add(self, session: Session, mode: Mode) -> None:
        self.sessions[session] = mode
        self.sinks[session.sink] = None
        self.listeners[mode][session.sink] = None

    def discard(self, session: Session) -> None:
        mode = self.sessions.pop(session)
        del self.sinks[session.sink]
        del self.listeners[mode][session.sink]

    @property
    def empty(self) -> bool:
        return not self.sessions and not len(self.presence)

    def presence_list(self) -> PresenceList:
        return PresenceList(room=self.name, users=self.presence.members())

    def announce(self, difference: Difference, now: float, but: Session | None = None) -> list[Effect]:
        """Tell those who follow presence: a difference at once, the full list when it was gathered."""
        if not difference or not self.rules.presence:
            return []
        full = self.listeners["full"]
        # Whoever caused it has just been sent the list, or is about to be.
        others = len(full) > (but is not None and but.sink in full)
        if others and self.push_due is None and len(self.presence) <= FULL_PRESENCE_LIMIT:
            self.push_due = now + max(GATHER_S, GATHER_PER_MEMBER_S * len(self.presence))
        sinks: Collection[Any] = self.listeners["diff"]
        if but is not None and but.sink in sinks:
            sinks = [sink for sink in sinks if sink is not but.sink]
        if not sinks:
            return []
        diff = PresenceDiff(
            room=self.name,
            joined=list(difference.joined),
            left=list(difference.left),
            changed=list(difference.changed),
        )
        return [Push(sinks, diff)]

    def gathered(self) -> list[Effect]:
        """The full presence that was waiting, to everyone who follows it in full."""
        self.push_due = None
        full = self.listeners["full"]
        if not full or len(self.presence) > FULL_PRESENCE_LIMIT:
            return []
        return [Push(full, self.presence_list())]
