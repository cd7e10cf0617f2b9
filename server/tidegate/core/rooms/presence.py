"""Who is present in one room: users, each over one or more connections of this gateway and entries of others.

It says when a member appears, changes and vanishes, as a difference; it does not know which clients get it or when. A
connection is any hashable token. What others see of a user follows from the connections that stand for it now: it is
away when all of them are, and its info is that of the connection that said its info last. Entries of a gateway that is
leaving count only while nothing else stands for the user.
A member is encoded once for all lists until it changes.
Invariant: a member exists exactly while a connection, live or in its grace time, or an entry stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from itertools import count
from typing import Literal

import msgspec

from tidegate.core.rooms.entries import PresenceEntry, alone, merged
from tidegate_protocol import Member, Principal

Status = Literal["online", "away"]
Info = msgspec.Raw
"""As JSON: a small object with many properties takes twenty times more memory as a dict."""


class Difference(msgspec.Struct, frozen=True):
    """What changed. Of one user, at most one of the first three is filled."""

    joined: tuple[Member, ...] = ()
    left: tuple[Member, ...] = ()
    changed: tuple[Member, ...] = ()
    here: tuple[str, ...] = ()
    """The users with another entry of this gateway than before; also where no member differs."""

    def __bool__(self) -> bool:
        return bool(self.joined or self.left or self.changed)


NOTHING = Difference()


class Said(msgspec.Struct, frozen=True):
    """What a connection said of its user."""

    status: Status = "online"
    info: Info | None = None


SAID_NOTHING = Said()
"""As most connections say; one for all of them."""


class _Present:
    """One user in the room. `said` has an entry for each connection; the one that said its info last comes last."""

    __slots__ = ("elsewhere", "id", "name", "number", "said", "since", "text", "version")

    def __init__(self, user: str, number: int) -> None:
        self.id = user
        self.name = ""
        self.since = 0
        """When the user came here."""
        self.version = 0
        """Of what is said here; it grows with each name and info."""
        self.number = number
        """The place of this member in the order in which the members of the room came, from 1."""
        self.text: bytes | None = None
        """The member as JSON; None where it changed and no list has named it since."""
        self.said: dict[Hashable, Said] = {}
        self.elsewhere: dict[str, PresenceEntry] | None = None
        """What other gateways say, by gateway; None for nothing, as in most rooms."""

    def say(self, connection: Hashable, status: Status | None, info: Info | None) -> None:
        """What is None stays as the connection said it before."""
        self.text = None
        before = self.said.get(connection, SAID_NOTHING)
        if info is not None:
            self.said.pop(connection, None)
        now = Said(status or before.status, before.info if info is None else info)
        self.said[connection] = SAID_NOTHING if now == SAID_NOTHING else now

    def newer(self, now: int) -> None:
        """What is said here now is newer than all that is known."""
        known = max((entry.version for entry in self.elsewhere.values()), default=0) if self.elsewhere else 0
        self.version = max(now, self.version + 1, known + 1)

    def encoded(self, leaving: Container[str]) -> bytes:
        if self.text is None:
            self.text = msgspec.json.encode(self.member(leaving))
        return self.text

    def here(self) -> PresenceEntry | None:
        """What this gateway says."""
        if not self.said:
            return None
        status: Status = "away"
        info: Info | None = None
        for said in self.said.values():
            if said.status == "online":
                status = "online"
            if said.info is not None:
                info = said.info
        return PresenceEntry(self.name, len(self.said), status, self.since, info, self.version)

    def member(self, leaving: Container[str]) -> Member:
        here = self.here()
        if not self.elsewhere:
            assert here is not None
            return alone(self.id, here)
        entries = [entry for node, entry in self.elsewhere.items() if node not in leaving]
        if here is not None:
            entries.append(here)
        return merged(self.id, entries or self.elsewhere.values())


class Presence:
    """The members of one room, in the order in which they came."""

    __slots__ = ("_leaving", "_numbers", "_present", "here")

    def __init__(self, leaving: Container[str] = ()) -> None:
        """`leaving`: the gateways that are; the caller says so before it changes (`differing`)."""
        self._present: dict[str, _Present] = {}
        self._numbers = count(1)
        self._leaving = leaving
        self.here = 0
        """How many users are present through this gateway."""

    def __len__(self) -> int:
        return len(self._present)

    def members(self) -> list[Member]:
        return [present.member(self._leaving) for present in self._present.values()]

    def page(self, after: int, most: int) -> tuple[msgspec.Raw, int | None]:
        """The members that came after number `after`, as a JSON array of at most `most` bytes, or of one member.

        Then the number of its last member, where there are more; None where there are not.
        """
        texts: list[bytes] = []
        size, last = 0, after
        for present in self._present.values():
            if present.number > after:
                text = present.encoded(self._leaving)
                size += len(text) + 1
                if texts and size > most:
                    return _array(texts), last
                texts.append(text)
                last = present.number
        return _array(texts), None

    def member(self, user: str) -> Member | None:
        present = self._present.get(user)
        return None if present is None else present.member(self._leaving)

    def entry(self, user: str) -> PresenceEntry | None:
        """What this gateway says of `user`; None for nothing."""
        present = self._present.get(user)
        return None if present is None else present.here()

    def elsewhere(self, user: str, node: str) -> PresenceEntry | None:
        """What gateway `node` says of `user`; None for nothing."""
        present = self._present.get(user)
        return None if present is None or present.elsewhere is None else present.elsewhere.get(node)

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
        present = self._present.get(user.id) or self._new(user.id)
        before = self._state(present)
        for replaced in instead_of:
            present.said.pop(replaced, None)
        if before[1] is None:
            present.since = now
            self.here += 1
        if before[1] is None or info is not None or present.name != user.name:
            present.newer(now)
        present.name = user.name
        present.say(connection, status, info)
        return self._difference(present, *before)

    def update(
        self, user: str, connection: Hashable, status: Status | None, info: Info | None, now: int = 0
    ) -> Difference:
        """A connection changes its status or its info; None leaves that part as it was."""
        present = self._present[user]
        before = self._state(present)
        if info is not None:
            present.newer(now)
        present.say(connection, status, info)
        return self._difference(present, *before)

    def leave(self, user: str, connection: Hashable) -> Difference:
        """`connection` no longer stands for `user`."""
        present = self._present.get(user)
        if present is None or connection not in present.said:
            return NOTHING
        before = self._state(present)
        self._withdraw(present, connection)
        return self._difference(present, *before)

    def told(self, node: str, user: str, entry: PresenceEntry | None, without: Iterable[Hashable] = ()) -> Difference:
        """Gateway `node` says `entry` of `user`, None for nothing; the connections `without` stand for it no longer."""
        present = self._present.get(user)
        if present is None:
            if entry is None:
                return NOTHING
            present = self._new(user)
        before = self._state(present)
        for connection in without:
            self._withdraw(present, connection)
        if entry is not None:
            if present.elsewhere is None:
                present.elsewhere = {}
            present.elsewhere[node] = entry
        elif present.elsewhere is not None:
            present.elsewhere.pop(node, None)
            present.elsewhere = present.elsewhere or None
        return self._difference(present, *before)

    def since(self, before: Mapping[str, Member | None], here: Iterable[str] = ()) -> Difference:
        """What differs of some users from what they were `before`; of those of `here`, also what this gateway says."""
        pairs = [(member, self.member(user)) for user, member in before.items()]
        return Difference(
            joined=tuple(after for member, after in pairs if member is None and after is not None),
            left=tuple(member for member, after in pairs if member is not None and after is None),
            changed=tuple(
                after for member, after in pairs if member is not None and after is not None and after != member
            ),
            here=tuple(here),
        )

    def differing(self, users: Iterable[str], change: Callable[[], None]) -> Difference:
        """What differs of `users` when `change` has changed which gateways are leaving."""
        before = [(present, self._state(present)) for present in map(self._present.get, users) if present is not None]
        change()
        return together(self._difference(present, *state) for present, state in before)

    def _new(self, user: str) -> _Present:
        present = self._present[user] = _Present(user, next(self._numbers))
        return present

    def _withdraw(self, present: _Present, connection: Hashable) -> None:
        if present.said.pop(connection, None) is not None and not present.said:
            self.here -= 1

    def _state(self, present: _Present) -> tuple[Member | None, PresenceEntry | None]:
        """The member, and what this gateway says of it; None for a user that is not there."""
        here = present.here()
        if not present.elsewhere:
            return None if here is None else alone(present.id, here), here
        return present.member(self._leaving), here

    def _difference(self, present: _Present, before: Member | None, before_here: PresenceEntry | None) -> Difference:
        present.text = None
        after, after_here = self._state(present)
        here = () if after_here == before_here else (present.id,)
        if after is None:
            del self._present[present.id]
            return NOTHING if before is None else Difference(left=(before,), here=here)
        if before is None:
            return Difference(joined=(after,), here=here)
        if after == before:
            return Difference(here=here) if here else NOTHING
        return Difference(changed=(after,), here=here)


def together(differences: Iterable[Difference]) -> Difference:
    """Differences of different users, as one."""
    found = [difference for difference in differences if difference or difference.here]
    return Difference(
        tuple(member for difference in found for member in difference.joined),
        tuple(member for difference in found for member in difference.left),
        tuple(member for difference in found for member in difference.changed),
        tuple(user for difference in found for user in difference.here),
    )


def _array(texts: list[bytes]) -> msgspec.Raw:
    return msgspec.Raw(b"[" + b",".join(texts) + b"]")
