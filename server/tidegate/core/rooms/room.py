"""One room in which a session or a ghost is: its members, and who gets what of it.

It decides which presence pushes are due and when. It keeps no messages (`history`), sends nothing, and has no clock.
Invariant: every session of the room is either held or among its `sinks`, and a held one gets nothing until it is
released: first the answer to its `join`, then what was held back for it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Literal

import msgspec

from tidegate.core.effects import Effect, Push
from tidegate.core.rooms.gathering import Gathering
from tidegate.core.rooms.presence import Difference, Presence
from tidegate.core.rooms.slow_readers import SlowRule
from tidegate.core.session import Session
from tidegate_protocol import PresenceDiff, PresenceList

Mode = Literal["full", "diff", "none"]

GATHER_S = 0.1
GATHER_PER_MEMBER_S = 0.005
"""Full presence is gathered for max(100 ms, 5 ms a member): its cost grows with the square of the room."""
FULL_PRESENCE_LIMIT = 200
"""Above this many members a change is sent as a difference to all; whole lists are sent only on request."""


class RoomRules(msgspec.Struct, frozen=True):
    """What the schema says of a kind of room."""

    pattern: str
    presence: bool = True
    history_size: int = 0
    """Messages that are kept; 0 for none."""
    history_ttl: float = 0.0
    """Seconds that messages are kept."""
    slow: SlowRule | None = None
    """What a slow reader may miss; None for nothing, so that it is disconnected."""
    access: Mapping[str, Any] = msgspec.field(default_factory=dict)


class Room:
    """One room. `sinks` are where its messages go: those of its sessions that are not held."""

    __slots__ = ("held", "listeners", "name", "presence", "push_due", "rules", "sessions", "sinks", "unlisted")

    def __init__(self, name: str, rules: RoomRules) -> None:
        self.name = name
        self.rules = rules
        self.presence = Presence()
        self.sessions: dict[Session, Mode] = {}
        self.sinks: dict[Any, None] = {}
        self.listeners: dict[Mode, dict[Any, None]] = {"full": {}, "diff": {}, "none": {}}
        """The sinks that follow presence, by how."""
        self.held: dict[Session, list[tuple[int, bytes]]] = {}
        """Sessions whose `join` the engine has not answered, with the messages that were delivered meanwhile."""
        self.push_due: float | None = None
        """When the gathered full presence goes out, in seconds; None while nothing changed."""
        self.unlisted = Gathering()

    def add(self, session: Session, mode: Mode) -> None:
        """`session` is in the room, or was and now follows presence by another `mode`; one that is held stays so."""
        before = self.sessions.get(session)
        if before is not None:
            self.listeners[before].pop(session.sink, None)
        self.sessions[session] = mode
        if session not in self.held:
            self.sinks[session.sink] = None
            self.listeners[mode][session.sink] = None

    def hold(self, session: Session) -> None:
        """Keep back what the room has for `session`."""
        self._silence(session)
        self.held[session] = []

    def release(self, session: Session, head: int) -> list[bytes]:
        """Give `session` everything from here on. Returns the messages after `head` that were held back for it."""
        held = self.held.pop(session, ())
        self.add(session, self.sessions[session])
        return [text for offset, text in held if offset > head]

    def discard(self, session: Session) -> None:
        """`session` is not in the room any more."""
        if self.held.pop(session, None) is None:
            self._silence(session)
        del self.sessions[session]

    @property
    def empty(self) -> bool:
        return not self.sessions and not len(self.presence)

    def presence_list(self) -> PresenceList:
        return PresenceList(room=self.name, users=self.presence.members())

    def announce(self, difference: Difference, now: float, but: Session | None = None) -> list[Effect]:
        """Push a difference to the sessions that follow differences, and plan the full list for the others.

        In a large room the others get the difference too. `but`: the session that caused it, which gets the list as an
        answer.
        """
        sinks, full = self._followers("diff", but), self._followers("full", but)
        effects: list[Effect] = []
        if full and len(self.presence) <= FULL_PRESENCE_LIMIT:
            self.unlisted.add(difference)
            if self.push_due is None:
                self.push_due = now + max(GATHER_S, GATHER_PER_MEMBER_S * len(self.presence))
        elif full and self.unlisted:
            self.unlisted.add(difference)
            effects.append(Push(full, self._diff(self.unlisted.difference(self.presence))))
        elif full:
            sinks = [*sinks, *full]
        if sinks:
            effects.append(Push(sinks, self._diff(difference)))
        return effects

    def gathered(self) -> list[Effect]:
        """The full presence that was gathered, for all that follow it in full."""
        self.push_due = None
        due, full = bool(self.unlisted), self.listeners["full"]
        self.unlisted.told()
        return [Push(full, self.presence_list())] if due and full else []

    def _followers(self, mode: Mode, but: Session | None) -> Collection[Any]:
        sinks = self.listeners[mode]
        if but is None or but.sink not in sinks:
            return sinks
        return [sink for sink in sinks if sink is not but.sink]

    def _diff(self, difference: Difference) -> PresenceDiff:
        return PresenceDiff(
            room=self.name,
            joined=list(difference.joined),
            left=list(difference.left),
            changed=list(difference.changed),
        )

    def _silence(self, session: Session) -> None:
        del self.sinks[session.sink]
        del self.listeners[self.sessions[session]][session.sink]
