"""A few attacks at once, for a moment: that the suite attacks at all, and that the gateway costs no more than it may.

Times are not judged here, because they depend on the machine; `make attacks` judges them too, for all attacks.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.attacks.plan import Attack
from tests.attacks.signs import unseen
from tests.attacks.table import ATTACKS
from tests.attacks.trial import Outcome, Trials

pytestmark = [pytest.mark.process, pytest.mark.slow]
SECONDS = 0.7
TOGETHER = ("guessed-tokens", "pings-unread", "small-messages-with-keys", "schema-read")
"""One for each kind of defence: attempts, rates, memory, and what one address may do."""


def judged(attack: Attack, folder: Path, *, defended: bool) -> Outcome:
    trials = Trials(folder, SECONDS, defended=defended, times=False)
    try:
        return trials.run(attack)
    finally:
        trials.close()


def test_the_gateway_costs_no_more_than_it_may(tmp_path: Path) -> None:
    plans = tuple(plan for name in TOGETHER for plan in ATTACKS[name].plans)
    outcome = judged(replace(ATTACKS[TOGETHER[0]], name="+".join(TOGETHER), plans=plans), tmp_path, defended=True)
    assert outcome.sent > 0
    assert outcome.stopped_by
    assert outcome.p99 < float("inf")
    assert outcome.wrong == []
    assert unseen(TOGETHER[0], outcome.raised) == []


@pytest.mark.long
def test_without_the_defence_an_attack_wins(tmp_path: Path) -> None:
    # With the defence it takes 6 MiB; without it a machine that is busy with other things takes 59 within this time.
    outcome = judged(replace(ATTACKS["info-in-many-rooms"], growth=24.0), tmp_path, defended=False)
    assert any(text.startswith("memory grew") for text in outcome.wrong), outcome
