"""Each fault that is put into the gateway is found within a few hundred histories, else simulating is worth nothing."""

from __future__ import annotations

import pytest

from tests.simulate.faults import FAULTS
from tests.simulate.history import play

HISTORIES = 2_000
"""Some seconds; most faults show within the first hundred."""


@pytest.mark.parametrize("fault", FAULTS)
def test_a_seeded_fault_is_found(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    FAULTS[fault](monkeypatch)
    found = next((outcome for outcome in map(play, range(HISTORIES)) if outcome.violations), None)
    assert found is not None
    print(f"seed {found.seed}: {found.violations[0]}")
