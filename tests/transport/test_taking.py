"""Which client is stuck: by how much it takes of what waits for it, whatever the gateway itself does meanwhile."""

from __future__ import annotations

import pytest

from tidegate.transport import TransportSettings
from tidegate.transport.taking import Taking, going_on

SETTINGS = TransportSettings(slow_rate=32768, slow_window=10.0, max_stall=30.0)
WAITING = 100_000_000


def stuck_after(rate: float, seconds: int, *, may_miss: bool = False, away: range = range(0)) -> int | None:
    """The second in which a client that takes `rate` bytes a second is found stuck. In `away`, it is not looked at."""
    taking = Taking(WAITING, 0.0)
    for now in range(1, seconds + 1):
        if now in away:
            if now == away[-1]:
                taking.stood_still(len(away), float(now))
        elif taking.too_slow(SETTINGS, WAITING - int(rate * now), float(now), may_miss=may_miss):
            return now
    return None


def test_less_than_the_least_in_a_window_is_stuck_and_the_least_is_not() -> None:
    assert stuck_after(0, 60) == 10
    assert stuck_after(3276, 60) == 10
    assert stuck_after(3277, 600) is None
    assert stuck_after(32000, 600) is None


def test_each_window_counts_for_itself() -> None:
    taking = Taking(WAITING, 0.0)
    assert [taking.too_slow(SETTINGS, WAITING - 1_000_000, float(now), may_miss=False) for now in range(1, 21)] == [
        *[0.0] * 19,
        10.0,
    ]


def test_client_that_may_miss_frames_is_stuck_only_if_it_takes_nothing() -> None:
    assert stuck_after(0, 60, may_miss=True) == 30
    assert stuck_after(1, 600, may_miss=True) is None


def test_time_in_which_the_process_was_stopped_does_not_count() -> None:
    assert stuck_after(0, 100, away=range(5, 65)) == 70
    assert stuck_after(0, 100, may_miss=True, away=range(5, 65)) == 90


def test_no_client_is_stuck_where_the_limit_is_off() -> None:
    taking, off = Taking(WAITING, 0.0), TransportSettings(slow_rate=0)
    assert not any(taking.too_slow(off, WAITING, float(now), may_miss=False) for now in range(1, 100))


def stuck_with_pauses(rate: float, pause: float, rest: float, *, seconds: float = 600.0) -> float | None:
    """As `stuck_after`, for a client that waits for `pause` seconds at a time, and in between reads for `rest`."""
    taking: Taking | None = None
    waiting, now = float(WAITING), 0.0
    while now < seconds:
        taking = going_on(taking, SETTINGS, int(waiting), now)
        now += pause
        waiting -= rate * pause
        if taking.too_slow(SETTINGS, int(waiting), now, may_miss=False):
            return now
        taking.rests(int(waiting), now)
        now += rest
    return None


def test_a_stuck_client_that_reads_now_and_then_is_found_by_the_sum_of_its_waits() -> None:
    assert stuck_with_pauses(2000, 4.0, 0.0) == 12.0
    assert stuck_with_pauses(2000, 4.0, 1.0) == 14.0
    assert stuck_with_pauses(0, 0.5, 0.1) is not None
    assert stuck_with_pauses(3300, 4.0, 0.5) is None
    assert stuck_with_pauses(32_000, 0.5, 0.1) is None


def test_a_client_that_kept_up_for_a_window_begins_a_new_one() -> None:
    assert stuck_with_pauses(0, 9.0, 10.0) is None
    assert stuck_with_pauses(0, 9.0, 9.0) == 27.0
    assert stuck_with_pauses(0, 10.0, 60.0) == 10.0


def test_what_a_client_reads_between_its_waits_does_not_count() -> None:
    """It may be what the operating system took, of which the client has nothing."""
    taking = Taking(100_000, 0.0)
    taking.rests(100_000, 6.0)
    assert going_on(taking, SETTINGS, 400_000, 6.1) is taking
    assert taking.too_slow(SETTINGS, 400_000, 10.0, may_miss=False) == 0.0
    assert taking.too_slow(SETTINGS, 399_000, 10.2, may_miss=False) == pytest.approx(10.1)


def test_a_client_that_may_miss_frames_has_no_more_time_for_reading_nothing_in_parts() -> None:
    taking = Taking(WAITING, 0.0)
    for second in range(0, 28, 4):
        assert taking.too_slow(SETTINGS, WAITING, second + 4.0, may_miss=True) == 0.0
        taking.rests(WAITING, second + 4.0)
        taking.go_on(WAITING, second + 4.0)
    assert taking.too_slow(SETTINGS, WAITING, 31.0, may_miss=True) == 31.0
