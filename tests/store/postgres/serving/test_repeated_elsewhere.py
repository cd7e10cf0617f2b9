"""A request that is repeated at another gateway while the first one still carries it out: one write, one answer.

A program that holds the numbering lock keeps the first gateway from its commit until the second one waits for its rows.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.store.application import RESOURCES
from tests.store.mutations import create, delete, update
from tests.store.postgres.foreign import ForeignPostgres
from tests.store.postgres.serving.test_group_commit import until_waiting
from tests.support.deadlines import DEADLINE_S
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation
from tidegate.store.postgres import PostgresStore
from tidegate.store.postgres.changelog import COMMIT_LOCK

ASKED: dict[str, Any] = {"idempotency_key": "k", "digest": b"1"}
REQUESTS = {
    "create": create({"code": "b", "sign": 2}, **ASKED),
    "create several": create({"code": "c"}, {"code": "b", "sign": 2}, **ASKED),
    "update": update("a", {"sign": 3}, expected={"sign": 1}, **ASKED),
    "delete": delete("a", user="7", **ASKED),
}


@pytest.fixture
async def gateways(url: str) -> AsyncIterator[list[PostgresStore]]:
    gateways = [await PostgresStore.open(url, RESOURCES) for _ in range(2)]
    yield gateways
    for gateway in gateways:
        await gateway.close()


@pytest.mark.parametrize("together", [False, True], ids=["alone", "in a group"])
@pytest.mark.parametrize("request_", REQUESTS.values(), ids=REQUESTS)
async def test_a_request_repeated_at_another_gateway_has_the_answer_of_the_first(
    gateways: list[PostgresStore], foreign: ForeignPostgres, request_: Mutation, together: bool
) -> None:
    here, there = gateways
    await here.write(create({"code": "a", "sign": 1}))
    mark = len(foreign.log())
    foreign.execute(f"SELECT pg_advisory_lock({COMMIT_LOCK})")
    try:
        first = asyncio.ensure_future(here.write(request_))
        await until_waiting(foreign)
        again = [asyncio.ensure_future(there.write(request_))]
        if together:
            again.append(asyncio.ensure_future(there.write(create({"code": "d"}))))
        await until_waiting(foreign, "transactionid")
    finally:
        foreign.execute(f"SELECT pg_advisory_unlock({COMMIT_LOCK})")
    async with asyncio.timeout(DEADLINE_S):
        results = await asyncio.gather(first, *again)
    assert results[1] == results[0]
    assert len(foreign.log()) == mark + max(len(request_.rows), 1) + together


async def test_a_request_that_no_gateway_answered_is_refused_as_ever(
    gateways: list[PostgresStore], foreign: ForeignPostgres
) -> None:
    here, there = gateways
    await here.write(create({"code": "a", "sign": 1}, **ASKED))
    others: list[dict[str, Any]] = [ASKED | {"digest": b"2"}, ASKED | {"idempotency_key": "l"}, {}]
    for other in others:
        with pytest.raises(Refused) as caught:
            await there.write(create({"code": "a", "sign": 1}, **other))
        assert caught.value.code == "conflict"
