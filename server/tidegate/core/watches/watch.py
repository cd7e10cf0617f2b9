"""One condition that is kept up to date: the keys of the rows that match it, as far as they are kept.

    NEW --read--> LIVE

A watch begins before its rows are read. Changes that are dispatched during the read are kept, and applied to what was
read if they are newer; changes that are dispatched later count only if they are newer than the read. So no change is
missed and none is applied twice, whatever the order of the read and the change feed.
Invariant: of a LIVE watch, `keys` are rows that match as of its position; where `whole`, they are all of them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from tidegate.core.access.room_rules import Condition
from tidegate.core.filters.index_keys import IndexKeys
from tidegate.core.filters.predicate import predicate, token

KEPT_KEYS = 64
"""Keys of matching rows that a watch keeps, at most."""
KEPT_CHANGES = 1000
"""Changes that a NEW watch keeps, at most. With more, what is read cannot be brought up to date."""
WATCH_BYTES = 4000
"""What a watch counts for, about."""

Row = dict[str, Any]
Key = tuple[Any, ...]


class Changed(Protocol):
    """A committed change of one row, as the change feed tells it."""

    @property
    def seq(self) -> int: ...
    @property
    def resource(self) -> str: ...
    @property
    def action(self) -> str: ...
    @property
    def old(self) -> Row | None: ...
    @property
    def new(self) -> Row | None: ...


class Watch:
    """Made and kept by `Watches`."""

    __slots__ = ("_changes", "_meets", "at", "condition", "holders", "indexed", "key", "keys", "live", "lost", "whole")

    def __init__(self, condition: Condition, key: Collection[str]) -> None:
        """`key`: the properties that identify a row of the resource."""
        self.condition = condition
        self.key = tuple(key)
        self.indexed: IndexKeys | None = None
        """The index keys under which `Watches` keeps it; None: it is looked at for each change of the resource."""
        self.holders: dict[Any, None] = {}
        """What depends on the condition."""
        self.live = False
        self.lost = False
        """What is known cannot be brought up to date any more."""
        self.at = 0
        """Changes up to here are in what was read."""
        self.whole = True
        """No row matches but those of `keys`."""
        self.keys: set[Key] = set()
        self._changes: list[Changed] = []
        self._meets = predicate(condition.where)

    @property
    def holds(self) -> bool:
        """Whether a row matches, as of the dispatched position."""
        return self.live and bool(self.keys)

    @property
    def unsure(self) -> bool:
        """Rows may match, and none of them is known. All holders have to let go of the watch then."""
        return self.lost or (self.live and not self.keys and not self.whole)

    def read(self, rows: Collection[Row], seq: int, dispatched: int) -> None:
        """`rows` matched when the log's head was `seq`: at most KEPT_KEYS + 1 of them, with their keys.

        `dispatched`: the feed's position. What is read is left out where more is known already.
        """
        if self.live and seq <= max(self.at, dispatched):
            return
        self.live, self.at = True, seq
        self.whole = len(rows) <= KEPT_KEYS
        self.keys = {self._key(row) for row in list(rows)[:KEPT_KEYS]}
        changes, self._changes = self._changes, []
        for change in changes:
            self.apply(change)

    def apply(self, change: Changed) -> None:
        """A change was dispatched that may concern the condition."""
        if not self.live:
            self._changes.append(change)
            self.lost = self.lost or len(self._changes) > KEPT_CHANGES
            return
        if change.seq <= self.at:
            return
        if change.old is not None:
            self.keys.discard(self._key(change.old))
        if change.new is not None and self._meets(change.new):
            self._add(self._key(change.new))

    def _add(self, key: Key) -> None:
        if len(self.keys) < KEPT_KEYS:
            self.keys.add(key)
        elif key not in self.keys:
            self.whole = False

    def _key(self, row: Row) -> Key:
        return tuple(token(row.get(name)) for name in self.key)
