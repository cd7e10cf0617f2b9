"""Which sessions and ghosts are in which rooms, and the memory that this takes.

A room is held by the account of the first session in it, a membership and its info by that of its session. It does not
know who may join, nor what members are told.
Invariant: the ledger's `rooms` and `presence` are what the rooms and memberships here were counted with.
"""

from __future__ import annotations

from tidegate.core.budgets.ledger import Kind, Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms.present_user import Info
from tidegate.core.rooms.room import INFO_COPIES, MEMBER_BYTES, ROOM_BYTES, Room
from tidegate.core.session import Session


class _Memberships:
    """Of one session."""

    __slots__ = ("account", "rooms")

    def __init__(self, account: str) -> None:
        self.account = account
        self.rooms: dict[str, Room] = {}


class Memberships:
    """Of all sessions, and of ghosts, which stand for their user in the rooms that they were in."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._of: dict[Session, _Memberships] = {}
        self._infos: dict[tuple[Session, str], int] = {}
        """Bytes of the info that a session said, by it and its room. Most say none."""

    def __contains__(self, session: Session) -> bool:
        return session in self._of

    def rooms(self, session: Session) -> list[Room]:
        of = self._of.get(session)
        return [] if of is None else list(of.rooms.values())

    def room(self, session: Session, name: str) -> Room | None:
        """The room `name` if the session is in it."""
        of = self._of.get(session)
        return None if of is None else of.rooms.get(name)

    def count(self, session: Session) -> int:
        of = self._of.get(session)
        return 0 if of is None else len(of.rooms)

    def enter(self, session: Session, room: Room, info: Info | None, *, new: bool) -> None:
        """`session` is in `room`, which may be `new`, from now on.

        Raises Refused(limit_reached), and then nothing has changed.
        """
        of = self._of.get(session) or _Memberships(session.account)
        size = MEMBER_BYTES + (ROOM_BYTES if new else 0)
        self._ledger.take(of.account, "rooms", size)
        try:
            self._say(session, of, room, info)
        except Refused:
            self._ledger.give(of.account, "rooms", size)
            raise
        if new:
            room.payer = of.account
        of.rooms[room.name] = room
        self._of[session] = of

    def says(self, session: Session, room: Room, info: Info | None) -> None:
        """`session`, which is in `room`, says its info; None says nothing. Raises Refused(limit_reached)."""
        self._say(session, self._of[session], room, info)

    def leave(self, session: Session, room: Room) -> None:
        """`session` no longer counts as one of `room`."""
        of = self._of[session]
        del of.rooms[room.name]
        self._ledger.give(of.account, "rooms", MEMBER_BYTES)
        if info := self._infos.pop((session, room.name), 0):
            self._ledger.give(of.account, "presence", info)
        if not of.rooms:
            del self._of[session]

    def closed(self, room: Room) -> None:
        """Nothing is in `room` any more."""
        self._ledger.give(room.payer, "rooms", ROOM_BYTES)

    def account_changed(self, session: Session) -> None:
        """`session` became another user: what it holds is held by that one's account."""
        of = self._of.get(session)
        if of is None or of.account == session.account:
            return
        before, of.account = of.account, session.account
        infos = sum(self._infos.get((session, room), 0) for room in of.rooms)
        held: dict[Kind, int] = {"rooms": len(of.rooms) * MEMBER_BYTES, "presence": infos}
        for kind, size in held.items():
            self._ledger.give(before, kind, size)
            self._ledger.add(of.account, kind, size)

    def _say(self, session: Session, of: _Memberships, room: Room, info: Info | None) -> None:
        if info is None or not room.rules.presence:
            return
        size, before = INFO_COPIES * len(bytes(info)), self._infos.get((session, room.name), 0)
        if size > before:
            self._ledger.take(of.account, "presence", size - before)
        elif size < before:
            self._ledger.give(of.account, "presence", before - size)
        self._infos[session, room.name] = size
