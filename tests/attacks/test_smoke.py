"""A few attacks for a moment each: that the suite attacks at all, and that the gateway costs no more than it may.

Times are not judged here, because they depend on the machine; `make attacks` judges them too, for all attacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.attacks.table import ATTACKS
from tests.attacks.trial import Trials, costs

pytestmark = [pytest.mark.process, pytest.mark.slow]
SECONDS = 1.0


@pytest.fixture(scope="module")
def trials(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trials]:
    trials = Trials(tmp_path_factory.mktemp("attacks"), SECONDS, defended=True)
    yield trials
    trials.close()


@pytest.mark.parametrize("name", ["empty-binary-frames", "guessed-tokens", "pings-unread", "schema-read"])
def test_the_gateway_costs_no_more_than_it_may(trials: Trials, name: str) -> None:
    outcome = trials.run(ATTACKS[name])
    assert outcome.sent > 0
    assert outcome.stopped_by
    assert outcome.p99 < float("inf")
    assert costs(ATTACKS[name], outcome, SECONDS) == []


def test_without_the_defence_an_attack_wins(tmp_path: Path) -> None:
    attack = ATTACKS["info-in-many-rooms"]
    trials = Trials(tmp_path, SECONDS, defended=False, patience=0.0)
    try:
        outcome = trials.run(attack)
    finally:
        trials.close()
    assert any(text.startswith("memory grew") for text in costs(attack, outcome, SECONDS))
