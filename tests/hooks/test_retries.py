"""When a message is sent again."""

from __future__ import annotations

import pytest

from tidegate.hooks.retries import DELAYS_S, LONGEST_ASKED_S, TRIES, delay


def test_tries_are_further_and_further_apart_and_end_after_about_three_days() -> None:
    delays = [delay(tries, 0.5) for tries in range(1, TRIES)]
    assert delays == list(DELAYS_S)
    assert delays == sorted(DELAYS_S)
    assert 2.5 * 86400 < sum(DELAYS_S) < 3.5 * 86400
    assert delay(TRIES, 0.5) is None


@pytest.mark.parametrize(("chance", "seconds"), [(0.0, 4.0), (1.0, 6.0)])
def test_messages_that_failed_together_do_not_come_together(chance: float, seconds: float) -> None:
    assert delay(1, chance) == pytest.approx(seconds)


def test_a_receiver_may_ask_for_more_time_but_not_for_ever() -> None:
    assert delay(1, 0.5, 60.0) == 60.0
    assert delay(1, 0.5, 1.0) == 5.0
    assert delay(1, 0.5, 1e9) == LONGEST_ASKED_S
