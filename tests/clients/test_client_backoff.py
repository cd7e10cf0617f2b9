"""When to reconnect: the rules over close codes, against the generated table of them."""

from __future__ import annotations

import pytest

from tidegate_client.backoff import Backoff, Ending, NextStep, next_step
from tidegate_protocol import CLOSES

NAMES = {"never": NextStep.STOP, "backoff": NextStep.BACKOFF, "resume": NextStep.RESUME}


@pytest.mark.parametrize("code", [code for code in CLOSES if code not in (1000, 1001)])
def test_every_close_code_of_the_protocol(code: int) -> None:
    assert next_step(code) is NAMES[CLOSES[code].reconnect]


@pytest.mark.parametrize("code", [None, 1000, 1001, 1006, 1011, 3000, 4300, 4999])
def test_everything_else_is_backoff(code: int | None) -> None:
    assert next_step(code) is NextStep.BACKOFF


@pytest.mark.parametrize(
    ("code", "step"), [(4000, NextStep.STOP), (4099, NextStep.STOP), (4150, NextStep.BACKOFF), (4299, NextStep.RESUME)]
)
def test_codes_of_the_future_follow_their_range(code: int, step: NextStep) -> None:
    assert next_step(code) is step


def test_full_jitter_doubles_up_to_the_cap() -> None:
    backoff = Backoff(lambda: 1.0)
    delays = [backoff.delay(Ending("x", 1006)) for _ in range(9)]
    assert delays == [0.5, 1, 2, 4, 8, 16, 20, 20, 20]
    assert Backoff(lambda: 0.0).delay(Ending("x", 1006)) == 0.0


def test_a_life_of_five_seconds_counts_from_zero_again() -> None:
    backoff = Backoff(lambda: 1.0)
    assert [backoff.delay(Ending("x", 1006, lived=4.9)) for _ in range(3)] == [0.5, 1, 2]
    assert backoff.delay(Ending("x", 1006, lived=5.0)) == 0.5


def test_at_once_only_if_the_connection_was_good() -> None:
    backoff = Backoff(lambda: 1.0)
    assert backoff.delay(Ending("x", 4201, lived=60)) == 0.0
    assert backoff.delay(Ending("x", 4201, lived=0.1)) == 1.0
    assert backoff.delay(Ending("x", 4201, lived=60)) == 0.0


def test_retry_after_is_the_least_delay() -> None:
    backoff = Backoff(lambda: 1.0)
    assert backoff.delay(Ending("x", 4201, retry_after=3.5, lived=60)) == 3.5
    assert backoff.delay(Ending("x", 4100, retry_after=30.0)) == 30.0
    assert backoff.delay(Ending("x", 4100, retry_after=0.1)) == 2.0


def test_a_refused_handshake_is_a_stop() -> None:
    assert Ending("HTTP 401", refused=True).step is NextStep.STOP
