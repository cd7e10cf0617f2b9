"""Who is present in one room: users, each over one or more connections of this gateway and entries of others.

It says when a member appears, changes and vanishes, as a difference; it does not know which clients get it or when. A
connection is any hashable token. `present_user` says what others see of one user.
A member is encoded once for all lists until it changes.
Invariant: a member exists exactly while a connection, live or in its grace time, or an entry stands for it.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Hashable, Iterable, Mapping
from itertools import count

import msgspec

from tidegate.core.rooms.entries import PresenceEntry, alone
from tidegate.core.rooms.present_user import Info, PresentUser, Said, Status
from tidegate_protocol import Member, Principal


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


class Presence:
    """The members of one room, in the order in which they came."""

    __slots__ = ("_leaving", "_numbers", "_present", "here")

    def __init__(self, leaving: Container[str] = ()) -> None:
        """`leaving`: the gateways that are; the caller says so before it changes (`differing`)."""
        self._present: dict[str, PresentUser] = {}
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

    def _new(self, user: str) -> PresentUser:
        present = self._present[user] = PresentUser(user, next(self._numbers))
        return present

    def _withdraw(self, present: PresentUser, connection: Hashable) -> None:
        if present.said.pop(connection, None) is not None and not present.said:
            self.here -= 1

    def _state(self, present: PresentUser) -> tuple[Member | None, PresenceEntry | None]:
        """The member, and what this gateway says of it; None for a user that is not there."""
        here = present.here()
        if not present.elsewhere:
            return None if here is None else alone(present.id, here), here
        return present.member(self._leaving), here

    def _difference(self, present: PresentUser, before: Member | None, before_here: PresenceEntry | None) -> Difference:
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
