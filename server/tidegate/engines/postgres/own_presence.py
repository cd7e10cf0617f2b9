"""Who is present through this gateway, and what of it the database does not know yet.

While the database is away it gathers what changes; afterwards it says what is so then, each thing once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tidegate.engines.postgres.wishes import CLOSE, PRESENCE, SETTLE, Wish
from tidegate.engines.texts import Halves


class OwnPresence:
    """The state of one gateway."""

    def __init__(self) -> None:
        self._entries: dict[tuple[str, str], bytes] = {}
        """By room and user."""
        self._unsaid: dict[tuple[str, str], bool] = {}
        """What is to be said once the database is back. True: the database may have something of the user."""
        self._lost: dict[tuple[str, str], None] = {}
        self._closed: dict[str, int] = {}
        """Rooms that were closed and are not yet for the database, with their tickets."""
        self._unsettled = False
        """The database may have more of this gateway than what is so."""

    def set(self, room: str, user: str, entry: bytes) -> Wish:
        """`entry` is empty for a user who is not present any more."""
        if entry:
            self._entries[room, user] = entry
        else:
            self._entries.pop((room, user), None)
        return Wish(PRESENCE, room, user, Halves(entry, b""))

    def forget(self) -> None:
        """The gateway leaves: the others keep what it said until its lease and the grace are over."""
        self._entries.clear()
        self._unsaid.clear()
        self._lost.clear()

    def lost(self, users: Iterable[tuple[str, str]]) -> None:
        """The database does not have these rooms and users any more: each is said again, also where it is gone."""
        self._lost.update(dict.fromkeys(sorted(users)))

    def later(self, wish: Wish, *, had: bool = True) -> None:
        """The database does not have it, or it is not known whether it does.

        `had`: False where the database has nothing of the user, as far as it answered, and the wish was never sent.
        """
        if wish.kind == PRESENCE:
            who = (wish.room, wish.who)
            self._unsaid[who] = had or self._unsaid.get(who, False)
            if not self._unsaid[who] and who not in self._entries:
                del self._unsaid[who]  # clients choose these names: what came and went leaves nothing
            wish.succeed(None)
        elif wish.kind == CLOSE:
            self._closed[wish.room] = wish.ttl
        else:
            self._unsettled = True

    def said_again(self, *, everything: bool) -> Iterator[Wish]:
        """What to tell the database now that it is back. `everything`: it may have other entries than these."""
        everything = everything or self._unsettled
        for room, ticket in self._closed.items():
            yield Wish(CLOSE, room, ttl=ticket)
        for room, user in dict.fromkeys([*(self._entries if everything else ()), *self._unsaid, *self._lost]):
            yield Wish(PRESENCE, room, user, Halves(self._entries.get((room, user), b""), b""))
        if everything:
            yield Wish(SETTLE, "")
        self._closed.clear()
        self._unsaid.clear()
        self._lost.clear()
        self._unsettled = False
