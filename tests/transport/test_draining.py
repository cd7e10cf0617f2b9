"""Callers that wait for a flush: they go on one by one, and cost nothing while they wait."""

from __future__ import annotations

import asyncio

from tidegate.transport.draining import Drains


class Client:
    """Frames for one client, with the callers that wait until they are written."""

    def __init__(self) -> None:
        self.unsent = True
        self.looks = 0
        self.drains = Drains(self._look, paused=False)

    def _look(self) -> bool:
        self.looks += 1
        return self.unsent

    def flush(self) -> None:
        self.unsent = False
        self.drains.flushed()


async def turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_a_caller_that_waits_for_a_flush_is_not_looked_at_in_each_turn() -> None:
    client = Client()
    waiting = asyncio.create_task(client.drains.wait())
    await turns(100)
    assert (waiting.done(), client.looks) == (False, 1)
    client.flush()
    await waiting


async def test_each_caller_goes_on_after_the_flush_of_what_the_one_before_pushed() -> None:
    client, gone_on = Client(), []

    async def caller(name: str) -> None:
        await client.drains.wait()
        gone_on.append(name)
        client.unsent = True

    tasks = [asyncio.create_task(caller(name)) for name in "abc"]
    for expected in ("a", "ab", "abc"):
        await turns()
        client.flush()
        await turns()
        assert "".join(gone_on) == expected
    await asyncio.gather(*tasks)


async def test_a_flush_into_a_backlog_lets_no_caller_go_on_before_the_client_reads() -> None:
    client = Client()
    client.drains.paused = True
    waiting = asyncio.create_task(client.drains.wait())
    await turns()
    client.flush()
    await turns()
    assert not waiting.done()
    client.drains.resumed()
    await waiting


async def test_the_end_lets_all_of_them_go_on() -> None:
    client = Client()
    waiting = [asyncio.create_task(client.drains.wait()) for _ in range(3)]
    await turns()
    client.drains.end()
    await asyncio.gather(*waiting)
