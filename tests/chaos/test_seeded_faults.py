"""Bugs of the kind that lose or double rows, put into a running gateway: the judge of histories must see each."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.histories import play

SECONDS, PATIENCE = 2.0, 2.0
FAULTS = {
    "the old row is not looked at": """
from tidegate.core.subscriptions import Group
right = Group.outcome
def outcome(self, change):
    found = right(self, change)
    return None if found is not None and found[0] == "delete" and change.action == "update" else found
Group.outcome = outcome
""",
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
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_seeded_fault_is_seen(tmp_path: Path, fault: str) -> None:
    patches = tmp_path / "patches"
    patches.mkdir()
    # Python imports a module of this name by itself when it starts.
    (patches / "sitecustomize.py").write_text(FAULTS[fault])
    verdict = await play(tmp_path, SECONDS, seed=7, environment={"PYTHONPATH": str(patches)}, patience=PATIENCE)
    assert verdict.changes > 100
    assert verdict.violations
