"""Whatever happens, every client's history is the change log's, and its rows are SELECT's."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.chaos.histories import play

SECONDS = float(os.environ.get("CHAOS_SECONDS", "8"))


@pytest.mark.timeout(SECONDS + 120)
async def test_no_history_has_a_gap_a_duplicate_or_a_stranger(tmp_path: Path) -> None:
    verdict = await play(tmp_path, SECONDS, seed=20)
    print(verdict)
    assert verdict.violations == []
    assert verdict.changes > 500
    assert verdict.recoveries > 10
    assert min(verdict.faults.values()) > 0
