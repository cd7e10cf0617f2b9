"""Small reads that come in one turn of the event loop are done by one thread, one after the other."""

from __future__ import annotations

import asyncio
import queue
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.payer import Payer
from tidegate.core.budgets.spent import Spent
from tidegate.core.budgets.turns import Shares
from tidegate.core.errors import Refused
from tidegate.store.serving import jobs
from tidegate.store.serving.jobs import Blocked, Interrupted, Job, Outcome, Purpose, Worker
from tidegate.store.serving.read_batch_size import LONG_S, SHORT_S, ReadBatchSize
from tidegate.store.serving.read_threads import ReadThreads

MOST = 4
SLOW, QUICK = LONG_S + 0.1, SHORT_S / 2


@dataclass
class Database:
    """Interrupts nothing, and notes what it was asked."""

    interrupted: list[int] = field(default_factory=list)
    restored: int = 0

    def interrupt(self, thread: int) -> None:
        self.interrupted.append(thread)

    def restore(self) -> None:
        self.restored += 1


def by_key(number: int) -> Purpose:
    return Purpose(Payer(f"user {number}", f"c{number}"), Cost.KEY, "users", small=True)


def listing(number: int) -> Purpose:
    return by_key(number)._replace(cost=Cost.INDEXED)


class Clock:
    """Seconds that only the work of threads lets pass."""

    def __init__(self) -> None:
        self.now = 0.0

    def perf_counter(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(jobs, "time", clock)
    return clock


def run(
    play: Callable[[ReadThreads, Database], object],
    timeout: float = 0.0,
    *,
    spent: Spent | None = None,
    together: int = MOST,
) -> None:
    async def main() -> None:
        database, shares = Database(), Shares.of(4, each=2)
        threads = ReadThreads(database, asyncio.get_running_loop(), shares, timeout, "test", spent, together)
        try:
            async with asyncio.timeout(DEADLINE_S):
                await play(threads, database)  # type: ignore[misc]  # a coroutine function
        finally:
            threads.give_up()
            assert threads.close(DEADLINE_S)

    asyncio.run(main())


def test_reads_of_one_turn_of_the_loop_share_threads() -> None:
    async def play(threads: ReadThreads, _: Database) -> None:
        found = await asyncio.gather(*(threads.run(threading.get_ident, by_key(number)) for number in range(2 * MOST)))
        assert found == [found[0]] * MOST + [found[MOST]] * MOST
        assert len(set(found)) == 2

    run(play)


def test_long_lists_do_not_ride_with_other_reads() -> None:
    async def play(threads: ReadThreads, _: Database) -> None:
        found = await asyncio.gather(
            threads.run(threading.get_ident, listing(1)._replace(small=False)),
            threads.run(threading.get_ident, listing(2)._replace(small=False)),
            threads.run(threading.get_ident, by_key(3)),
        )
        assert len(set(found)) == 3

    run(play)


def test_small_lists_share_a_thread_but_not_with_reads_by_key() -> None:
    async def play(threads: ReadThreads, _: Database) -> None:
        asked = [purpose(number) for number in range(MOST) for purpose in (by_key, listing)]
        found = await asyncio.gather(*(threads.run(threading.get_ident, purpose) for purpose in asked))
        assert found[::2] == [found[0]] * MOST
        assert found[1::2] == [found[1]] * MOST
        assert found[0] != found[1]

    run(play)


def test_a_failure_is_of_one_read() -> None:
    def fails() -> None:
        raise Refused("unavailable", "this one")

    async def play(threads: ReadThreads, database: Database) -> None:
        works: list[Callable[[], object]] = [lambda: 1, fails, lambda: 3]
        found = await asyncio.gather(
            *(threads.run(work, by_key(number)) for number, work in enumerate(works)), return_exceptions=True
        )
        assert found[0] == 1
        assert isinstance(found[1], Refused)
        assert found[2] == 3
        assert database.restored == 1, "the failure may have left a transaction open"

    run(play)


def test_reads_after_one_that_a_lock_held_up_are_done_later_and_lose_nothing() -> None:
    asked: list[int] = []

    def locked(number: int) -> int:
        asked.append(number)
        if asked.count(number) == 1 and number == 0:
            raise Blocked
        return number

    async def play(threads: ReadThreads, _: Database) -> None:
        works = (threads.run(lambda number=number: locked(number), by_key(number)) for number in range(MOST))  # type: ignore[misc]
        assert await asyncio.gather(*works) == list(range(MOST))
        assert asked[:2] != [0, 1], "the second read was not tried while the lock was held"
        assert sorted(asked) == [0, *range(MOST)]

    run(play)


def test_a_read_that_is_late_in_its_thread_is_not_begun() -> None:
    begun, release, late = threading.Event(), threading.Event(), list[int]()

    def waits() -> None:
        begun.set()
        release.wait(DEADLINE_S)

    async def play(threads: ReadThreads, database: Database) -> None:
        works = [
            threads.run(waits, by_key(0)),
            *(threads.run(partial(late.append, number), by_key(number)) for number in range(1, MOST)),
        ]
        found = await asyncio.gather(*works, return_exceptions=True)
        assert begun.is_set()
        assert all(isinstance(each, Refused) and each.code == "unavailable" for each in found), found
        release.set()
        assert await threads.run(lambda: "later", by_key(0)) == "later"
        await until(lambda: database.restored == MOST)  # each of them was interrupted, or might have been
        assert late == [], "their clients have their answers already"

    run(play, timeout=0.2)


def test_a_client_that_leaves_takes_only_its_read_with_it() -> None:
    async def play(threads: ReadThreads, _: Database) -> None:
        tasks = [asyncio.ensure_future(threads.run(lambda: "row", by_key(number))) for number in range(3)]
        await asyncio.sleep(0)
        tasks[1].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert [found[0], found[2]] == ["row", "row"]
        assert isinstance(found[1], asyncio.CancelledError)

    run(play)


def test_after_slow_reads_threads_get_fewer_at_a_time(clock: Clock) -> None:
    async def play(threads: ReadThreads, _: Database) -> None:
        def size(cost: Cost = Cost.KEY, table: str = "users") -> int:
            return threads._batch_sizes[cost, table].size

        async def took(*seconds: float) -> None:
            await asyncio.gather(
                *(threads.run(partial(clock.work, each), by_key(number)) for number, each in enumerate(seconds))
            )

        await took(0.0, 0.0, 0.0, SLOW)
        assert size() == MOST // 2, "the time of all counts, also of the last one"
        await took(0.0)
        assert size() == MOST
        await took(0.0, 0.0, SLOW)
        assert size() == 1, "half of those that were too slow together"
        await took(0.0)
        await took(0.0)
        for small in (True, False):
            await threads.run(partial(clock.work, SLOW), listing(0)._replace(small=small))
            assert size() == MOST, "a list is slow for itself"
            assert size(Cost.INDEXED) == 1, "and a small one for other small ones"
            assert size(Cost.INDEXED, "tasks") == MOST, "of the same table"

    run(play)


def test_each_account_pays_for_its_own_read(clock: Clock) -> None:
    spent = Spent()

    async def play(threads: ReadThreads, _: Database) -> None:
        works = (threads.run(partial(clock.work, number / 8), by_key(number)) for number in range(MOST))
        await asyncio.gather(*works)
        assert [spent.of(f"c{number}") for number in range(MOST)] == [number / 8 for number in range(MOST)]
        used = [threads._queue._accounts[f"user {number}"].used for number in range(MOST)]
        assert [each - used[1] for each in used[1:]] == pytest.approx([0.0, 1 / 8, 2 / 8])

    run(play, spent=spent)


def test_a_read_that_was_not_tried_because_of_a_lock_is_not_paid_for(clock: Clock) -> None:
    tried: list[str] = []

    def locked() -> None:
        tried.append("first")
        if len(tried) == 1:
            clock.work(1.0)
            raise Blocked

    async def play(threads: ReadThreads, _: Database) -> None:
        await asyncio.gather(threads.run(locked, by_key(0)), threads.run(lambda: tried.append("second"), by_key(1)))
        assert tried == ["first", "second", "first"]

    run(play)


@pytest.mark.parametrize(
    ("cost", "small", "together"), [(Cost.KEY, True, 1), (Cost.INDEXED, True, 1), (Cost.INDEXED, False, MOST)]
)
def test_a_read_that_has_its_thread_alone_does_not_wait_for_the_loop(cost: Cost, small: bool, together: int) -> None:
    async def play(threads: ReadThreads, _: Database) -> None:
        begun = threading.Event()
        job = threads.submit(begun.set, Purpose(Payer("ada", "c"), cost, "users", small))
        assert begun.wait(DEADLINE_S)
        await job.future

    run(play, together=together)


async def test_a_thread_that_has_nothing_to_do_is_not_interrupted_and_keeps_nothing() -> None:
    database, told = Database(), queue.SimpleQueue[Sequence[Outcome]]()
    worker = Worker("test", database, lambda _, outcomes: told.put(outcomes))
    job = Job(Database, by_key(0), asyncio.get_running_loop().create_future())
    worker.inbox.put([job])
    (outcome,) = told.get(timeout=DEADLINE_S)
    worker.interrupt(job)
    assert database.interrupted == []
    left = weakref.ref(outcome.result)
    del outcome
    await until(lambda: left() is None)
    worker.inbox.put(None)
    worker.thread.join(DEADLINE_S)
    assert not worker.thread.is_alive()


@pytest.mark.parametrize("failure", [Refused("unavailable", "no"), Interrupted(), Blocked()])
async def test_a_failure_that_is_told_keeps_none_of_the_frames_that_it_passed(failure: Exception) -> None:
    """A frame mostly names what keeps the failure: such a circle would wait for a garbage collection."""

    def fails() -> None:
        try:
            raise ValueError
        except ValueError as error:
            raise failure from error

    told = queue.SimpleQueue[Sequence[Outcome]]()
    worker = Worker("test", Database(), lambda _, outcomes: told.put(outcomes))
    worker.inbox.put([Job(fails, by_key(0), asyncio.get_running_loop().create_future())])
    (outcome,) = told.get(timeout=DEADLINE_S)
    assert outcome.failure is failure
    assert [each for each in (failure.__traceback__, failure.__context__, failure.__cause__) if each] == []
    worker.inbox.put(None)
    worker.thread.join(DEADLINE_S)


@pytest.mark.parametrize(
    ("taken", "size"),
    [
        ([], 16),
        ([(16, SLOW)], 8),
        ([(16, LONG_S)], 16),
        ([(6, SLOW)], 3),
        ([(1, SLOW)], 1),
        ([(16, SLOW), (8, QUICK)], 16),
        ([(16, SLOW), (8, SHORT_S)], 8),
        ([(6, SLOW), (3, QUICK)], 6),
        ([(10, SLOW), *[(1, QUICK)] * 2], 16),
        ([(16, QUICK)], 16),
    ],
)
def test_slow_reads_are_done_by_fewer_at_a_time(taken: list[tuple[int, float]], size: int) -> None:
    batch = ReadBatchSize(16)
    for reads, seconds in taken:
        batch.took(reads, seconds)
    assert batch.size == size
