"""During any faults, every client's history equals the change log, and its rows equal SELECT."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from tests.chaos.checker import EMPTIED, OTHER_RIGHTS, PRUNED
from tests.chaos.faults import Least
from tests.chaos.histories import play
from tests.chaos.places import Place
from tests.chaos.verdict import Verdict

SECONDS = float(os.environ.get("CHAOS_SECONDS", "1"))
# Within 10 turns a gateway is killed and another one restarted. `make chaos` pauses them too.
LEAST = Least(turns=10, changes=301, recoveries=6, returns=1, changes_of_user=6)
MANY = 43
"""The least number of moves from one gateway to another: more than there are clients."""


@pytest.mark.timeout(2 * SECONDS + 600)
async def test_histories_on_sqlite_have_no_gap_duplicate_or_forbidden_row(sqlite_place: Place, tmp_path: Path) -> None:
    verdict = await play(sqlite_place, tmp_path, SECONDS, seed=21, least=LEAST)
    _check(verdict, "kill -9", "restarts", "clients cut off", "changes grown old")


@pytest.mark.long
@pytest.mark.timeout(2 * SECONDS + 600)
async def test_histories_through_two_workers_and_their_hub_have_none_either(
    shared_place: Place, tmp_path: Path
) -> None:
    least = Least(turns=6, changes=301, recoveries=6, changes_of_user=6)
    verdict = await play(shared_place, tmp_path, SECONDS, seed=2, clients=12, least=least)
    print(verdict)
    assert verdict.violations == []
    assert verdict.recoveries > 5
    assert verdict.acknowledged > 0
    assert min(verdict.faults[fault] for fault in ("worker killed", "hub killed", "reloads")) > 0


@pytest.mark.long
@pytest.mark.timeout(2 * SECONDS + 600)
async def test_histories_on_postgresql_have_no_gap_duplicate_or_forbidden_row(
    postgresql_place: Place, tmp_path: Path
) -> None:
    verdict = await play(postgresql_place, tmp_path, SECONDS, seed=20, least=replace(LEAST, moves=MANY))
    faults = ("kill -9", "restarts", "clients cut off", "changes grown old")
    _check(verdict, *faults, "tables emptied", "database connections cut")
    assert verdict.sum("moves") >= MANY
    assert verdict.snapshots[EMPTIED] > 0


def _check(verdict: Verdict, *faults: str) -> None:
    print(verdict)
    assert verdict.violations == []
    assert verdict.changes > 300
    assert verdict.recoveries > 5
    assert verdict.sum("returns") > 0
    assert min(verdict.faults[fault] for fault in faults) > 0
    assert verdict.sum("changes_of_user") > 5
    assert min(verdict.snapshots[reason] for reason in (PRUNED, OTHER_RIGHTS)) > 0
