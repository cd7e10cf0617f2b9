"""Frames to many sinks wait only where more is likely to come, and never for long."""

from __future__ import annotations

from tidegate.transport.crowds import CROWD, PATIENCE, SHARE_S, STEP_S, Crowds

SINKS = CROWD * 4
STEPS = int(SINKS * SHARE_S / STEP_S)


def busy() -> Crowds:
    """Where more came while the last frames were written."""
    crowds = Crowds()
    crowds.pushed += 1
    assert not crowds.waits(SINKS)
    crowds.pushed += 1
    crowds.partly_written()
    return crowds


def test_messages_that_come_one_after_the_other_never_wait() -> None:
    crowds = Crowds()
    for _ in range(3):
        crowds.pushed += 1
        assert not crowds.waits(SINKS)
        crowds.partly_written()
        crowds.partly_written()


def test_frames_wait_once_where_more_came_the_last_time() -> None:
    crowds = busy()
    crowds.pushed += 1
    assert crowds.waits(SINKS)
    assert not crowds.waits(SINKS), "nothing came meanwhile"


def test_frames_that_waited_for_nothing_several_times_make_the_next_ones_leave_at_once() -> None:
    crowds = busy()
    for _ in range(PATIENCE):
        crowds.pushed += 1
        assert [crowds.waits(SINKS), crowds.waits(SINKS)] == [True, False]
    crowds.pushed += 1
    assert not crowds.waits(SINKS)


def test_bursts_that_came_whole_do_not_end_the_waiting_for_the_next_ones() -> None:
    crowds = busy()
    for _ in range(PATIENCE * 3):
        crowds.pushed += 4
        assert [crowds.waits(SINKS), crowds.waits(SINKS)] == [True, False]
    for _ in range(PATIENCE):
        crowds.pushed += 1
        assert [crowds.waits(SINKS), crowds.waits(SINKS)] == [True, False]
    crowds.pushed += 4
    assert not crowds.waits(SINKS)


def test_a_wait_that_was_worth_it_makes_up_for_those_that_were_not() -> None:
    crowds = busy()
    for came in (0, 0, 1, 0, 0):  # the one that was worth it ended with a step for nothing
        crowds.pushed += 1
        assert crowds.waits(SINKS)
        crowds.pushed += came
        while crowds.waits(SINKS):
            pass
    crowds.pushed += 1
    assert not crowds.waits(SINKS)


def test_frames_wait_on_while_more_comes_and_for_a_part_of_their_writing_at_most() -> None:
    crowds = busy()
    for _ in range(2):
        waited = 0
        crowds.pushed += 1
        while crowds.waits(SINKS):
            waited += 1
            crowds.pushed += 1
        assert waited == STEPS > 1
        assert waited * STEP_S <= SINKS * SHARE_S


def test_the_fewest_sinks_that_are_many_wait_for_one_step() -> None:
    crowds = busy()
    assert crowds.waits(CROWD)
    crowds.pushed += 1
    assert not crowds.waits(CROWD)
