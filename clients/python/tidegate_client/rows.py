"""A live query's copy of the rows and its position in the change feed: pure state, no I/O.

Snapshot pages are gathered aside and replace the copy with the page `done`, so that a reader never sees half a table.
It does not know which connection the messages come from.
Invariants: `position` is only ever one at which the copy was complete, so it may always be given back as `since`; it is
None from the first page of a snapshot until `done`, so that a client cut off between asks for a snapshot again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from .models import Change, Key, Row
from .positions import Position, advance, position_of

__all__ = ["RowsState", "key_of", "key_properties", "same_row"]


def key_properties(key: str | Iterable[str]) -> tuple[str, ...]:
    """The names of a key's properties, in order."""
    return (key,) if isinstance(key, str) else tuple(key)


def key_of(row: Mapping[str, Any], properties: tuple[str, ...]) -> Key:
    """A row's key: the bare value, or a tuple for a key of several properties. LookupError if the row lacks one."""
    missing = [name for name in properties if name not in row]
    if missing:
        raise LookupError(f"a row has no {missing[0]!r}: name the key's properties with connect(keys=...)")
    if len(properties) == 1:
        return row[properties[0]]
    return tuple(row[name] for name in properties)


def same_row(one: Row, other: Row) -> bool:
    """Whether two rows are alike in JSON, where `true` is not 1."""
    return one == other and msgspec.json.encode(one) == msgspec.json.encode(other)


class RowsState:
    """Applies `subscribed`, `snapshot`, `update` and dispatched positions, in the order in which they came.

    `wanted`: whether the existing rows are wanted, or only what happens from now on.
    """

    def __init__(self, key: tuple[str, ...], *, wanted: bool = True) -> None:
        self.key = key
        self.wanted = wanted
        self.rows: dict[Key, Row] = {}
        self.position: Position | None = None
        self.scope: str | None = None
        """Which rows the user could see when it got these, as the gateway put it; None for all of them."""
        self.complete = False
        """Whether `rows` is what the subscription asked for (it may lag behind while the connection is broken)."""
        self._pages: dict[Key, Row] | None = None
        self._arrived: Position | None = None
        """The position of a snapshot that is whole and waits for answers to own writes."""
        self._awaited: set[str] = set()
        self._loading = False
        self._live = False

    @property
    def current(self) -> bool:
        """Whether the gateway keeps the copy up to date on the present connection."""
        return self._live and not self._loading

    @property
    def replacing(self) -> bool:
        """Whether messages concern rows that will take the place of the present ones."""
        return self._pages is not None

    def begin_at(self, position: Position, scope: str | None) -> None:
        """Go on from where another copy was; only what changed since is wanted."""
        self.wanted = False
        self.position, self.scope = position, scope

    def resume(self) -> dict[str, Any]:
        """The properties of the `subscribe` that continues from here."""
        asked: dict[str, Any] = {"snapshot": True} if self.wanted else {}
        if self.position is not None:
            asked["since"] = dict(self.position)
            if self.scope is not None:
                asked["scope"] = self.scope
        return asked

    def subscribed(self, reply: Mapping[str, Any]) -> None:
        """The gateway's answer: `snapshot` (pages follow), `recovered` (missed updates follow) or `live`."""
        position = position_of(reply)
        self._live = True
        self.scope = reply.get("scope")
        if reply.get("mode") == "snapshot":
            self._loading = True
            self.position = None
            return
        self._loading = False
        if reply.get("mode") == "live":
            self.position = advance(self.position, position)
        self.complete = True

    def snapshot(self, page: Mapping[str, Any], awaited: Iterable[str] = ()) -> list[Change[Row]]:
        """One page. The page `done` returns one `reset`, since it replaces all rows at once.

        `awaited`: own writes without an answer. Whether the snapshot has them is not known, so that it waits for these.
        """
        if page.get("reset") or self._pages is None:
            self._pages, self._arrived = {}, None
            self._loading = self._live = True
            self.position = None
            self.scope = page.get("scope")
        for row in page["rows"]:
            self._pages[key_of(row, self.key)] = row
        if not page.get("done"):
            return []
        self._arrived, self._awaited = position_of(page), set(awaited)
        if self._arrived is None:
            raise LookupError("the last page of a snapshot has no position")
        return self._replace()

    def answered(self, origin: str) -> list[Change[Row]]:
        """An own write has its answer; a snapshot that waited for it alone takes its place now."""
        self._awaited.discard(origin)
        return self._replace()

    def _replace(self) -> list[Change[Row]]:
        if self._pages is None or self._arrived is None or self._awaited:
            return []
        old = self.rows
        self.rows = {
            key: old[key] if key in old and same_row(old[key], row) else row for key, row in self._pages.items()
        }
        self.position, self._pages, self._arrived = self._arrived, None, None
        self._loading, self.complete = False, True
        return [Change("reset", position=self.position)]

    def update(self, message: Mapping[str, Any]) -> list[Change[Row]]:
        """One row entered, changed in or left the subscription. A row it never had leaves without a change."""
        rows = self.rows if self._pages is None else self._pages
        row: Row = message["data"]
        key = key_of(row, self.key)
        action = message["action"]
        old = rows.get(key)
        about = {name: message.get(name) for name in ("cause", "origin", "position")}
        if action == "delete":
            rows.pop(key, None)
            change: Change[Row] | None = None if old is None else Change("delete", key, old=old, **about)
        elif action in ("create", "update"):
            rows[key] = row
            change = Change(action, key, row, old, **about)
        else:
            return []
        self.dispatched(message.get("position"))
        return [change] if change is not None and self._pages is None else []

    def dispatched(self, position: Position | None) -> None:
        """The gateway has sent everything up to this position (`update`, `heartbeat`, `pong`)."""
        if self._arrived is not None:
            self._arrived = advance(self._arrived, position)
        if self._live and not self._loading:
            self.position = advance(self.position, position)

    def cut(self) -> None:
        """The connection broke: half a snapshot is worth nothing, and its positions end with it."""
        self._pages = self._arrived = None
        self._loading = self._live = False

    def forget(self) -> None:
        """Throw the rows away: they belong to an identity that this client no longer has."""
        self.cut()
        self.rows = {}
        self.position = None
        self.complete = False
