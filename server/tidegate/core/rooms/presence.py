"""Who is present in one room: users, each over one or more connections.

It says when a member appears, changes and vanishes, as a difference; it does not know which clients get it or when. A
connection is any hashable token.
Invariant: a member exists exactly while at least one connection, live or in its grace time, stands for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Any, Literal

import msgspec

from tidegate_protocol import Member, Principal

Status = Literal["online", "away"]


class Difference(msgspec.Struct, frozen=True):
    """What one step changed: at most one of the three is filled."""

    joined: tuple[Member, ...] = ()
    left: tuple[Member, ...] = ()
    changed: tuple[Member, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.changed)


NOTHING = Difference()


class _Present:
    """One user in the room. `statuses` has an entry for each connection; the user is away when all of them are."""

    __slots__ = ("info", "since", "statuses", "user")

    def __init__(self, user: Principal, since: int) -> None:
        self.user = user
        self.since = since
        self.info: dict[str, Any] | None = None
        self.statuses: dict[Hashable, Status] = {}

    def member(self) -> Member:
        status: Status = "online" if "online" in self.statuses.values() else "away"
        known: dict[str, Any] = {} if self.info is None else {"info": self.info}
        return Member(
            id=self.user.id,
            name=self.user.name,
            status=status,
            connections=len(self.statuses),
            since=self.since,
            **known,
        )


class Presence:
    """The members of one room, in the order in which they came."""

    __slots__ = ("_present",)

    def __init__(self) -> None:
        self._present: dict[str, _Present] = {}

    def __len__(self) -> int:
        return len(self._present)

    def members(self) -> list[Member]:
        return [present.member() for present in self._present.values()]

    def enter(
        self,
        user: Principal,
        connection: Hashable,
        now: int,
        status: Status = "online",
        info: dict[str, Any] | None = None,
        instead_of: Iterable[Hashable] = (),
    ) -> Difference:
        """`connection` now stands for `user`, in the place of the connections `instead_of`.

        `now` in milliseconds since the Unix epoch.
        """
        present = self._present.get(user.id)
        if present is None:
            present = self._present[user.id] = _Present(user, now)
            present.statuses[connection] = status
            present.info = info
            return Difference(joined=(present.member(),))
        before = present.member()
        for replaced in instead_of:
            present.statuses.pop(replaced, None)
        return self._change(present, before, connection, status, info)

    def update(self, user: str, connection: Hashable, status: Status | None, info: dict[str, Any] | None) -> Difference:
        """A connection changes its status or its info; None leaves that part as it was."""
        present = self._present[user]
        return self._change(present, present.member(), connection, status or present.statuses[connection], info)

    def leave(self, user: str, connection: Hashable) -> Difference:
        """`connection` no longer stands for `user`."""
        present = self._present.get(user)
        if present is None or connection not in present.statuses:
            return NOTHING
        before = present.member()
        del present.statuses[connection]
        if not present.statuses:
            del self._present[user]
            return Difference(left=(before,))
        return Difference(changed=(present.member(),))

    def _change(
        self, present: _Present, before: Member, connection: Hashable, status: Status, info: dict[str, Any] | None
    ) -> Difference:
        present.statuses[connection] = status
        if info is not None:
            present.info = info
        after = present.member()
        return NOTHING if after == before else Difference(changed=(after,))
