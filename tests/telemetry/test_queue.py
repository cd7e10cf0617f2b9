"""The queue of spans: it never blocks, never grows without limit, and says once a minute that spans are lost."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from tests.support.deadlines import DEADLINE_S
from tidegate.gateway.tracing.spans import Span
from tidegate.telemetry import queue
from tidegate.telemetry.queue import BATCH, MOST, SpanQueue


def span(number: int = 0) -> Span:
    session: Any = None
    return Span(session, "websocket", None, number)


def test_spans_are_sent_in_their_order_and_the_last_ones_at_the_end() -> None:
    sent: list[int] = []
    spans = SpanQueue(lambda batch: sent.extend(each.began for each in batch), every=1000.0)
    for number in range(BATCH + 5):
        spans.put(span(number))
    spans.close()
    assert sent == list(range(BATCH + 5))
    assert spans.counts == {"exported": BATCH + 5, "failed": 0, "dropped": 0}
    spans.put(span())
    assert spans.counts["dropped"] == 1, "the gateway has ended"


def test_a_collector_that_hangs_holds_nothing_up_and_the_queue_stays_bounded(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "CLOSE_S", 0.01)
    begun, go_on = threading.Event(), threading.Event()

    def hangs(batch: Sequence[Span]) -> None:
        begun.set()
        assert go_on.wait(DEADLINE_S)

    spans = SpanQueue(hangs, stop=go_on.set, every=0.001)
    spans.put(span())
    assert begun.wait(DEADLINE_S)
    with caplog.at_level(logging.WARNING, "tidegate.telemetry"):
        for _ in range(MOST + 100):
            spans.put(span())
    assert spans.counts["dropped"] == 100
    assert len([line for line in caplog.messages if "were dropped" in line]) <= 1, "a line a minute at most"
    spans.close()  # `stop` ends what is under way
    spans._thread.join(DEADLINE_S)
    assert not spans._thread.is_alive()


def test_spans_that_are_not_taken_are_counted_and_the_thread_goes_on() -> None:
    outcomes: list[Any] = ["it said 503", ValueError("broken"), None]
    done = threading.Event()

    def send(batch: Sequence[Span]) -> str | None:
        outcome = outcomes.pop(0)
        done.set()
        if isinstance(outcome, ValueError):
            raise outcome
        return None if outcome is None else str(outcome)

    before = queue.FAILED.total
    spans = SpanQueue(send, every=0.001)
    for _ in range(3):
        done.clear()
        spans.put(span())
        assert done.wait(DEADLINE_S)
    spans.close()
    assert spans.counts == {"exported": 1, "failed": 2, "dropped": 0}
    assert queue.FAILED.total == before + 2
