"""Seeded faults in processes and databases: the judge of chaos histories must find each of them.

A test repeats histories with a seeded fault until the judge finds it. A history ends after enough events, not after a
time. The simulator finds faults in the gateway's rules (tests/simulate/test_seeded_faults.py), with fixed seeds.
`make test-tools` seeds one fault for each database; `make chaos` (CHAOS_FAULTS=all) seeds all.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.faults import Least
from tests.chaos.gateways import Sabotage
from tests.chaos.histories import play
from tests.chaos.places import Place

HISTORIES = 20
"""After so many histories without a violation the test fails. The judge finds most faults in the first."""
PATIENCE_S = 3.0
LITTLE, MUCH = Least(turns=3, changes=150), Least(turns=16, changes=400, recoveries=10, returns=1)
"""Of little: clients are cut off, and PostgreSQL's table is emptied once. No gateway is killed: that takes long."""
MISSED, UNTOLD = "missing [(", "the log leads to"
"""What the judge says if a client lacks a change, and if the log does. If programs fail, it says neither."""
OLD_ROW = """
from tidegate.core.rows.subscription_index import SubscriptionGroup
right = SubscriptionGroup.outcome
def outcome(self, change):
    found = right(self, change)
    return None if found is not None and found[0] == "delete" and change.action == "update" else found
SubscriptionGroup.outcome = outcome
"""
SKIPS = """
from tidegate.store.serving.feed import Feed
right = Feed._hand_over
def hand_over(self, changes, upto):
    return right(self, [change for change in changes if change.seq % 50], upto)
Feed._hand_over = hand_over
"""
PRUNED = """
from tidegate.store.sqlite.serving import reader
right = reader.one_value
reader.one_value = lambda connection, sql, *values: 0 if "pruned_to" in sql else right(connection, sql, *values)
"""
NUMBERED_EARLY = """
create function number_early() returns trigger language plpgsql as $$begin
  insert into _tidegate.log (seq, time, resource, key, action, old, new, origin, actor)
  values (nextval('_tidegate.log_seq'), extract(epoch from clock_timestamp()) * 1000, new.resource, new.key,
    case new.action when 'reread' then 'reset' else new.action end, new.old, new.new, new.origin, new.actor);
  return null;
end$$;
create trigger number_early before insert on _tidegate.pending for each row execute function number_early()
"""
"""Without the lock of commits. Nothing is pending then, so that a commit numbers nothing."""
CONCEALED = """
create function conceal() returns trigger language plpgsql as 'begin return null; end';
create trigger conceal before insert on _tidegate.pending
for each row when (new.action = 'reset') execute function conceal()
"""
FAULTS = {
    "the old row is not looked at": (Sabotage(python=OLD_ROW), LITTLE, MISSED),
    "the feed skips a change now and then": (Sabotage(python=SKIPS), LITTLE, MISSED),
    "a pruned log is taken for a whole one": (Sabotage(python=PRUNED), MUCH, MISSED),
}
FAULTS_OF_POSTGRESQL = {
    "the old row is not looked at": (Sabotage(python=OLD_ROW), LITTLE, MISSED),
    "changes are numbered when they are written": (Sabotage(sql=NUMBERED_EARLY), LITTLE, MISSED),
    "TRUNCATE is not told": (Sabotage(sql=CONCEALED), LITTLE, UNTOLD),
}
if os.environ.get("CHAOS_FAULTS") != "all":
    FAULTS = {name: FAULTS[name] for name in ("the feed skips a change now and then",)}
    FAULTS_OF_POSTGRESQL = {
        name: FAULTS_OF_POSTGRESQL[name] for name in ("changes are numbered when they are written",)
    }
pytestmark = [pytest.mark.seeded, pytest.mark.timeout(900)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_the_judge_finds_a_seeded_fault_on_sqlite(
    sqlite_places: Callable[[], Place], tmp_path: Path, fault: str
) -> None:
    await _is_seen(sqlite_places, tmp_path, *FAULTS[fault])


@pytest.mark.parametrize("fault", FAULTS_OF_POSTGRESQL)
async def test_the_judge_finds_a_seeded_fault_on_postgresql(
    postgresql_places: Callable[[], Place], tmp_path: Path, fault: str
) -> None:
    await _is_seen(postgresql_places, tmp_path, *FAULTS_OF_POSTGRESQL[fault])


async def _is_seen(places: Callable[[], Place], folder: Path, sabotage: Sabotage, least: Least, sign: str) -> None:
    for seed in range(7, 7 + HISTORIES):
        here = folder / str(seed)
        here.mkdir()
        verdict = await play(places(), here, 0.0, seed, sabotage=sabotage, patience=PATIENCE_S, least=least)
        print(verdict)
        if any(sign in violation for violation in verdict.violations):
            return
    raise AssertionError(f"the judge did not say {sign!r} in {HISTORIES} histories")
