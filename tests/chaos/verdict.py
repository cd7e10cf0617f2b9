"""The result of a history: its numbers, and its violations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.follower import Follower


@dataclass
class Verdict:
    """`snapshots`: by reason, the number of snapshots in place of a resume."""

    database: str
    seed: int
    followers: Sequence[Follower]
    changes: int
    acknowledged: int
    faults: Counter[str]
    snapshots: Counter[str]
    violations: list[str]
    log: str
    """The ends of the gateways' logs."""

    def sum(self, what: str) -> int:
        """Counts of all clients: `connections`, `moves` from one gateway to another, `changes_of_user`, ..."""
        return sum(getattr(follower, what) for follower in self.followers)

    @property
    def recoveries(self) -> int:
        return sum(follower.copy.recoveries for follower in self.followers)

    @property
    def updates(self) -> int:
        return sum(len(run.updates) for follower in self.followers for run in follower.copy.runs)

    def __str__(self) -> str:
        lines = [
            f"{self.database}, seed {self.seed}: {len(self.followers)} clients over {self.sum('connections')} "
            f"connections ({self.sum('moves')} moves, {self.recoveries} recoveries, {self.sum('returns')} "
            f"resubscriptions, {self.sum('changes_of_user')} changes of user), {self.changes} changes, "
            f"{self.updates} updates heard, {self.acknowledged} writes acknowledged; faults: {_listed(self.faults)}; "
            f"snapshots because {_listed(self.snapshots)}; violations: {len(self.violations)}"
        ]
        if self.violations:
            lines += [f"  {violation[:1000]}" for violation in self.violations[:20]] + [self.log]
        return "\n".join(lines)


def _listed(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in counts.items())
