"""What clients read from a database, and the threads that do it: a few for answers, a few for snapshots.

It puts a read into its class and gives it to the threads; they know whose turn it is. It knows no SQL.
Invariant: a read by key never waits for lists, and no read waits for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Protocol, TypeVar

from tidegate.contract import Resource
from tidegate.core.budgets.costs import FEW, Cost, CostRules
from tidegate.core.budgets.payer import Payer
from tidegate.core.budgets.spent import Spent
from tidegate.core.budgets.turns import Shares
from tidegate.core.rows.ports import Change, EncodePage, EncodeRows, Pages, ReadQuery, ReadResult
from tidegate.store.serving.jobs import Interruptible, Purpose
from tidegate.store.serving.read_threads import ReadThreads
from tidegate.store.serving.snapshots import Snapshots
from tidegate.store.serving.spool import Spool

T = TypeVar("T")

THREADS = 4
"""Threads that answer reads."""
SNAPSHOT_THREADS = 2
SNAPSHOT_SHARES = Shares(
    threads=SNAPSHOT_THREADS,
    costly=2,
    scans=2,
    each=2,
    account=1,
    account_costly=1,
    waiting=1_000_000,
    account_waiting=1_000_000,
)
"""How many may wait is decided by how many subscriptions there may be."""
CLOSE_S = 2.0
"""Seconds that a close waits for threads whose work was interrupted."""


class Reader(Interruptible, Protocol):
    """Reads one database, in any thread but the loop's. All three raise Refused, Interrupted and Blocked."""

    def read(self, query: ReadQuery) -> ReadResult: ...

    def snapshot(self, query: ReadQuery, spool: Spool) -> None: ...

    def changes(self, after: int, upto: int, limit: int) -> Sequence[Change]: ...

    def close(self) -> None:
        """To be called when no thread reads any more."""


class Reads:
    """All reads of one store. Belongs to the loop's thread, but for `close`."""

    def __init__(
        self,
        reader: Reader,
        resources: Mapping[str, Resource],
        loop: asyncio.AbstractEventLoop,
        timeout: float,
        each: int = THREADS,
        together: int = 1,
    ) -> None:
        """`timeout`: seconds that a read may wait, and then run; 0 for no limit. `each`: threads for one class.
        `together`: small reads that a thread gets at a time, at most.
        """
        self._reader = reader
        self._rules = {
            name: CostRules(resource.key, (*resource.unique, *resource.indexes, *((of,) for of in resource.references)))
            for name, resource in resources.items()
        }
        self.spent = spent = Spent()
        shares = Shares.of(THREADS, each=each)
        self._threads = ReadThreads(reader, loop, shares, timeout, "tidegate-reader", spent, together)
        self._for_snapshots = ReadThreads(reader, loop, SNAPSHOT_SHARES, timeout, "tidegate-snapshot", spent)
        self._snapshots = Snapshots(reader.snapshot, self._for_snapshots)

    async def read(self, query: ReadQuery, payer: Payer) -> ReadResult:
        return await self._threads.run(partial(self._reader.read, query), self._purpose(query, payer))

    async def answer(self, query: ReadQuery, encode: EncodeRows, payer: Payer) -> bytes | None:
        """The rows do not leave their thread: they take several times the memory of what is made of them."""
        return await self._threads.run(lambda: encode(self._reader.read(query)), self._purpose(query, payer))

    async def changes(self, after: int, upto: int, limit: int, payer: Payer) -> Sequence[Change]:
        """A client that catches up waits for its turn as long as it takes: refused, it would only come back."""
        # Many changes are as much work as a list: they must not stand before a read of one row.
        few = min(limit, upto - after) <= FEW
        purpose = Purpose(payer, Cost.KEY if few else Cost.INDEXED, small=few, waits=False)
        return await self._threads.run(partial(self._reader.changes, after, upto, limit), purpose)

    async def by_key(self, work: Callable[[], T], payer: Payer) -> T:
        """Any work that looks at few rows, by their keys."""
        return await self._threads.run(work, Purpose(payer, Cost.KEY, small=True))

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        return self._snapshots.open(query, self._rules[query.resource].cost(query), encode)

    def give_up(self) -> None:
        """Refuse what waits, interrupt what runs, and begin nothing more."""
        self._threads.give_up()
        self._for_snapshots.give_up()

    def close(self) -> None:
        """After `give_up`. Blocks for as long as the database takes to notice, and `CLOSE_S` at most."""
        ended = [threads.close(CLOSE_S / 2) for threads in (self._threads, self._for_snapshots)]
        if all(ended):  # a connection that a thread still uses cannot be closed
            self._reader.close()

    def _purpose(self, query: ReadQuery, payer: Payer) -> Purpose:
        rules = self._rules[query.resource]
        cost = rules.cost(query)
        return Purpose(payer, cost, query.resource, rules.small(query, cost))
