"""Small reads that come in one turn of the event loop are done by one thread, one after the other."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from tests.support.deadlines import DEADLINE_S
from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.payer import Payer
from tidegate.core.budgets.turns import Shares
from tidegate.core.errors import Refused
from tidegate.store.serving.jobs import Blocked, Purpose
from tidegate.store.serving.read_threads import ReadThreads
from tidegate.store.serving.together import LONG_S, SHORT_S, Together

MOST = 4


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
    return Purpose(Payer(f"user {number}", f"c{number}"), Cost.KEY, "users")


def run(play: Callable[[ReadThreads, Database], object], timeout: float = 0.0) -> None:
    async def main() -> None:
        database = Database()
        shares = Shares.of(4, each=2)
        threads = ReadThreads(database, asyncio.get_running_loop(), shares, timeout, "test", together=MOST)
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


def test_lists_do_not_ride_with_other_reads() -> None:
    async def play(threads: ReadThreads, _: Database) -> None:
        listing = Purpose(Payer("ada", "c"), Cost.INDEXED, "users")
        found = await asyncio.gather(
            threads.run(threading.get_ident, listing),
            threads.run(threading.get_ident, listing._replace(payer=Payer("bob", "d"))),
            threads.run(threading.get_ident, by_key(1)),
        )
        assert len(set(found)) == 3

    run(play)


def test_a_failure_is_of_one_read() -> None:
    def fails() -> None:
        raise Refused("unavailable", "this one")

    async def play(threads: ReadThreads, _: Database) -> None:
        works: list[Callable[[], object]] = [lambda: 1, fails, lambda: 3]
        found = await asyncio.gather(
            *(threads.run(work, by_key(number)) for number, work in enumerate(works)), return_exceptions=True
        )
        assert found[0] == 1
        assert isinstance(found[1], Refused)
        assert found[2] == 3

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
    begun, release = threading.Event(), threading.Event()

    def waits() -> None:
        begun.set()
        release.wait(DEADLINE_S)

    def never() -> None:
        raise AssertionError("its client has its answer already")

    async def play(threads: ReadThreads, database: Database) -> None:
        works = [threads.run(waits, by_key(0)), *(threads.run(never, by_key(number)) for number in range(1, MOST))]
        found = await asyncio.gather(*works, return_exceptions=True)
        assert begun.is_set()
        assert all(isinstance(each, Refused) and each.code == "unavailable" for each in found), found
        release.set()
        assert await threads.run(lambda: "later", by_key(0)) == "later"

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


@pytest.mark.parametrize(
    ("seconds", "size"),
    [([], 16), ([LONG_S + 0.1], 8), ([LONG_S + 0.1] * 9, 1), ([LONG_S + 0.1, SHORT_S / 2], 16), ([SHORT_S * 1.5], 16)],
)
def test_slow_reads_are_done_by_fewer_at_a_time(seconds: list[float], size: int) -> None:
    together = Together(16)
    for took in seconds:
        together.took(together.size, took)
    assert together.size == size
