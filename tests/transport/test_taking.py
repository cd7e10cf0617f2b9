"""Which client is stuck: by how much it takes of what waits for it, whatever the gateway itself does meanwhile."""

from __future__ import annotations

from tidegate.transport import TransportSettings
from tidegate.transport.taking import Taking

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
