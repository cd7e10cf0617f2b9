"""Clocks that are set, and gateways that stood still."""

from __future__ import annotations

import pytest

from tidegate.core.clock_jumps import ClockJumps


@pytest.mark.parametrize(
    ("wall", "steady", "shift"),
    [
        (0.1, 0.1, 0.0),
        (0.6, 0.1, 0.0),  # adjusted by a little
        (3600.1, 0.1, 3600.0),
        (-3599.9, 0.1, -3600.0),
        (60.0, 60.0, 60.0),  # SIGSTOP
        (60.0, 1.0, 59.0),  # the machine was suspended, and the steady clock with it
        (-30.0, 60.0, -30.0),
    ],
)
def test_deadlines_move_by_what_no_client_could_use(wall: float, steady: float, shift: float) -> None:
    jumps = ClockJumps(1000.0, 50.0)
    assert jumps.shift(1000.0 + wall, 50.0 + steady) == pytest.approx(shift)
    assert jumps.shift(1000.1 + wall, 50.1 + steady) == 0.0
