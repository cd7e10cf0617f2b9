"""Some seconds of simulated histories: none has a gap, a duplicate or a stranger, and each can be had again."""

from __future__ import annotations

import os
from typing import Any

import msgspec
import pytest

from tests.simulate.history import play
from tests.simulate.rooms import history as rooms
from tests.simulate.run import simulate

HISTORIES = int(os.environ.get("SIMULATE_HISTORIES", "600"))
"""A number, not seconds: every machine tries the same ones."""


@pytest.mark.timeout(HISTORIES / 2 + 300)
def test_no_history_has_a_gap_a_duplicate_or_a_stranger() -> None:
    played = simulate(0, seed=1, histories=HISTORIES)
    print(played)
    assert played.wrong == []
    assert played.histories == HISTORIES
    assert played.steps > 50 * played.histories
    assert played.changes > 0


def test_no_history_of_rooms_has_a_gap_a_duplicate_or_a_ghost() -> None:
    played = simulate(0, seed=1, histories=HISTORIES // 20, kind="rooms")
    print(played)
    assert played.wrong == []
    assert played.messages > 50 * played.histories


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(702919, id="the answer to the first beat after FLUSHALL is lost"),
        pytest.param(801368, id="the second join of a session is answered before its first one"),
        pytest.param(7201585, id="the first join of a session is refused after its second one is answered"),
        pytest.param(9507118, id="a member leaves before the first join of a session is refused"),
        pytest.param(5051, id="another hub does not know a worker that left"),
        pytest.param(5037, id="a join is given up before the hub is back"),
        pytest.param(5106, id="rooms are asked for without a connection"),
    ],
)
def test_a_history_of_rooms_that_was_wrong_once_is_right(seed: int) -> None:
    assert rooms.play(seed).violations == []


def test_no_history_shows_a_room_to_a_user_that_its_rule_does_not_let_in() -> None:
    played = simulate(0, seed=1, histories=HISTORIES // 15, kind="access")
    print(played)
    assert played.wrong == []
    assert played.messages > 10 * played.histories


def test_a_seed_tells_the_same_history_again() -> None:
    def histories() -> list[Any]:
        # asyncio keeps tasks in sets: how many callbacks their end takes depends on where they are in memory.
        played = [*(play(seed) for seed in range(20)), *(rooms.play(seed) for seed in range(3))]
        return [msgspec.structs.replace(outcome, callbacks=0) for outcome in played]

    assert histories() == histories()
