"""What is refused is freed at once: circles of references would be collected all together, and hold the event loop."""

from __future__ import annotations

import asyncio

from tests.store.mutations import create, outcome, update
from tests.support.garbage import left_in_circles
from tidegate.core.budgets.payer import GATEWAY
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import ReadQuery, ReadResult, Store

ROUNDS = 3


async def test_refused_writes_leave_nothing_to_the_garbage_collector(store: Store) -> None:
    assert await outcome(store, create({"code": "taken"})) == "done"
    refused = [
        update("never", {"code": "x"}),
        update("taken", {"code": "y"}, expected={"code": "z"}),
        create({"code": "taken"}),
        create({"code": "free"}, {"code": "taken"}),
    ]
    with left_in_circles(Refused) as left:
        for _ in range(ROUNDS):
            told = await asyncio.gather(*[outcome(store, mutation) for mutation in refused])
            assert told == ["not_found", "conflict", "conflict", "conflict"]
    assert left == []


async def test_refused_reads_leave_nothing_to_the_garbage_collector(store: Store) -> None:
    def refuse(_: ReadResult) -> bytes:
        raise Refused("unavailable", "the rows cannot be read")

    async def told() -> str:
        try:
            await store.answer(ReadQuery(resource="boats"), refuse, GATEWAY)
        except Refused as refused:
            return refused.code
        return "done"

    with left_in_circles(Refused) as left:
        assert [await told() for _ in range(ROUNDS)] == ["unavailable"] * ROUNDS
    assert left == []
