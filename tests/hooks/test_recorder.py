"""What happens to rooms and connections is put into the outbox, and clients that come and go do not fill it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from tests.hooks.test_sending import until
from tidegate.hooks import recorder
from tidegate.hooks.events import Event
from tidegate.hooks.recorder import Recorder
from tidegate.store.hook_outbox import HookOutbox


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[HookOutbox]:
    with closing(HookOutbox(f"sqlite:///{tmp_path}/x.db")) as outbox:
        outbox.create()
        yield outbox


def events(hook: str, *numbers: int) -> list[Event]:
    return [Event(hook, f"connection {number}", "connected", b"{}") for number in numbers]


def test_what_is_too_much_for_a_receiver_is_counted_and_told_to_it(
    outbox: HookOutbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "MOST", 3)
    monkeypatch.setattr(recorder, "LOOK_S", -1.0)
    monkeypatch.setattr(recorder, "BATCH", 1)
    monkeypatch.setattr(recorder.FULL, "_due", None)
    recording = Recorder(lambda: HookOutbox(f"sqlite:///{tmp_path}/x.db"))
    try:
        recording.record([*events("slow", *range(5)), *events("quick", 1)])
        until(lambda: outbox.count("quick") == 1)
        assert outbox.count("slow") == 3
        assert "webhook 'slow'" in caplog.text
        outbox.drop([each.id for each in outbox.waiting(["slow"], 10)])
        recording.record(events("slow", 5, 6))
        until(lambda: outbox.count("slow") == 3)
    finally:
        recording.end(5.0)
    first, *rest = outbox.waiting(["slow"], 10)
    assert (first.type, json.loads(first.body)["data"]) == ("gap", {"lost": 2})
    assert [each.key for each in rest] == ["connection 5", "connection 6"]


def test_what_the_database_cannot_take_in_time_is_counted_and_told_where_it_is_missing(
    outbox: HookOutbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder, "LIMIT", 3)
    monkeypatch.setattr(recorder, "AGAIN_S", 0.01)
    monkeypatch.setattr(recorder.LOST, "_due", None)
    away = threading.Event()

    class Away(HookOutbox):
        def add(self, events: Sequence[Event], now: int) -> None:
            if not away.is_set():
                raise OSError("the database is away")
            super().add(events, now)

    recording = Recorder(lambda: Away(f"sqlite:///{tmp_path}/x.db"))
    try:
        recording.record(
            [*events("one", 1, 2), *events("two", 1), *events("one", 3), *events("two", 2), *events("one", 4)]
        )
        assert "was not recorded" in caplog.text
        away.set()
        until(lambda: outbox.count("one") == 2)
        recording.record([*events("one", 5, 6), *events("two", 3)])
        until(lambda: outbox.count("two") == 3)
    finally:
        recording.end(5.0)

    def told(hook: str) -> list[object]:
        waiting = outbox.waiting([hook], 10)
        return [json.loads(each.body)["data"] if each.type == "gap" else each.key for each in waiting]

    assert told("one") == ["connection 1", "connection 2", {"lost": 2}, "connection 5", "connection 6"]
    assert told("two") == ["connection 1", {"lost": 1}, "connection 3"]
