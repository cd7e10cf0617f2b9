"""What sessions may do in rooms whose rules look at rows, at claims, or ask the application.

A grant is made when a session asks to join, and ends with its membership. `core.watches` keeps its conditions on rows
up to date, so that a message costs no read. What a member is told is decided in `core.rooms.guard`.
Invariant: a session that is in such a room has a grant that is not `asked`, and every watch of a grant is held by it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from tidegate.core.access.claims import Claims
from tidegate.core.access.room_rules import ACTIONS, Condition, RoomName, Verdict, decide, refused
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms.room import Room
from tidegate.core.session import Session
from tidegate.core.watches.watch import WATCH_BYTES, Watch
from tidegate.core.watches.watches import Watches
from tidegate_protocol import Principal

EARLIER_JOIN = "an earlier join is still being answered"
QUEUED = 32
"""Requests of one session that may wait for the answer to a `join`."""


class Grant:
    """What one session may do in one room."""

    __slots__ = ("account", "asked", "lost", "queue", "room", "session", "stale", "verdicts", "watches")

    def __init__(self, session: Session, room: Room) -> None:
        self.session = session
        self.room = room
        self.account = session.account
        self.verdicts: dict[str, bool | tuple[Watch, ...]] = {}
        """By action; watches: while one of them holds."""
        self.watches: tuple[Watch, ...] = ()
        self.asked = False
        """The database is asked whether the session may join."""
        self.stale = False
        """The session became another user while the database was asked."""
        self.lost = False
        """What is known of the rows cannot be brought up to date any more."""
        self.queue: list[msgspec.Struct] = []
        """Requests about the room that came while the database is asked."""

    def may(self, action: str) -> bool:
        """As of the dispatched position of the change feed."""
        verdict = self.verdicts[action]
        return verdict if isinstance(verdict, bool) else any(watch.holds for watch in verdict)

    @property
    def sure(self) -> bool:
        """Every condition that would let the session do something is known to hold."""
        return all(watch.holds for watch in self.watches)


class Grants:
    """All grants of one gateway."""

    def __init__(self, watches: Watches, ledger: Ledger) -> None:
        self.watches = watches
        self._ledger = ledger
        self._of: dict[Session, dict[str, Grant]] = {}

    def __iter__(self) -> Iterator[Grant]:
        return iter([grant for of in self._of.values() for grant in of.values()])

    def of(self, session: Session, room: str) -> Grant | None:
        of = self._of.get(session)
        return None if of is None else of.get(room)

    def all_of(self, session: Session) -> Sequence[Grant]:
        return list(self._of.get(session, {}).values())

    def waits(self, session: Session, request: msgspec.Struct, room: str) -> bool:
        """Whether `request` waits for the answer to an earlier `join`. Raises Refused if too many do."""
        of = self._of.get(session)
        if of is None or (grant := of.get(room)) is None or not grant.asked:
            return False
        if sum(len(each.queue) for each in self.all_of(session)) >= QUEUED:
            raise Refused("limit_reached", EARLIER_JOIN, pointer="/room", retry_after=1.0)
        grant.queue.append(request)
        return True

    def begin(self, session: Session, room: Room, user: Principal, claims: Claims) -> Grant:
        """A grant for `session` as `user`. Raises Refused where no rows could let the user join."""
        grant = self._made(session, room, user, claims)
        self._of.setdefault(session, {})[room.name] = grant
        return grant

    def renew(self, grant: Grant, user: Principal, claims: Claims) -> Grant:
        """The session of `grant` becomes `user`: another grant takes its place. Raises Refused, as `begin` does; then
        nothing has changed.
        """
        new = self._made(grant.session, grant.room, user, claims)
        self.end(grant)
        self._of.setdefault(grant.session, {})[grant.room.name] = new
        return new

    def _made(self, session: Session, room: Room, user: Principal, claims: Claims) -> Grant:
        access = room.rules.bound
        assert access is not None
        name = RoomName(room.name, room.rules.pattern, room.rules.parameters(room.name))
        join = decide(access, "join", user, claims, name)
        if join is False:
            raise refused(access, "join", user, room.name)
        verdicts: dict[str, Verdict] = {"join": join}
        verdicts |= {action: decide(access, action, user, claims, name) for action in ACTIONS if action != "join"}
        grant = Grant(session, room)
        conditions: dict[Condition, None] = {}
        for verdict in verdicts.values():
            if not isinstance(verdict, bool):
                conditions |= dict.fromkeys(verdict)
        self._ledger.take(grant.account, "rooms", WATCH_BYTES * len(conditions))
        watches = {condition: self.watches.acquire(condition, grant) for condition in conditions}
        grant.watches = tuple(watches.values())
        grant.verdicts = {
            action: verdict if isinstance(verdict, bool) else tuple(watches[condition] for condition in verdict)
            for action, verdict in verdicts.items()
        }
        return grant

    def end(self, grant: Grant) -> None:
        """The session is not in the room any more, or does not get in. Idempotent."""
        of = self._of.get(grant.session)
        if of is None or of.get(grant.room.name) is not grant:
            return
        del of[grant.room.name]
        if not of:
            del self._of[grant.session]
        for watch in grant.watches:
            self.watches.release(watch, grant)
        self._ledger.give(grant.account, "rooms", WATCH_BYTES * len(grant.watches))
