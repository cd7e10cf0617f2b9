"""Reads on both databases: whose turn it is, what a read may take, and what becomes of one that is not wanted."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import pytest

from tests.store.application import RESOURCES
from tests.store.port.conftest import AnyForeign, Database
from tests.store.port.test_snapshots import add_many, encode
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import Or, compile_filters
from tidegate.core.rows.ports import ReadQuery, ReadResult
from tidegate.store import Timeouts, open_store
from tidegate.store.serving.jobs import Interrupted
from tidegate.store.serving.store import ThreadedStore

EVE, ADA, BOB, ZOE = (Payer(f"user {name}", f"c-{name}") for name in ("eve", "ada", "bob", "zoe"))
GET = ReadQuery(resource="boats", keys=({"code": "b100001"},))
LIST = ReadQuery(resource="boats", where=compile_filters({"name": {"contains": "x"}}), count=True)
LONG = compile_filters({"or": [{"tags": {"ina": [f"q{number}"]}} for number in range(99)]})
ENDLESS = ReadQuery(resource="boats", where=Or((LONG,) * 20))
"""Takes seconds for 20,000 rows: it looks into the array of each 1,980 times, and finds nothing."""
AT_ONCE = {"sqlite": 1, "postgresql": 2}
"""Lists of one account that run: more of SQLite's would only wait for the interpreter, and others with them."""
QUICK_S = 0.1
"""A limit that a read which takes seconds meets on any machine. Other reads meet it, too, where a machine is busy."""


def add_tagged(foreign: AnyForeign) -> None:
    tags = '["a","b","c","d","e","f","g","h"]'
    foreign.execute(
        "INSERT INTO boats (code, name, tags) WITH RECURSIVE number (n) AS "
        "(SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 20000) "
        f"SELECT 'b' || CAST(100000 + n AS TEXT), 'x', '{tags}' FROM number"
    )


@asynccontextmanager
async def opened(database: Database, limit: float = DEADLINE_S) -> AsyncIterator[ThreadedStore]:
    """`limit`: seconds that a read may take; 0 for no limit."""
    store = await open_store(database.url, RESOURCES, timeouts=Timeouts(read=limit))
    assert isinstance(store, ThreadedStore)
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def hurried(store: ThreadedStore) -> Iterator[None]:
    """A store without a limit has `QUICK_S` for the reads of the block."""
    both: Any = (store._reads._threads, store._reads._for_snapshots)
    for threads in both:
        threads._timeout = QUICK_S
    yield
    for threads in both:
        threads._timeout = 0.0
        if threads._looking is not None:  # it would look in each turn of the loop
            threads._looking.cancel()
            threads._looking = None


class Noted:
    """The reads that the threads begin from now on, and what the database ends them with."""

    def __init__(self, store: ThreadedStore) -> None:
        self.begun = 0
        self.failures: list[Exception] = []
        reader: Any = store._reads._reader
        read = reader.read

        def noted(query: ReadQuery) -> ReadResult:
            self.begun += 1
            try:
                result: ReadResult = read(query)
            except Exception as error:
                self.failures.append(error)
                raise
            return result

        reader.read = noted


class Held:
    """Reads that wait in their threads until a test lets them go. It notes which have begun, in order."""

    def __init__(self, store: ThreadedStore, held: Callable[[ReadQuery], bool]) -> None:
        self.begun: list[ReadQuery] = []
        self._held = held
        self._let_go = threading.Semaphore(0)
        reader: Any = store._reads._reader
        self._read = reader.read
        reader.read = self.read

    def read(self, query: ReadQuery) -> ReadResult:
        self.begun.append(query)
        if self._held(query):
            self._let_go.acquire(timeout=DEADLINE_S)
        result: ReadResult = self._read(query)
        return result

    def let_go(self, count: int = 1) -> None:
        self._let_go.release(count)

    async def until_begun(self, count: int) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while len(self.begun) < count:  # noqa: ASYNC110  # the threads know
                await asyncio.sleep(0.001)


async def test_costly_lists_of_one_client_do_not_hold_up_the_reads_of_others(
    database: Database, foreign: AnyForeign
) -> None:
    """2,560 lists of ten connections wait; the `get` of another is answered while not one of them has ended."""
    add_many(foreign, 20)
    async with opened(database) as store:
        held = Held(store, lambda query: query.count)
        lists = [
            asyncio.ensure_future(store.read(LIST, EVE._replace(connection=f"eve {number % 10}")))
            for number in range(1_000)
        ]
        await held.until_begun(AT_ONCE[database.kind])
        assert [row["code"] for row in (await store.read(GET, ADA)).rows] == ["b100001"]
        first_page = await store.read(ReadQuery(resource="boats", limit=3), ADA)
        assert len(first_page.rows) == 3
        assert not any(each.done() for each in lists)
        assert held.begun.count(LIST) == AT_ONCE[database.kind]

        mine = asyncio.ensure_future(store.read(LIST, BOB))
        await asyncio.sleep(0)
        if database.kind == "sqlite":
            await held.until_begun(4)
        else:
            for number in (5, 6):
                held.let_go()
                await held.until_begun(number)
        for each in lists:
            each.cancel()
        held.let_go(2)
        assert (await mine).total == 20, "it was among the first two that had a thread"
        await asyncio.wait(lists)
        assert len(held.begun) <= 7, "what was cancelled did not begin"
        assert store._reads._threads._queue.waiting == 0


async def test_a_client_may_not_fill_the_queue(database: Database) -> None:
    async with opened(database) as store:
        held = Held(store, lambda query: query.count)
        at_once = AT_ONCE[database.kind]
        lists = [asyncio.ensure_future(store.read(LIST, EVE)) for _ in range(1_024 + at_once)]
        await held.until_begun(at_once)
        with pytest.raises(Refused) as refused:
            await store.read(LIST, EVE)
        assert (refused.value.code, refused.value.retry_after) == ("rate_limited", 1.0)
        assert (await store.read(GET, ADA)).rows == []
        for each in lists:
            each.cancel()
        held.let_go(2)


async def test_a_read_that_takes_too_long_is_ended_and_the_next_one_is_right(
    database: Database, foreign: AnyForeign
) -> None:
    add_tagged(foreign)
    async with opened(database, 0.0) as store:
        noted = Noted(store)
        for _ in range(6):
            with hurried(store), pytest.raises(Refused, match="fewer") as refused:
                await store.read(ENDLESS, EVE)
            assert refused.value.code == "limit_reached"
            async with asyncio.timeout(DEADLINE_S):
                while store._reads._threads._jobs:  # noqa: ASYNC110  # until the database has ended it
                    await asyncio.sleep(0.001)
            found = await asyncio.gather(*(store.read(GET, payer) for payer in (ADA, BOB, ZOE, EVE)))
            assert [[row["code"] for row in each.rows] for each in found] == [["b100001"]] * 4
        assert [type(error) for error in noted.failures] == [Interrupted] * 6
        assert store.healthy


async def test_a_read_that_does_not_get_its_turn_in_time_is_refused(database: Database) -> None:
    async with opened(database, QUICK_S) as store:
        held = Held(store, lambda query: query.count)
        lists = [asyncio.ensure_future(store.read(LIST, payer)) for payer in (EVE, ADA, BOB)]
        outcomes = await asyncio.gather(*lists, return_exceptions=True)
        codes = sorted(each.code for each in outcomes if isinstance(each, Refused))
        assert codes == ["limit_reached", "limit_reached", "unavailable"]
        await held.until_begun(2)  # their threads may have had no turn yet
        held.let_go(2)
        await until(lambda: not store._reads._threads._jobs)
        assert len(held.begun) == 2


async def test_a_read_whose_client_is_gone_is_interrupted(database: Database, foreign: AnyForeign) -> None:
    add_tagged(foreign)
    async with opened(database) as store:
        noted = Noted(store)
        reading = [asyncio.ensure_future(store.read(ENDLESS, payer)) for payer in (EVE, EVE, EVE, ADA)]
        await asyncio.sleep(0)
        assert len(store._reads._threads._idle) == 2
        async with asyncio.timeout(DEADLINE_S):
            while noted.begun < 2:  # noqa: ASYNC110  # the threads know
                await asyncio.sleep(0.001)
        for each in reading:
            each.cancel()
        async with asyncio.timeout(DEADLINE_S):
            while store._reads._threads._jobs:  # noqa: ASYNC110  # until the database has ended them
                await asyncio.sleep(0.001)
        assert [type(error) for error in noted.failures] == [Interrupted] * 2
        for payer in (ADA, BOB, ZOE, EVE, ADA, BOB):
            assert len((await store.read(GET, payer)).rows) == 1
        assert store.healthy


async def test_a_snapshot_that_finds_nothing_for_too_long_fails_and_the_next_is_right(
    database: Database, foreign: AnyForeign
) -> None:
    add_tagged(foreign)
    nothing = ReadQuery(resource="boats", where=compile_filters({"name": "-"}))
    endless = ReadQuery(resource="boats", where=ENDLESS.where)
    async with opened(database, 0.0) as store:
        pages = store.snapshot(endless, encode)
        with hurried(store):
            assert pages.join(EVE)
            with pytest.raises(Refused):
                await pages.page(0)
        pages.leave()
        pages = store.snapshot(nothing, encode)
        assert pages.join(EVE)
        assert await pages.page(0) is not None
        assert await pages.page(1) is None


async def test_one_client_has_one_thread_for_its_snapshots(database: Database, foreign: AnyForeign) -> None:
    add_many(foreign, 10)
    async with opened(database) as store:
        goes_on, begun = threading.Event(), threading.Semaphore(0)

        def held(rows: list[Any], first: bool, seq: int | None) -> list[bytes]:
            begun.release()
            goes_on.wait(DEADLINE_S)
            return encode(rows, first, seq)

        mine = [store.snapshot(ReadQuery(resource="boats", fields=("code",)), held) for _ in range(5)]
        assert all(pages.join(EVE) for pages in mine)
        await asyncio.to_thread(begun.acquire, timeout=DEADLINE_S)
        other = store.snapshot(ReadQuery(resource="boats"), encode)
        assert other.join(ADA)
        assert await other.page(0) is not None
        assert not begun.acquire(blocking=False)
        shared = mine[-1]
        assert shared.join(ADA), "who shares a snapshot lends it a turn"
        await asyncio.to_thread(begun.acquire, timeout=DEADLINE_S)
        assert shared.begun  # type: ignore[attr-defined]  # of a spool
        goes_on.set()
        for pages in (*mine, shared, other):
            pages.leave()


async def test_many_changes_of_the_log_take_turns_with_the_lists_of_their_account(database: Database) -> None:
    """What a client missed is read in batches, each as much work as a list; a few changes are read as rows by key."""
    async with opened(database) as store:
        goes_on = threading.Event()
        begun: list[int] = []
        reader: Any = store._reads._reader

        def held(after: int, upto: int, limit: int) -> list[Any]:
            begun.append(limit)
            goes_on.wait(DEADLINE_S)
            return []

        reader.changes = held
        many = [asyncio.ensure_future(store.changes(0, 500, 500, EVE)) for _ in range(4)]
        few = asyncio.ensure_future(store.changes(0, 100, 2_000, ADA))
        try:
            await until(lambda: 2_000 in begun and begun.count(500) >= AT_ONCE[database.kind])
            assert (await store.read(GET, BOB)).rows == []
            assert begun.count(500) == AT_ONCE[database.kind], "the others of the first account wait"
        finally:
            goes_on.set()
            await asyncio.gather(few, *many)
