"""A burst of batches notifies at once; a stream of them only so often. No gateway that is owed one is forgotten."""

from __future__ import annotations

from tidegate.engines.postgres.waking import BURST, RATE, Waking


def sent(waking: Waking, now: float) -> bool:
    may = waking.may(now)
    if may:
        waking.notified()
    return may


def test_the_batches_of_a_burst_notify_at_once() -> None:
    waking = Waking(0.0)
    assert [sent(waking, 0.0) for _ in range(int(BURST) + 2)] == [True] * int(BURST) + [False] * 2
    assert sent(waking, waking.pause + 1e-9)
    assert not sent(waking, 1.5 / RATE)


def test_a_stream_of_batches_notifies_so_often_in_the_long_run() -> None:
    waking = Waking(0.0)
    count = sum(sent(waking, turn / 10_000) for turn in range(100_000))
    assert RATE * 10 <= count <= RATE * 10 + BURST


def test_a_pause_allows_no_more_than_one_burst() -> None:
    waking = Waking(0.0)
    assert sum(sent(waking, 3600.0) for _ in range(100)) == BURST


def test_what_is_owed_stays_so_until_a_batch_takes_it() -> None:
    waking = Waking(0.0)
    waking.owe("a")
    waking.owe("b c")
    assert waking.take() == "a b c"
    assert waking.take() == ""
    waking.owe("a b c")  # the batch failed
    waking.owe("")
    assert waking.owed == "a b c"
