"""Who is present in one room: users, each over one or more connections.

It says when a member appears, changes and vanishes, as a difference; it does not know which clients get it or when. A
connection is any hashable token. What others see of a user follows from the connections that stand for it now: it is
away when all of them are, and its info is that of the connection that said its info last.
A member is encoded once for all lists until it changes.
Invariant: a member exists exactly while at least one connection, live or in its grace time, stands for it.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from itertools import count
from typing import Any, Literal

import msgspec

from tidegate_protocol import Member, Principal

Status = Literal["online", "away"]
Info = msgspec.Raw
"""As JSON: a small object with many properties takes twenty times more memory as a dict."""


class Difference(msgspec.Struct, frozen=True):
    """What changed. Of one step, at most one of the three is filled."""

    joined: tuple[Member, ...] = ()
    left: tuple[Member, ...] = ()
    changed: tuple[Member, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.changed)


NOTHING = Difference()


class Said(msgspec.Struct, frozen=True):
    """What a connection said of its user."""

    status: Status = "online"
    info: Info | None = None


class _Present:
    """One user in the room. `said` has an entry for each connection; the one that said its info last comes last."""

    __slots__ = ("number", "said", "since", "text", "user")

    def __init__(self, user: Principal, since: int, number: int) -> None:
        self.user = user
        self.since = since
        self.number = number
        """Of the members of the room, this one came as number so many."""
        self.text: bytes | None = None
        """The member as JSON; None where it changed and no list has named it since."""
        self.said: dict[Hashable, Said] = {}

    def say(self, connection: Hashable, status: Status | None, info: Info | None) -> None:
        """What is None stays as the connection said it before."""
        self.text = None
        before = self.said.get(connection, Said())
        if info is not None:
            self.said.pop(connection, None)
        self.said[connection] = Said(status or before.status, before.info if info is None else info)

    def encoded(self) -> bytes:
        if self.text is None:
            self.text = msgspec.json.encode(self.member())
        return self.text

    def member(self) -> Member:
        online = any(said.status == "online" for said in self.said.values())
        info = next((said.info for said in reversed(self.said.values()) if said.info is not None), None)
        known: dict[str, Any] = {} if info is None else {"info": info}
        return Member(
            id=self.user.id,
            name=self.user.name,
            status="online" if online else "away",
            connections=len(self.said),
            since=self.since,
            **known,
        )


class Presence:
    """The members of one room, in the order in which they came."""

    __slots__ = ("_numbers", "_present")

    def __init__(self) -> None:
        self._present: dict[str, _Present] = {}
        self._numbers = count(1)

    def __len__(self) -> int:
        return len(self._present)

    def members(self) -> list[Member]:
        return [present.member() for present in self._present.values()]

    def page(self, after: int, most: int) -> tuple[msgspec.Raw, int | None]:
        """The members that came after number `after`, as a JSON array of at most `most` bytes, or of one member.

        Then the number of its last member, where there are more; None where there are not.
        """
        texts: list[bytes] = []
        size, last = 0, after
        for present in self._present.values():
            if present.number > after:
                text = present.encoded()
                size += len(text) + 1
                if texts and size > most:
                    return _array(texts), last
                texts.append(text)
                last = present.number
        return _array(texts), None

    def member(self, user: str) -> Member | None:
        present = self._present.get(user)
        return None if present is None else present.member()

    def said(self, user: str, connection: Hashable) -> Said:
        """What `connection`, which stands for `user`, said."""
        return self._present[user].said[connection]

    def enter(
        self,
        user: Principal,
        connection: Hashable,
        now: int,
        status: Status | None = None,
        info: Info | None = None,
        instead_of: Iterable[Hashable] = (),
    ) -> Difference:
        """`connection` now stands for `user`, in the place of the connections `instead_of`.

        `now` in milliseconds since the Unix epoch. Of two names of one user, the latest is shown.
        """
        present = self._present.get(user.id)
        if present is None:
            present = self._present[user.id] = _Present(user, now, next(self._numbers))
            present.say(connection, status, info)
            return Difference(joined=(present.member(),))
        before = present.member()
        for replaced in instead_of:
            present.said.pop(replaced, None)
        present.user = user
        present.say(connection, status, info)
        return _change(before, present)

    def update(self, user: str, connection: Hashable, status: Status | None, info: Info | None) -> Difference:
        """A connection changes its status or its info; None leaves that part as it was."""
        present = self._present[user]
        before = present.member()
        present.say(connection, status, info)
        return _change(before, present)

    def leave(self, user: str, connection: Hashable) -> Difference:
        """`connection` no longer stands for `user`."""
        present = self._present.get(user)
        if present is None or connection not in present.said:
            return NOTHING
        before = present.member()
        del present.said[connection]
        present.text = None
        if not present.said:
            del self._present[user]
            return Difference(left=(before,))
        return _change(before, present)


def _change(before: Member, present: _Present) -> Difference:
    after = present.member()
    return NOTHING if after == before else Difference(changed=(after,))


def _array(texts: list[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(texts) + b"]")
