"""One user who is present in one room: what each of its connections said, and what other gateways say.

What others see of a user follows from the connections that stand for it now: it is away when all of them are, and its
info is that of the connection that said its info last. `presence` changes it, and clears its `text` with each change.
"""

from __future__ import annotations

from collections.abc import Container, Hashable
from typing import Literal

import msgspec

from tidegate.core.rooms.entries import PresenceEntry, alone, merged
from tidegate_protocol import Member

Status = Literal["online", "away"]
Info = msgspec.Raw
"""As JSON: a small object with many properties takes twenty times more memory as a dict."""


class Said(msgspec.Struct, frozen=True):
    """What a connection said of its user."""

    status: Status = "online"
    info: Info | None = None


SAID_NOTHING = Said()
"""As most connections say; one for all of them."""


class PresentUser:
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
        """The member as JSON."""
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
        """What others see. Entries of the gateways `leaving` count only while nothing else stands for the user."""
        here = self.here()
        if not self.elsewhere:
            assert here is not None
            return alone(self.id, here)
        entries = [entry for node, entry in self.elsewhere.items() if node not in leaving]
        if here is not None:
            entries.append(here)
        return merged(self.id, entries or self.elsewhere.values())
