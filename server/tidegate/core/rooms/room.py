"""One room in which a session or a ghost is: its members, and who gets what of it.

It decides which presence pushes are due and when. It keeps no messages (`history`), sends nothing, and has no clock.
Invariant: every session of the room is either held or among its `sinks`, and a held one gets nothing until it is
released: first the answer to its `join`, then what was held back for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Mapping
from typing import Any, Literal

import msgspec

from tidegate.core.access.room_rules import RoomAccess, anyone_may
from tidegate.core.closes import REASONS, SLOW_CONSUMER
from tidegate.core.effects import Close, Effect, Push, SendEncoded
from tidegate.core.rooms.gathering import Gathering
from tidegate.core.rooms.presence import Difference, Presence
from tidegate.core.rooms.slow_readers import SlowRule
from tidegate.core.session import Session
from tidegate_protocol import Joined, PresenceDiff, PresenceList, RoomPosition

Mode = Literal["full", "diff", "none"]

GATHER_S = 0.1
GATHER_PER_MEMBER_S = 0.005
"""Full presence is gathered for max(100 ms, 5 ms a member): its cost grows with the square of the room."""
FULL_PRESENCE_LIMIT = 200
"""Above this many members a change is sent as a difference to all; whole lists are sent only on request."""
LIST_BYTES = 262_144
"""Bytes of members in one message, at most, unless it is one member. Further members follow as differences."""
REPLAY_BYTES = 262_144
"""Bytes of messages that a session is sent at once after its `join`; more leave as fast as its client reads."""
HELD_BYTES = 1 << 20
"""Bytes of messages that may wait for a session until it has what it missed. Beyond it the client reads too slowly."""
# Measured by tests/core/rooms/test_memberships.py, with CPython 3.11 to 3.13.
ROOM_BYTES = 2000
"""A room without members."""
MEMBER_BYTES = 1500
"""A member with one connection, beside its info."""
INFO_COPIES = 2
"""What a connection said, and the member as all lists have it."""


class RoomRules(msgspec.Struct, frozen=True):
    """What the schema says of a kind of room."""

    pattern: str
    presence: bool = True
    history_size: int = 0
    """Messages that are kept; 0 for none."""
    history_ttl: float = 0.0
    """Seconds that messages are kept."""
    durable: bool = False
    """Messages are kept in the database, and survive the gateway."""
    slow: SlowRule | None = None
    """What a slow reader may miss; None for nothing, so that it is disconnected."""
    access: Mapping[str, Any] = msgspec.field(default_factory=dict)
    bound: RoomAccess | None = None
    """The rules where they look at more than the user: at claims, at rows, or at what the application says."""
    parameters: Callable[[str], Mapping[str, str]] = lambda name: {}
    """Reads the parameters of a room's name."""
    anyone_may: frozenset[str] = frozenset()
    """The actions that each session in such a room may do, for any user. It follows from the rules, and is
    found once for a kind of room: that costs a message one look-up instead of a walk through them."""

    def __post_init__(self) -> None:
        msgspec.structs.force_setattr(
            self, "anyone_may", anyone_may(self.access) if self.bound is None else frozenset()
        )


class Held:
    """What a session in a room does not get yet."""

    __slots__ = ("began", "enters", "lost", "messages", "replays", "size", "waiting")

    def __init__(self) -> None:
        self.waiting: list[object] = []
        """The `join`s that are not answered. The session is held until all of them are."""
        self.enters = False
        """No `joined` was sent since the session entered the room: it must not be sent any message before that."""
        self.began: RoomPosition | None = None
        """Where the room began again while the session was held, or what an earlier answer said: no older one counts,
        for what came before is not held any more."""
        self.lost = False
        """The room began again, and the session was not told."""
        self.messages: list[tuple[int, bytes]] = []
        self.size = 0
        self.replays = False
        """The engine has answered, and the session is sent what it missed."""

    @property
    def too_much(self) -> bool:
        return self.size > HELD_BYTES

    @property
    def stays(self) -> bool:
        """A `join` let the session in, or one that is not answered may do so."""
        return not self.enters or bool(self.waiting)

    def add(self, offset: int, text: bytes) -> None:
        """Keep a message, unless there are too many: then the session cannot go on, and what it has is dropped."""
        self.size += len(text)
        if self.too_much:
            self.messages.clear()
        else:
            self.messages.append((offset, text))

    def begin(self, head: RoomPosition) -> None:
        """The room began again after `head`."""
        self.began, self.lost = head, True
        self.messages.clear()
        self.size = 0

    def wait(self, join: object, *, enters: bool) -> None:
        """`join` is not answered. `enters`: the session was not in the room before."""
        self.waiting.append(join)
        self.enters = self.enters or enters

    def answered(self, join: object) -> None:
        """`join`, which may have been answered without being held, waits no longer."""
        self.waiting = [other for other in self.waiting if other is not join]

    def take(self, head: int) -> tuple[bool, list[bytes]]:
        """A `joined` is sent: whether it is the session's first, and the messages up to `head`, which are let go."""
        enters, self.enters = self.enters, False
        taken = [text for offset, text in self.messages if offset <= head]
        self.messages = [(offset, text) for offset, text in self.messages if offset > head]
        self.size -= sum(map(len, taken))
        return enters, taken


class Room:
    """One room. `sinks` are where its messages go: those of its sessions that are not held."""

    __slots__ = ("held", "listeners", "name", "payer", "presence", "push_due", "rules", "sessions", "sinks", "unlisted")

    def __init__(self, name: str, rules: RoomRules, payer: str = "", leaving: Container[str] = ()) -> None:
        """`payer`: the account of the session that is the first in the room; it holds the room. `leaving`: the gateways
        that are leaving.
        """
        self.name = name
        self.payer = payer
        self.rules = rules
        self.presence = Presence(leaving)
        self.sessions: dict[Session, Mode] = {}
        self.sinks: dict[Any, None] = {}
        self.listeners: dict[Mode, dict[Any, None]] = {"full": {}, "diff": {}, "none": {}}
        """The sinks that follow presence, by how."""
        self.held: dict[Session, Held] = {}
        """Sessions whose `join` is not answered whole, with the messages that were delivered meanwhile."""
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

    def follow(self, session: Session, mode: Mode) -> None:
        """`session`, which is in the room, follows presence by `mode`."""
        if self.sessions[session] != mode:
            self.add(session, mode)

    def hold(self, session: Session) -> Held:
        """Keep back what the room has for `session`."""
        held = self.held.get(session)
        if held is None:
            self._silence(session)
            held = self.held[session] = Held()
        return held

    def goes_on(self, session: Session, held: Held | None) -> bool:
        """Whether `session` is in the room. `held`: what it was held by for a `join` that is not answered; None for
        nothing. A session that left meanwhile and came back is held by another one, or by none.
        """
        return session in self.sessions and (held is None or self.held.get(session) is held)

    def release(self, session: Session, head: int) -> list[Effect]:
        """Give `session` everything from here on, and the messages after `head` that were held back for it.

        If these were too many, its connection ends.
        """
        held = self.held[session]
        if held.too_much:
            return [Close(session, SLOW_CONSUMER, REASONS[SLOW_CONSUMER])]
        del self.held[session]
        self.add(session, self.sessions[session])
        texts = [text for offset, text in held.messages if offset > head]
        return [SendEncoded(session, texts)] if texts else []

    def discard(self, session: Session) -> None:
        """`session` is not in the room any more."""
        if self.held.pop(session, None) is None:
            self._silence(session)
        del self.sessions[session]

    @property
    def empty(self) -> bool:
        return not self.sessions and not self.presence.here

    def list_in(self, message: PresenceList | Joined) -> int | None:
        """Name the members in `message`, or those that came first; then it says so.

        Returns where the further ones begin, for `further_members`; None where there are none.
        """
        users: Any
        users, further = self.presence.page(0, LIST_BYTES)
        message.users = users
        if further is not None:
            message.more = True
        return further

    def presence_list(self) -> tuple[PresenceList, int | None]:
        """The members, and what `list_in` returns."""
        message = PresenceList(room=self.name, users=[])
        return message, self.list_in(message)

    def further_members(self, after: int) -> tuple[PresenceDiff, int | None]:
        """The members after those of an earlier message; then where the further ones begin."""
        joined: Any
        joined, further = self.presence.page(after, LIST_BYTES)
        return PresenceDiff(room=self.name, joined=joined, left=[], changed=[]), further

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
        if not (due and full):
            return []
        members, further = self.presence_list()
        pushes: list[Effect] = [Push(full, members)]
        while further is not None:
            more, further = self.further_members(further)
            pushes.append(Push(full, more))
        return pushes

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
