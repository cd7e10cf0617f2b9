"""What happens to rooms and connections is put into the outbox, and clients that come and go do not fill it."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
