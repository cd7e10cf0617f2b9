"""The only request of a session that is under way counts for nothing; each further one does."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.garbage import left_in_circles
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.gateway.work import PENDING_BYTES, Work


class FakeSession:
    """What `Work` asks of a session."""

    account = "user 1"
    sink: Any = None


async def test_the_first_request_is_free_and_each_further_one_is_counted_until_it_is_done() -> None:
    ledger = Ledger(1 << 30)
    ends = [asyncio.Event() for _ in range(5)]
    session: Any = FakeSession()
    async with asyncio.TaskGroup() as tasks:
        work = Work(tasks, None, ledger)  # type: ignore[arg-type]  # nothing is sent
        running = [work.spawn(session, [1], _wait(end)) for end in ends]
        assert ledger.of_account("user 1", "reads") == (len(ends) - 1) * PENDING_BYTES
        for task, end in reversed(list(zip(running, ends, strict=True))):
            end.set()
            await task
        await asyncio.sleep(0)
        assert ledger.total == 0
        again = work.spawn(session, [1], _wait(ends[0]))
        assert ledger.total == 0
        await again


async def test_a_failed_answer_leaves_nothing_to_the_garbage_collector() -> None:
    session: Any = FakeSession()
    async with asyncio.TaskGroup() as tasks:
        work = Work(tasks, None, Ledger(1 << 30))  # type: ignore[arg-type]  # nothing is sent
        with left_in_circles(Refused) as left:
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            work.after(session, [], answer, lambda _: None)
            answer.set_exception(Refused("unavailable", "the room cannot be reached"))
            del answer
            await work.settled()
    assert left == []


async def _wait(end: asyncio.Event) -> None:
    await end.wait()
