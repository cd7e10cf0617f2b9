"""What an engine is asked: the numbers, and that a server cannot make kinds of errors without limit."""

from __future__ import annotations

from tidegate.core.round_trips import LOST, MOST_KINDS, RoundTrips


def test_durations_errors_and_reconnects_are_counted() -> None:
    trips = RoundTrips("redis")
    assert trips.reconnects == 0, "before the first connection, too"
    trips.connections += 1
    assert trips.reconnects == 0
    trips.connections += 2
    assert trips.reconnects == 2
    trips.observe(0.0002)
    assert (trips.seconds.count, trips.seconds.sum) == (1, 0.0002)
    trips.failed("OOM")
    trips.failed(LOST, 7)
    assert trips.errors == {"OOM": 1, LOST: 7}


def test_a_server_that_makes_kinds_up_is_counted_together() -> None:
    trips = RoundTrips("redis")
    for number in range(MOST_KINDS + 10):
        trips.failed(f"E{number}")
    trips.failed("E0")
    assert len(trips.errors) == MOST_KINDS + 1
    assert (trips.errors["other"], trips.errors["E0"]) == (10, 2)
