"""Bugs of the kind that lose or double rows, put into a running gateway: the judge of histories must see each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.gateways import Sabotage
from tests.chaos.histories import play
from tests.chaos.places import Place

SECONDS, PATIENCE = 1.5, 2.0
LONGER_S = 5.0
"""Until changes have been pruned that somebody asks for, and each gateway was away."""
OLD_ROW = """
from tidegate.core.subscriptions import Group
right = Group.outcome
def outcome(self, change):
    found = right(self, change)
    return None if found is not None and found[0] == "delete" and change.action == "update" else found
Group.outcome = outcome
"""
PRUNED = """
from tidegate.store.sqlite import reader
right = reader.one_value
reader.one_value = lambda connection, sql, *values: 0 if "pruned_to" in sql else right(connection, sql, *values)
"""
AHEAD = """
from tidegate.core.position import Dispatched
from tidegate.store.postgres import feed
feed.POLL_S = 0.4
feed.PostgresFeed.wake = lambda self: None
Dispatched.recoverable = lambda self, since: since.epoch == self.epoch
"""
FAULTS = {
    "the old row is not looked at": OLD_ROW,
    "a snapshot claims one change more than it has": """
from tidegate.net.replay import Replayer
right = Replayer._snapshot
async def snapshot(self, watching):
    return await right(self, watching) + 1
Replayer._snapshot = snapshot
""",
    "a replay begins one change too early": """
from tidegate.core.position import Dispatched
right = Dispatched.since
Dispatched.since = lambda self, seq: right(self, seq - 1)
""",
    "a replay begins one change too late": """
from tidegate.core.position import Dispatched
right = Dispatched.since
Dispatched.since = lambda self, seq: (right(self, seq) or [])[1:]
""",
    "a subscription is live before it has caught up": """
from tidegate.net.replay import Replayer
async def catch_up(self, watching, at):
    self._live.go_live(watching)
    return True
Replayer._catch_up = catch_up
""",
    "the feed skips a change now and then": """
from tidegate.store.feed import Feed
right = Feed._hand_over
def hand_over(self, changes, upto):
    return right(self, [change for change in changes if change.seq % 50], upto)
Feed._hand_over = hand_over
""",
    "changes of hidden columns are told": """
from tidegate.core.subscriptions import Group
Group.image = lambda self, row: dict(row)
""",
    "who may see a row is not asked when it changes": """
from tidegate.core.predicate import predicate
from tidegate.core.subscriptions import Group
right = Group.__init__
def init(self, *values):
    right(self, *values)
    self._meets = predicate(self.filters)
Group.__init__ = init
""",
    "a row leaves with what it became": """
from tidegate.core.subscriptions import Group
right = Group.outcome
def outcome(self, change):
    found = right(self, change)
    left = found is not None and found[0] == "delete" and change.new is not None
    return ("delete", self.image(change.new)) if left else found
Group.outcome = outcome
""",
    "an ended subscription goes on": """
from tidegate.core.subscriptions import Subscriptions
def release(self, group, session):
    group.holders -= 1
Subscriptions.release = release
""",
    "who became somebody else gets no snapshot": """
from tidegate.core.live import Live
right = Live._anew
def anew(self, old, rule):
    watching = right(self, old, rule)
    watching.snapshot = False
    return watching
Live._anew = anew
""",
    "who became somebody else goes on as before": """
from tidegate.core.live import Live
Live.recheck = lambda self, session: []
""",
    "the rows of one user are continued for another": """
from tidegate.core import subscriptions
subscriptions._fingerprint = lambda rule: "anybody's"
""",
}
FAULTS_OF_POSTGRESQL = {
    "changes are numbered when they are written": Sabotage(
        sql="alter table _tidegate.log alter seq set default nextval('_tidegate.log_seq')"
    ),
    "TRUNCATE is not told": Sabotage(
        sql="""
create function conceal() returns trigger language plpgsql as
'begin delete from _tidegate.log where seq is null and action = ''reset''; return null; end';
create trigger conceal after truncate on tasks for each statement execute function conceal()
"""
    ),
    "TRUNCATE is told, and nobody gets a snapshot": Sabotage(
        python="""
from tidegate.core.live import Live
Live._all_anew = lambda self, resource: []
"""
    ),
    "the old row is not looked at": Sabotage(python=OLD_ROW),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_seeded_fault_is_seen(sqlite_place: Place, tmp_path: Path, fault: str) -> None:
    await _is_seen(sqlite_place, tmp_path, Sabotage(python=FAULTS[fault]))


@pytest.mark.parametrize("fault", FAULTS_OF_POSTGRESQL)
async def test_a_seeded_fault_is_seen_on_postgresql(postgresql_place: Place, tmp_path: Path, fault: str) -> None:
    await _is_seen(postgresql_place, tmp_path, FAULTS_OF_POSTGRESQL[fault])


async def test_a_pruned_log_that_is_taken_for_a_whole_one_is_seen(sqlite_place: Place, tmp_path: Path) -> None:
    await _is_seen(sqlite_place, tmp_path, Sabotage(python=PRUNED), LONGER_S)


async def test_a_position_of_the_other_gateways_that_is_taken_for_ones_own_is_seen(
    postgresql_place: Place, tmp_path: Path
) -> None:
    await _is_seen(postgresql_place, tmp_path, Sabotage(python=AHEAD), LONGER_S)


async def _is_seen(place: Place, folder: Path, sabotage: Sabotage, seconds: float = SECONDS) -> None:
    verdict = await play(place, folder, seconds, seed=7, sabotage=sabotage, patience=PATIENCE)
    print(verdict)
    assert verdict.changes > 100
    assert [violation for violation in verdict.violations if "is stuck" not in violation]
