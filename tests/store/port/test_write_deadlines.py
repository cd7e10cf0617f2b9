"""A write has a deadline and a fair place in the queue: who is told `unavailable` finds nothing written later."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import msgspec
import pytest

from tests.store.mutations import create, outcome, refusal
from tests.store.port.conftest import AnyForeign, Database, WriteTime
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tidegate.core.budgets.payer import Payer
from tidegate.core.rows.ports import Mutation
from tidegate.store import OpenedStore, Timeouts
from tidegate.store.serving.write_queue import BATCH, WriteQueue

SLOW_TRIGGER = {
    "sqlite": ["""CREATE TRIGGER slow AFTER INSERT ON boats WHEN NEW.code LIKE 'slow%' BEGIN
      SELECT count(*) FROM (WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n); END"""],
    "postgresql": [
        """CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
             IF NEW.code LIKE 'slow%' THEN PERFORM pg_sleep(600); END IF; RETURN NEW; END $$""",
        "CREATE TRIGGER slow AFTER INSERT ON boats FOR EACH ROW EXECUTE FUNCTION slow()",
    ],
}  # fmt: skip


@asynccontextmanager
async def opened(database: Database, write: float = DEADLINE_S) -> AsyncIterator[OpenedStore]:
    store = await database.open(database.resources, Timeouts(write=write))
    try:
        yield store
    finally:
        await store.close()


@contextmanager
def locked(database: Database) -> Iterator[None]:
    """Another program holds a lock that every write of boats needs."""
    sqlite = database.kind == "sqlite"
    database.foreign.execute("BEGIN IMMEDIATE" if sqlite else "BEGIN")
    if not sqlite:
        database.foreign.execute("LOCK TABLE boats IN SHARE MODE")
    yield
    database.foreign.execute("ROLLBACK")


def of(payer: Payer, code: str, **fields: Any) -> Mutation:
    return msgspec.structs.replace(create({"code": code}, **fields), payer=payer, user=payer.account)


async def test_a_write_that_waits_too_long_is_refused_and_never_done(
    database: Database, foreign: AnyForeign, write_time: WriteTime
) -> None:
    async with opened(database) as store:
        with locked(database):
            async with asyncio.timeout(DEADLINE_S):
                found = await asyncio.gather(*(outcome(store, of(Payer("a", "1"), f"c{n}")) for n in range(100)))
            assert found == ["unavailable"] * 100
            assert store.ledger.of_kind("writes") == 0
        write_time.seconds = DEADLINE_S
        await store.write(create({"code": "after"}))
        assert set(foreign.tables()["boats"]) == {("after",)}, "what was refused is not done once the lock is gone"


async def test_a_write_that_runs_too_long_is_undone_and_others_are_done(
    database: Database, foreign: AnyForeign, write_time: WriteTime
) -> None:
    for statement in SLOW_TRIGGER[database.kind]:
        foreign.execute(statement)
    async with opened(database, write=write_time.seconds) as store:
        slow = asyncio.create_task(refusal(store, of(Payer("a", "1"), "slow")))
        await asyncio.sleep(0)
        others = [asyncio.create_task(outcome(store, of(Payer("b", "2"), f"c{n}"))) for n in range(3)]
        async with asyncio.timeout(DEADLINE_S):
            code, _, _, text = await slow
            found = await asyncio.gather(*others)
        assert code == "unavailable"
        assert "try again" in text
        assert set(found) <= {"done", "unavailable"}
        done = {(f"c{n}",) for n, each in enumerate(found) if each == "done"}
        write_time.seconds = DEADLINE_S
        await store.write(create({"code": "after"}))
        assert set(foreign.tables()["boats"]) == done | {("after",)}
        assert store.healthy, "one mutation was slow, and the database is well"


async def test_no_timeout_lets_a_write_wait_for_the_lock(database: Database) -> None:
    async with opened(database, write=0.0) as store:
        with locked(database):
            waiting = asyncio.ensure_future(store.write(create({"code": "a"})))
            await asyncio.wait([waiting], timeout=0.2)
            assert not waiting.done()
        assert (await waiting).rows[0]["code"] == "a"


async def test_an_account_with_many_writes_delays_another_by_a_transaction_or_two(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    flood, innocent = Payer("user flood", "1"), Payer("user other", "2")
    order: list[str] = []
    queued: list[Any] = []
    submit = WriteQueue.submit

    def noted(queue: WriteQueue, job: Any, *arguments: Any) -> asyncio.Future[Any]:
        queued.append(job)
        return submit(queue, job, *arguments)

    monkeypatch.setattr(WriteQueue, "submit", noted)

    async def note(store: OpenedStore, mutation: Mutation) -> None:
        await store.write(mutation)
        order.append(mutation.rows[0]["code"])

    async with opened(database, write=DEADLINE_S) as store:
        with locked(database):
            first = [asyncio.create_task(note(store, of(flood, f"f{n:04}"))) for n in range(5 * BATCH)]
            await asyncio.sleep(0)
            # Of the same writing thread in PostgreSQL, where users are spread over several.
            last = asyncio.create_task(note(store, msgspec.structs.replace(of(innocent, "other"), user=flood.account)))
            await until(lambda: len(queued) == len(first) + 1)
        async with asyncio.timeout(DEADLINE_S):
            await asyncio.gather(*first, last)
    assert order.index("other") <= 3 * BATCH
    flooded = [code for code in order if code != "other"]
    assert flooded == sorted(flooded), "the writes of one connection keep their order"


async def test_what_waits_is_counted_and_limited(database: Database) -> None:
    payer = Payer("user 7", "1")
    async with opened(database, write=DEADLINE_S) as store:
        store.ledger.limit, store.ledger.share = 80_000, 10_000
        with locked(database):
            large = [of(payer, f"c{n}", digest=b"") for n in range(6)]
            waiting = [asyncio.create_task(outcome(store, each)) for each in large]
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert 0 < store.ledger.of_account("user 7", "writes") <= 10_000
        found = await asyncio.gather(*waiting)
        assert set(found) == {"done", "limit_reached"}
        assert found[0] == "done"
        assert store.ledger.of_account("user 7") == 0


@pytest.mark.parametrize("kind", ["waits", "runs"])
async def test_a_repetition_after_a_refusal_is_done_once(
    database: Database, foreign: AnyForeign, write_time: WriteTime, kind: str
) -> None:
    repeated = create({"code": "a"}, idempotency_key="k", digest=b"k")
    async with opened(database) as store:
        with locked(database):
            before = [] if kind == "runs" else [asyncio.create_task(outcome(store, create({"code": "z"})))]
            assert (await refusal(store, repeated))[0] == "unavailable"
            await asyncio.gather(*before)
        write_time.seconds = DEADLINE_S
        first = await store.write(repeated)
        assert await store.write(repeated) == first
    assert ("a",) in foreign.tables()["boats"]
