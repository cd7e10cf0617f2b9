"""What requests over one connection take from the buckets that limit the frames of a WebSocket."""

from __future__ import annotations

from tests.transport.limits import NONE, UNLIMITED
from tidegate.core.budgets.rates import Rate
from tidegate.core.budgets.traffic import BYTES, FRAME_S, OVER_S, ConnectionRates, SharedTraffic, Traffic, TrafficRates
from tidegate.transport.peers import UNKNOWN
from tidegate.transport.request_rate import RequestRate

SLOW = Rate(1, 20)
"""A second, and at once."""


def rate(frames: Rate = NONE, received: Rate = NONE, shared: SharedTraffic | None = None) -> RequestRate:
    return RequestRate(Traffic(ConnectionRates(TrafficRates(frames, received)), shared))


def requests(asked: RequestRate, now: float = 0.0) -> int:
    """How many requests may be handled now, of 100."""
    count = 0
    while count < 100 and asked.request(now):
        count += 1
    asked.exceeded = False
    return count


def test_the_last_byte_in_hand_is_no_byte_too_many() -> None:
    for size in (1, BYTES - 1):
        asked = rate(received=Rate(1, 1))
        assert asked.receive(1, 0.0)
        assert asked.receive(size, 0.0)
        assert asked.receive(BYTES - size, 0.0)
        assert not asked.exceeded
        assert not asked.receive(1, 0.0)
        assert asked.exceeded
        assert not asked.receive(0, 0.0), "until it is asked whether the client may go on"


def test_request_that_takes_long_counts_as_several() -> None:
    assert requests(rate(SLOW)) == 20
    asked = rate(SLOW)
    assert asked.request(0.0)
    asked.took(4 * FRAME_S + 1e-9, 0.0)
    assert requests(asked) == 20 - 4


def test_client_that_catches_up_is_not_sent_away_for_what_its_address_sends() -> None:
    for catches_up, verdict in ((True, "wait"), (False, "close")):
        shared = SharedTraffic(TrafficRates(NONE, Rate(1, 1)))
        asked = rate(shared=shared)
        shared.bytes.owe(0.0, 1)
        assert not asked.receive(1, 0.0)
        if catches_up:
            asked.caught_up()
        shared.bytes.owe(OVER_S, 1)
        assert asked.look(UNKNOWN, OVER_S) == verdict
        assert asked.exceeded is (verdict == "wait")


def test_time_in_which_the_process_did_not_run_is_not_counted_against_the_client() -> None:
    for stopped, verdict in ((True, "read"), (False, "close")):
        asked = rate(SLOW)
        assert requests(asked) == 20
        assert not asked.request(0.0)
        if stopped:
            asked.stood_still(OVER_S, OVER_S)
        assert asked.look(UNKNOWN, OVER_S) == verdict


def test_what_is_not_limited_is_never_too_much() -> None:
    asked = RequestRate(Traffic(ConnectionRates(UNLIMITED)))
    assert requests(asked) == 100
    assert asked.receive(1 << 30, 0.0)
    assert not asked.over
