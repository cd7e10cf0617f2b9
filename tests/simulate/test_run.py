"""What a long run says while it runs."""

from __future__ import annotations

import pytest

from tests.simulate import run
from tests.simulate.history import Outcome


def play(seed: int) -> Outcome:
    return Outcome(seed, violations=[f"wrong {seed}", "and more"] if seed % 2 else [], trace=f"trace {seed}")


def test_a_violation_is_told_when_it_is_found_and_few_traces_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(run.KINDS, "rooms", play)
    told: list[str] = []
    played = run.simulate(0, seed=1, histories=20, kind="rooms", tell=told.append)
    assert [text.splitlines()[0].rpartition("=")[2] for text in told] == [str(seed) for seed in range(1, 21, 2)]
    assert told[9].splitlines()[1:] == ["  wrong 19", "  and more", "trace 19"]
    assert [outcome.trace for outcome in played.wrong] == [f"trace {seed}" for seed in (1, 3, 5, 7, 9)] + [""] * 5
    assert "violations: 20" in str(played)
    assert "more seeds: 11, 13, 15, 17, 19" in str(played)


def test_a_run_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(run.KINDS, "rooms", play)
    monkeypatch.setattr(run, "PROGRESS_S", 0.0)
    told: list[str] = []
    run.simulate(0, seed=2, histories=2, kind="rooms", tell=told.append)
    assert told[0] == "1 histories of rooms so far, violations: 0"
    assert told[-1] == "2 histories of rooms so far, violations: 2"
