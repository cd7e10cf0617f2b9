"""Each fault that is put into the gateway is found within a few hundred histories."""

from __future__ import annotations

import pytest

from tests.simulate import faults, faults_of_groups
from tests.simulate.access import faults as faults_of_access
from tests.simulate.access.history import play as play_access
from tests.simulate.history import play
from tests.simulate.rooms import faults as faults_of_rooms
from tests.simulate.rooms.history import play as play_rooms

pytestmark = pytest.mark.seeded
FAULTS = faults.FAULTS | faults_of_groups.FAULTS
HISTORIES = 2_000
"""A number, not seconds: the same seeds find the same faults on every machine. Most show within the first hundred."""

HISTORIES_OF_ROOMS = 400


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)
    found = next((outcome for outcome in map(play, range(HISTORIES)) if outcome.violations), None)
    assert found is not None
    print(f"seed {found.seed}: {found.violations[0]}")


@pytest.mark.parametrize("fault", faults_of_rooms.FAULTS)
def test_a_seeded_fault_in_rooms_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults_of_rooms.FAULTS[fault](monkeypatch)
    found = next((outcome for outcome in map(play_rooms, range(HISTORIES_OF_ROOMS)) if outcome.violations), None)
    assert found is not None
    print(f"seed {found.seed}: {found.violations[0]}")


@pytest.mark.parametrize("fault", faults_of_access.FAULTS)
def test_a_seeded_fault_in_the_rules_of_rooms_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    faults_of_access.FAULTS[fault](monkeypatch)
    found = next((outcome for outcome in map(play_access, range(HISTORIES_OF_ROOMS)) if outcome.violations), None)
    assert found is not None
    print(f"seed {found.seed}: {found.violations[0]}")
