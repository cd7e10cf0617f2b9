"""The port `Store` over a `Database` in memory, with the threads of a real one played out in virtual time.

What belongs to the loop's thread of a real store is the product's own (`FeedGate`, `Spool`); what its threads do is
simulated step by step, each at a separate moment: reading a batch, handing it over, beginning a snapshot, reading it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec

from tests.simulate.database import Database, any_row
from tests.simulate.loop import SimulatedLoop
from tests.simulate.queries import RESOURCES, Row
from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import predicate
from tidegate.core.rows.ports import (
    Change,
    EncodePage,
    EncodeRows,
    LogPruned,
    Mutation,
    Pages,
    ReadQuery,
    ReadResult,
    WriteResult,
)
from tidegate.store.serving.feed_gate import FeedGate
from tidegate.store.serving.spool import Spool

T = TypeVar("T")
EPOCH = "e1"


class Planned(Exception):
    """A failure that the code does not expect."""


class Tempo(msgspec.Struct):
    """How long things take in a history, in seconds on average, and how often they fail."""

    thread: float
    """Between two steps of a thread."""
    jobs: float
    """Until a reading thread, or the writing one, begins with what it was given."""
    notice: float
    """Until the feed learns of a commit."""
    batch: int
    """Changes that the feed hands over at a time, at most."""
    failures: float
    """The share of looks into the database that fail."""


class Thread:
    """What the product's own code takes for the loop, in a thread: what it hands over arrives a little later."""

    def __init__(self, loop: SimulatedLoop, chance: random.Random, pause: float) -> None:
        self.create_future = loop.create_future
        self.interrupt = loop.interrupt
        self._loop = loop
        self._chance = chance
        self._pause = pause
        self._until = 0.0

    def later(self) -> float:
        """When the thread has come to its next step."""
        self._until = max(self._until, self._loop.time()) + self._pause * self._chance.expovariate(1.0)
        return self._until

    def call_soon_threadsafe(self, callback: Callable[..., object], *args: Any) -> None:
        self._loop.in_thread(self.later(), self._loop.call_soon, callback, *args)


class SimulatedSpool(Spool):
    """A spool some of whose pages are in a file, which takes time to read."""

    def __init__(self, encode: EncodePage, thread: Any, left: Callable[[Spool], None], chance: random.Random) -> None:
        super().__init__(encode, thread, lambda spool, payer: None, left)
        self.thread: Thread = thread
        self._interrupt = thread.interrupt
        self._chance = chance

    def join(self, payer: Payer = GATEWAY) -> bool:
        self._interrupt()
        return super().join(payer)

    async def page(self, number: int) -> bytes | None:
        frame = await super().page(number)
        if frame is not None and self._chance.random() < 0.2:
            future = self.thread.create_future()
            self.thread.call_soon_threadsafe(_settle, future, None, None)
            await future
        return frame


class SimulatedStore:
    """Implements core.ports.Store."""

    epoch = EPOCH
    healthy, problem, outdated, incomplete = True, None, False, ()

    def __init__(self, loop: SimulatedLoop, database: Database, chance: random.Random, tempo: Tempo) -> None:
        self.database = database
        self.tempo = tempo
        self.spools: list[Spool] = []
        """Those that a client may still be sent."""
        self.feed = SimulatedFeed(loop, self, chance)
        self._loop = loop
        self._chance = chance
        self._written_until = 0.0
        database.followers.append(self.feed.notice)

    # -- in the loop's thread ---------------------------------------------------------------------------------------

    async def head(self) -> int:
        return self.database.head

    async def read(self, query: ReadQuery, payer: Payer = GATEWAY) -> ReadResult:
        raise NotImplementedError("no client lists rows here")

    async def answer(self, query: ReadQuery, encode: EncodeRows, payer: Payer) -> bytes | None:
        raise NotImplementedError("as `read`")

    def snapshot(self, query: ReadQuery, encode: EncodePage) -> Pages:
        thread = Thread(self._loop, self._chance, self.tempo.thread)
        spool = SimulatedSpool(encode, thread, self.spools.remove, self._chance)
        self.spools.append(spool)
        self._loop.in_thread(self._soon(), self._begin, spool, query)
        return spool

    async def write(self, mutation: Mutation) -> WriteResult:
        await self.feed.gate.resumed()
        self._written_until = max(self._soon(), self._written_until)  # one thread writes, in the order of requests
        return await self._job(self._written_until, lambda: self._write(mutation))

    async def changes(self, after: int, upto: int, limit: int, payer: Payer = GATEWAY) -> Sequence[Change]:
        return await self._job(self._soon(), lambda: self._changes(after, upto, limit))

    def follow(
        self, deliver: Callable[[Sequence[Change], int], None], on_skip: Callable[[int], None] = lambda head: None
    ) -> None:
        self.feed.start(deliver, on_skip)

    def pause(self) -> None:
        self._loop.interrupt()
        self.feed.gate.pause()

    @property
    def following(self) -> bool:
        self._loop.interrupt()
        return self.feed.gate.following

    @property
    def lag(self) -> float:
        return 0.0

    async def resume(self) -> None:
        self._loop.interrupt()
        await self.feed.gate.resume()

    def give_up(self) -> None:
        raise NotImplementedError("no gateway stops here")

    async def close(self) -> None:
        """There is nothing to close."""

    # -- in threads -------------------------------------------------------------------------------------------------

    def failure(self) -> Exception | None:
        """What a look into the database fails with this time, if with anything."""
        if not self.tempo.failures or self._chance.random() > self.tempo.failures:
            return None
        return unavailable() if self._chance.random() < 0.7 else Planned("a planned failure")

    def look(self) -> None:
        """Look into the database. Raises what that fails with."""
        failure = self.failure()
        if failure is not None:
            raise failure

    def _soon(self) -> float:
        return self._loop.time() + self.tempo.jobs * self._chance.expovariate(1.0)

    async def _job(self, when: float, work: Callable[[], T]) -> T:
        future = self._loop.create_future()
        self._loop.in_thread(when, self._work, work, future)
        result: T = await future
        return result

    def _work(self, work: Callable[[], object], future: Any) -> None:
        result: object = None
        failure: Exception | None = None
        try:
            self.look()
            result = work()
        except (Refused, LogPruned, Planned) as error:
            failure = error
        when = self._loop.time() + self.tempo.thread * self._chance.expovariate(1.0)
        self._loop.in_thread(when, self._loop.call_soon, _settle, future, result, failure)

    def _changes(self, after: int, upto: int, limit: int) -> list[Change]:
        if after < self.database.pruned_to:
            raise LogPruned(self.database.pruned_to)
        found = self.database.between(after, min(upto, after + limit))
        return [change for change in found if change is not None]

    def _begin(self, spool: SimulatedSpool, query: ReadQuery) -> None:
        spool.begun = True
        self._loop.in_thread(spool.thread.later(), self._fill, spool, query)

    def _fill(self, spool: SimulatedSpool, query: ReadQuery) -> None:
        failure: Exception | None = None
        try:
            if not spool.abandoned:
                self.look()
                spool.begin(self.database.head)
                spool.fill(self._rows(query))
        except (Refused, Planned) as error:
            failure = error
        spool.thread.call_soon_threadsafe(spool.stopped, failure)

    def _rows(self, query: ReadQuery) -> Iterator[Row]:
        meets = predicate(query.where)
        for row in [row for _, row in sorted(self.database.tables[query.resource].items()) if meets(row)]:
            self.look()
            yield row if query.fields is None else {name: row[name] for name in query.fields}

    def _write(self, order: Mutation) -> WriteResult:
        """One row; who repeats a request with a key gets the first answer."""
        request = (order.user, order.idempotency_key or "")
        if request in self.database.requests:
            return self.database.requests[request]
        database, table = self.database, self.database.tables[order.resource]
        row: Row
        if order.kind == "create":
            identifier = database.new_key()
            row = {**any_row(self._chance, identifier), **order.rows[0], "id": identifier}
        else:
            (key,) = order.keys
            if key["id"] not in table:
                raise Refused("not_found", "there is no such row", pointer="/id")
            row = {**table[key["id"]], **(order.data or {})}
        new = None if order.kind == "delete" else row
        database.put(order.resource, row["id"], new, order.idempotency_key, order.user)
        result = WriteResult([{"id": row["id"]} if new is None else row], database.head)
        if order.idempotency_key is not None:
            database.requests[request] = result
        database.committed()
        return result


class SimulatedFeed:
    """The change feed's thread: it looks when it is woken, reads a batch, and waits until the loop took it."""

    def __init__(self, loop: SimulatedLoop, store: SimulatedStore, chance: random.Random) -> None:
        self.thread = Thread(loop, chance, store.tempo.thread)
        view: Any = self.thread
        self.gate = FeedGate(view, self.wake)
        self.at = store.database.head
        self._loop = loop
        self._store = store
        self._chance = chance
        self._asleep = True
        self._woken = False
        self._noticing = False
        self._deliver: Callable[[Sequence[Change], int], None]

    @property
    def asleep(self) -> bool:
        return self._asleep

    def start(self, deliver: Callable[[Sequence[Change], int], None], on_skip: Callable[[int], None]) -> None:
        self._deliver, self.gate.on_skip = deliver, on_skip

    def notice(self) -> None:
        """A commit: the thread sees it when it next looks."""
        if not self.gate.paused and not self._noticing:
            self._noticing = True
            self._loop.in_thread(self._loop.time() + self._store.tempo.notice * self._chance.random(), self._noticed)

    def _noticed(self) -> None:
        self._noticing = False
        self.wake()

    def wake(self) -> None:
        if self._asleep:
            self._asleep = False
            self._loop.in_thread(self.thread.later(), self._look)
        else:
            self._woken = True

    def _look(self) -> None:
        gate = self.gate
        if gate.paused:
            self._sleep()
        else:
            self._loop.in_thread(self.thread.later(), self._jump if gate.jump_due else self._read)

    def _jump(self) -> None:
        if self._failed():
            return
        self.at = self._store.database.head
        self._loop.in_thread(self.thread.later(), self._jumped)

    def _jumped(self) -> None:
        self.gate.jumped(self.at)
        self._loop.in_thread(self.thread.later(), self._read)

    def _failed(self) -> bool:
        """Whether the log cannot be read; it will be tried again."""
        failure = self._store.failure()
        if failure is None:
            return False
        # Whatever it was, that is what a feed tells.
        self.gate.failed(unavailable())
        self._loop.in_thread(self.thread.later(), self._look)
        return True

    def _read(self) -> None:
        database = self._store.database
        if self._failed():
            return
        if database.head <= self.at:
            self._sleep()
        elif database.pruned_to > self.at:
            upto = database.pruned_to
            self._hand_over([Change(upto, 0, name, {}, "reset", None, None) for name in RESOURCES], upto)
        else:
            upto = min(database.head, self.at + 1 + int(self._chance.random() * self._store.tempo.batch))
            self._hand_over([change for change in database.between(self.at, upto) if change is not None], upto)

    def _hand_over(self, changes: list[Change], upto: int) -> None:
        self.thread.call_soon_threadsafe(self._take, changes, upto)

    def _take(self, changes: list[Change], upto: int) -> None:
        try:
            self._deliver(changes, upto)
        finally:
            self._took(upto)

    def _took(self, upto: int) -> None:
        self.at = upto
        self._loop.in_thread(self.thread.later(), self._read)

    def _sleep(self) -> None:
        self._asleep = True
        if self._woken:
            self._woken = False
            self.wake()


def unavailable() -> Refused:
    return Refused("unavailable", "the database does not answer at the moment; try again", retry_after=1.0)


def _settle(future: Any, result: object, failure: Exception | None) -> None:
    if future.done():
        return
    if failure is None:
        future.set_result(result)
    else:
        future.set_exception(failure)
