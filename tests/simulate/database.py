"""The truth of a simulated history: tables, the change log that leads to them, and what of it was pruned.

It is one writer's view of a database: every method is a transaction, done at once. Nothing here knows the gateway.
Invariant: `states[seq]` are the tables as they were when the log ended at `seq`; rows in it never change.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

from tests.simulate.queries import KEYS, KINDS, OWNERS, RESOURCES, Row
from tidegate.core.rows.ports import Change, WriteResult

Tables = dict[str, dict[int, Row]]


class Database:
    """Tables, and the log that leads to them."""

    def __init__(self) -> None:
        self.log: list[Change | None] = []
        """The change with `seq` is at `seq - 1`; None is one of a resource that the schema does not have."""
        self.states: list[Tables] = [{name: {} for name in RESOURCES}]
        self.pruned_to = 0
        self.followers: list[Callable[[], None]] = []
        """Called after each commit."""
        self.requests: dict[tuple[str, str], WriteResult] = {}
        """What requests with a key were answered, by user and key."""
        self._last_key = 100

    @property
    def head(self) -> int:
        return len(self.log)

    @property
    def tables(self) -> Tables:
        return self.states[-1]

    def committed(self) -> None:
        """A transaction has ended; it may have been several changes."""
        for told in self.followers:
            told()

    def new_key(self) -> int:
        """For a row that a gateway creates."""
        self._last_key += 1
        return self._last_key

    def put(
        self, resource: str, key: int, new: Row | None, origin: str | None = None, actor: str | None = None
    ) -> None:
        """Create, update or delete (`new` is None) a row; nothing is logged where nothing happens."""
        old = self.tables[resource].get(key)
        if old is None and new is None:
            return
        table = dict(self.tables[resource])
        if new is None:
            del table[key]
        else:
            table[key] = new
        action: Any = "delete" if new is None else "create" if old is None else "update"
        self.log.append(Change(self.head + 1, 0, resource, {"id": key}, action, old, new, origin, actor))
        self.states.append({**self.tables, resource: table})

    def empty(self, resource: str) -> None:
        """TRUNCATE: the log does not tell what was there."""
        self.log.append(Change(self.head + 1, 0, resource, {}, "reset", None, None))
        self.states.append({**self.tables, resource: {}})

    def stranger(self) -> None:
        """A change of a table that the schema knows no more."""
        self.log.append(None)
        self.states.append(self.tables)

    def prune(self, upto: int) -> None:
        """Changes up to `upto` are gone; the newest always stays."""
        self.pruned_to = max(self.pruned_to, min(upto, self.head - 1))

    def between(self, after: int, upto: int) -> list[Change | None]:
        """The log's part with after < seq <= upto."""
        return self.log[after:upto]


def any_row(chance: random.Random, key: int) -> Row:
    return {"id": key, "kind": chance.choice(KINDS), "size": int(10 * chance.random()), "owner": chance.choice(OWNERS)}


def change_something(database: Database, chance: random.Random) -> None:
    """What some program does to a row: most rows change often, few columns at a time."""
    resource, key = chance.choice(RESOURCES[:2] if chance.random() < 0.9 else RESOURCES), chance.choice(KEYS)
    row = database.tables[resource].get(key)
    dice = chance.random()
    if row is None:
        database.put(resource, key, any_row(chance, key))
    elif dice < 0.2:
        database.put(resource, key, None)
    elif dice < 0.3:
        database.put(resource, key, dict(row))
    else:
        name = chance.choice(("kind", "size", "owner"))
        database.put(resource, key, {**row, name: any_row(chance, key)[name]})
