"""What reads and follows for a client whose connection has ended: nothing."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

from tests.support.deadlines import DEADLINE_S
from tests.support.wire import wire
from tests.transport.inside import running
from tidegate.core.rows.ports import ReadQuery, ReadResult

LISTS = 200
LIST = {"type": "list", "resource": "users", "filters": {"name": {"contains": "x"}}}


async def test_the_queue_empties_when_a_client_leaves_and_others_are_answered_all_along(tmp_path: Path) -> None:
    async with running(tmp_path) as inside:
        goes_on, begun = threading.Event(), 0
        reader: Any = inside.store._reads._reader
        read = reader.read

        def held(query: ReadQuery) -> ReadResult:
            nonlocal begun
            if query.keys is None:
                begun += 1
                goes_on.wait(DEADLINE_S)
            found: ReadResult = read(query)
            return found

        reader.read = held
        async with wire(inside.url) as other, asyncio.timeout(DEADLINE_S):
            async with wire(inside.url) as client:
                for number in range(LISTS):
                    await client.connection.send(json.dumps({**LIST, "ref": number}))
                while inside.gateway.work.under_way < LISTS or begun < 1:  # noqa: ASYNC110  # the gateway knows
                    await asyncio.sleep(0.001)
                answer = await other.ask({"type": "get", "resource": "users", "id": 1})
                assert answer["type"] == "rows"
            while inside.gateway.work.under_way or inside.store._reads._threads._queue.waiting:  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            left = begun
            assert left < LISTS // 2, "what the client left behind does not begin"
            goes_on.set()
            assert (await other.ask(LIST))["type"] == "rows"
            assert begun == left + 1
            assert inside.gateway.work._reading == {}


async def test_a_client_that_leaves_interrupts_the_snapshots_that_it_waits_for(tmp_path: Path) -> None:
    async with running(tmp_path) as inside:
        goes_on, begun = threading.Event(), threading.Event()

        def held(query: object, spool: Any) -> None:
            begun.set()
            goes_on.wait(DEADLINE_S)

        snapshots: Any = inside.store._reads._snapshots
        snapshots._read = held
        async with asyncio.timeout(DEADLINE_S):
            async with wire(inside.url) as client:
                for number in range(20):
                    filters = {"id": {"gt": number}}
                    subscribe = {"type": "subscribe", "resource": "users", "snapshot": True, "filters": filters}
                    await client.connection.send(json.dumps({**subscribe, "ref": number}))
                await asyncio.to_thread(begun.wait, DEADLINE_S)
            while len(snapshots._jobs) > 1:  # noqa: ASYNC110  # the gateway knows
                await asyncio.sleep(0.001)
            (job,) = snapshots._jobs.values()
            while not job.interrupted:  # noqa: ASYNC110  # the gateway knows
                await asyncio.sleep(0.001)
            goes_on.set()
            while snapshots._jobs or inside.gateway.work.under_way:  # noqa: ASYNC110  # the gateway knows
                await asyncio.sleep(0.001)
