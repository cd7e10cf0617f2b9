"""What connections may send, alone and with the others of their address, and which of them are closed for it."""

from __future__ import annotations

import random

import pytest

from tidegate.core.budgets.rates import LONGEST_STANDSTILL_S, Rate
from tidegate.core.budgets.traffic import (
    FRAME_S,
    FRAMES,
    MOST_AT_ONCE,
    OVER_S,
    ConnectionRates,
    SharedTraffic,
    Traffic,
    TrafficRates,
)

RATES = TrafficRates(Rate(100, 1000), Rate(1 << 20, 4 << 20))
TENFOLD = TrafficRates(Rate(1000, 10_000), Rate(10 << 20, 40 << 20))
NONE = TrafficRates(Rate(0, 0), Rate(0, 0))


def send(traffic: Traffic, frames: int, now: float, each: int = 6) -> int:
    """Receive up to `frames` as a connection does. Returns how many were received."""
    for number in range(frames):
        traffic.bytes -= each
        if (traffic.bytes < 0 and not traffic.more_bytes(now)) or not (traffic.frames or traffic.more_frames(now)):
            traffic.bytes += each
            return number
        traffic.frames -= 1
    return frames


class Line:
    """A client that wants to send `wanted` frames a second for ever. It is looked at once a second."""

    def __init__(self, traffic: Traffic, wanted: int, each: int = 6) -> None:
        self.traffic = traffic
        self.wanted = wanted
        self.each = each
        self.left = 0
        self.sent = 0
        self.waits = False
        self.closed: float | None = None

    def second(self, now: float) -> None:
        if self.closed is not None:
            return
        if self.traffic.over:
            verdict = self.traffic.look(now, waits=self.waits)
            if verdict == "close":
                self.closed = now
                return
            self.waits = verdict == "wait"
        self.left += self.wanted
        if not self.waits:
            sent = send(self.traffic, self.left, now, self.each)
            self.left -= sent
            self.sent += sent
            self.waits = self.left > 0
            if not self.waits:
                self.traffic.caught_up()


def run(lines: list[Line], seconds: int) -> None:
    """Each line has its moment in a second, as in a gateway."""
    for second in range(seconds):
        for number, line in enumerate(lines):
            line.second(second + number / len(lines))


def test_burst_then_the_rate_in_frames_of_any_kind() -> None:
    traffic = Traffic(ConnectionRates(RATES))
    assert send(traffic, 5000, 0.0) == 1000
    assert traffic.over
    assert [send(traffic, 5000, float(now)) for now in (1, 2, 5)] == [100, 100, 300]


def test_burst_then_the_rate_in_bytes() -> None:
    traffic = Traffic(ConnectionRates(RATES))
    assert (4 << 20) - 65536 <= send(traffic, 900, 0.0, each=65536) * 65536 <= (4 << 20) + 65536
    sent = [send(traffic, 900, float(now), each=65536) for now in range(1, 9)]
    assert sum(sent) * 65536 == pytest.approx(8 << 20, abs=2 * 65536)


def test_no_limit_lets_everything_pass() -> None:
    traffic = Traffic(ConnectionRates(NONE), SharedTraffic(NONE))
    assert send(traffic, 20_000, 0.0, each=65536) == 20_000
    assert traffic.look(1.0, waits=False) == "read"


def test_client_within_its_rate_is_never_over() -> None:
    line = Line(Traffic(ConnectionRates(RATES)), 100)
    run([line], 300)
    assert (line.sent, line.traffic.over) == (30_000, False)


def test_client_that_keeps_sending_too_much_is_closed_ten_seconds_after_its_burst() -> None:
    line = Line(Traffic(ConnectionRates(RATES)), 400)
    run([line], 60)
    assert line.closed == 3 + OVER_S
    assert line.sent <= 1000 + 100 * line.closed


def test_client_that_sends_too_many_bytes_is_closed_too() -> None:
    line = Line(Traffic(ConnectionRates(RATES)), 60, each=65536)
    run([line], 60)
    assert line.closed is not None
    assert line.sent * 65536 <= (4 << 20) + (1 << 20) * line.closed + 65536


def test_one_burst_above_the_rate_is_forgiven() -> None:
    line = Line(Traffic(ConnectionRates(RATES)), 0)
    line.left = 1500
    run([line], 60)
    assert (line.sent, line.closed, line.traffic.over) == (1500, None, False)


def test_time_in_which_the_process_was_stopped_is_not_time_over_the_rate() -> None:
    traffic = Traffic(ConnectionRates(RATES))
    send(traffic, 5000, 0.0)
    assert traffic.look(1.0, waits=True) == "read"
    send(traffic, 5000, 1.0)
    traffic.stood_still(63.0, 64.0)
    assert traffic.look(64.0, waits=True) == "read"
    assert send(traffic, 50_000, 65.0) >= 1000 + 63 * 100
    verdicts = []
    for now in range(65, 80):
        verdicts.append(traffic.look(float(now), waits=True))
        send(traffic, 5000, float(now))
    assert verdicts.index("close") == 8


def test_what_was_sent_within_the_rate_while_the_process_was_stopped_is_read_and_no_client_is_closed() -> None:
    """60 s at nine tenths of the rate are five bursts."""
    shared = SharedTraffic(TENFOLD)
    shared.connections = 10
    lines = [Line(Traffic(ConnectionRates(RATES), shared), 90) for _ in range(10)]
    run(lines, 20)
    for line in lines:
        line.left += 60 * 90
        line.traffic.stood_still(60.0, 80.0)
    shared.stood_still(60.0, 80.0)
    for second in range(80, 110):
        for line in lines:
            line.second(float(second))
    assert [(line.closed, line.left) for line in lines] == [(None, 0)] * 10
    assert {line.sent for line in lines} == {(20 + 60 + 30) * 90}


def test_standstill_gives_no_more_than_its_time_allows_and_only_once() -> None:
    traffic = Traffic(ConnectionRates(RATES))
    traffic.stood_still(60.0, 60.0)
    assert send(traffic, 50_000, 60.0) == 1000 + 60 * 100
    assert send(traffic, 50_000, 61.0) == 100
    traffic.stood_still(1e9, 1000.0)
    assert send(traffic, 100_000, 1000.0) == 1000 + LONGEST_STANDSTILL_S * 100
    assert send(traffic, 100_000, 1050.0) == 1000


def shared_lines(wanted: list[int], rates: TrafficRates = TENFOLD) -> list[Line]:
    shared = SharedTraffic(rates)
    shared.connections = len(wanted)
    return [Line(Traffic(ConnectionRates(RATES), shared), each) for each in wanted]


def test_connections_of_an_address_share_its_rate() -> None:
    lines = shared_lines([90] * 50)
    run(lines, 30)
    assert sum(line.sent for line in lines) <= 10_000 + 1000 * 30


def test_of_an_address_over_its_rate_those_that_send_most_are_closed_and_others_stay() -> None:
    flood, quiet = [90] * 40, [1] * 10
    lines = shared_lines([*flood, *quiet])
    random.Random(3).shuffle(lines)
    run(lines, 120)
    assert [line.wanted for line in lines if line.closed is not None].count(1) == 0
    assert sum(line.closed is not None for line in lines) >= 20


def test_equal_floods_of_an_address_are_closed_because_none_of_them_catches_up() -> None:
    """Each takes its share alone, and more than that waits; the clients may be gone meanwhile."""
    lines = shared_lines([90] * 50)
    for line in lines:
        line.left = 5000
    run(lines, 60)
    assert sum(line.closed is not None for line in lines) >= 40


@pytest.mark.parametrize("frames", [Rate(0, 0), Rate(1000, 10_000)])
def test_client_that_catches_up_stays_however_long_its_address_is_over_its_rate(frames: Rate) -> None:
    shared = SharedTraffic(TrafficRates(frames, Rate(1000, 1000)))
    traffic, verdicts = Traffic(ConnectionRates(RATES), shared), set()
    traffic.bytes = -10
    for now in range(60):
        shared.bytes.owe(float(now), 2000)
        assert not traffic.more_bytes(float(now))
        traffic.caught_up()
        verdicts.add(traffic.look(float(now), waits=True))
    assert verdicts == {"wait"}


def test_what_is_in_hand_is_small_beside_the_burst_of_an_address() -> None:
    assert TENFOLD.frames.burst > FRAMES * 1000


@pytest.mark.parametrize("seed", range(10))
def test_random_histories_stay_below_both_limits(seed: int) -> None:
    chance = random.Random(seed)
    shared = SharedTraffic(TENFOLD)
    lines = [Traffic(ConnectionRates(RATES), shared) for _ in range(chance.randrange(1, 60))]
    shared.connections = len(lines)
    sent, now = [0] * len(lines), 0.0
    for _ in range(250):
        now += chance.random() * 0.1
        number = chance.randrange(len(lines))
        sent[number] += send(lines[number], chance.randrange(600), now)
        assert max(sent) <= 1000 + 100 * now + FRAMES
        assert sum(sent) <= 10_000 + 1000 * now + 1
    assert not shared.full(now)
    assert shared.full(now + 100)


def test_frames_that_take_long_count_as_several() -> None:
    traffic = Traffic(ConnectionRates(RATES), SharedTraffic(TENFOLD))
    assert send(traffic, 10, 0.0) == 10
    traffic.took(10 * FRAME_S, 10, 0.0)
    assert send(traffic, 90, 0.0) == 90, "they took no longer than frames may"
    traffic.took(30 * FRAME_S + 1e-9, 1, 0.0)
    assert send(traffic, 5000, 0.0) == 1000 - 100 - 29
    assert traffic.over


def test_a_stop_of_the_process_costs_a_client_a_tenth_of_its_burst() -> None:
    traffic = Traffic(ConnectionRates(RATES))
    traffic.took(60.0, 1, 0.0)
    assert send(traffic, 5000, 0.0) == 1000 - MOST_AT_ONCE + 1


def test_time_is_shared_by_the_connections_of_an_address() -> None:
    shared = SharedTraffic(TrafficRates(Rate(100, 1000), Rate(0, 0)))
    for _ in range(10):
        Traffic(ConnectionRates(NONE), shared).took(100 * FRAME_S + 1e-9, 0, 0.0)
    assert send(Traffic(ConnectionRates(NONE), shared), 10, 0.0) == 0


def test_time_costs_nothing_where_frames_are_not_limited() -> None:
    traffic = Traffic(ConnectionRates(NONE), SharedTraffic(NONE))
    for _ in range(100):
        traffic.took(1.0, 1, 0.0)
    assert send(traffic, 5000, 0.0) == 5000
