"""Which requests have a span, and what the others cost: one more call, and nothing is made."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.gateway.tracing.collected import Collected
from tests.support.gateway import sample
from tests.support.wire import wire
from tests.transport.inside import running
from tidegate.gateway.tracing.parents import Parent
from tidegate.gateway.tracing.spans import FOR_CLIENTS, NEVER, Spans
from tidegate.gateway.tracing.traced import TracedSessions, TracedWork
from tidegate.gateway.work import Work

SAMPLED, NOT_SAMPLED = Parent(1, 2, True), Parent(1, 2, False)


def spans(ratio: float, seed: int = 1, now: Callable[[], float] = lambda: 0.0) -> Spans:
    return Spans(sample(), Collected(), ratio, random.Random(seed).random, now)


def test_the_share_of_requests_is_the_ratio() -> None:
    of = spans(0.1)
    wanted = sum(of.wanted(None) for _ in range(20_000))
    assert 1700 < wanted < 2300
    assert all(spans(1.0).wanted(None) for _ in range(10))
    assert not any(spans(0.0).wanted(None) for _ in range(1000))


def test_skips_have_a_geometric_distribution() -> None:
    of = spans(0.5)
    skips = [of.skip() for _ in range(10_000)]
    assert min(skips) == 1
    for length, share in ((1, 0.5), (2, 0.25), (3, 0.125)):
        assert abs(skips.count(length) / len(skips) - share) < 0.02


def test_a_very_small_ratio_is_no_error() -> None:
    assert Spans(sample(), Collected(), 5e-324, lambda: 0.999).skip() > NEVER


def test_a_client_decides_for_its_own_trace_as_long_as_it_asks_for_few() -> None:
    clock = [0.0]
    of = spans(0.0, now=lambda: clock[0])
    burst = int(FOR_CLIENTS.burst)
    assert sum(of.wanted(SAMPLED) for _ in range(10 * burst)) == burst, "beyond them, chance decides"
    clock[0] = 1.0
    assert of.wanted(SAMPLED)
    assert not spans(1.0).wanted(NOT_SAMPLED)


async def test_a_request_without_a_span_costs_one_call_and_one_more_where_it_waits(tmp_path: Path) -> None:
    """Counted, not measured: on every machine the same."""
    async with running(tmp_path) as inside, wire(inside.url) as client:
        await client.ask({"type": "ping"})
        plain = inside.gateway.handler
        work = TracedWork(plain._work._tasks, plain._effects._sender, plain._work.ledger, spans(0.0))
        traced = TracedSessions.__new__(TracedSessions)
        traced.__dict__.update(plain.__dict__, _spans=work.spans, _left=work.spans.skip())
        connection: Any = next(iter(inside.listener.context.connections))
        ping = b'{"type":"ping"}'
        for handler in (plain, traced):
            handler.received(connection, ping)  # what is made once is made
        without = called(lambda: plain.received(connection, ping))
        assert len(without) > 5
        assert called(lambda: traced.received(connection, ping)) == ["received", *without]

        async def waits(kind: type[Work]) -> list[str]:
            answer = asyncio.get_running_loop().create_future()
            found = called(lambda: kind.after(work, connection.session, [], answer, lambda _: None))
            answer.set_result(None)
            await work.settled()
            await asyncio.sleep(0)
            return found

        assert await waits(TracedWork) == ["after", *await waits(Work), LOOK_UP]
        await plain.settled(0.1)


LOOK_UP = "ContextVar.get"


def called(do: Callable[[], Any]) -> list[str]:
    """The names of the Python functions that are called, in order, and each look at the span of the moment."""
    found: list[str] = []

    def watch(frame: Any, event: str, argument: Any) -> None:
        if event == "call":
            found.append(frame.f_code.co_name)
        elif event == "c_call" and argument.__qualname__ == LOOK_UP:
            found.append(LOOK_UP)

    sys.setprofile(watch)
    try:
        do()
    finally:
        sys.setprofile(None)
    return found[1:]  # without `do`
