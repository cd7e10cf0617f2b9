"""Changes that cost much to hold against all subscriptions: what that costs, and how it is done in steps.

A condition on the inside of a text looks at the whole text, in the row as it was and as it is: 10,000 of them take a
second for a text of 60 kB. It knows no clock: who takes the steps decides how many there are at a time.
Invariant: what was found out about a group and a change holds until the change is dispatched, for a group's filter
never changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription_index import Met, SubscriptionGroup, SubscriptionIndex

CHEAP = 8_000_000
"""Points of conditions, times bytes of the change: what is not more is done in one go. It takes about 5 ms."""
LEAST_BYTES = 1_000
"""The least that a change counts for: a condition on a number takes time, too."""
ROUNDS = 3
"""How often it is looked for groups that came while others were held against the change."""


def cost(group: SubscriptionGroup, changes: Sequence[Change]) -> int:
    """What it costs to hold `changes` against `group`."""
    return group.points * sum(max(LEAST_BYTES, change.size) for change in changes if change.resource == group.resource)


def in_slices(group: SubscriptionGroup, changes: Sequence[Change]) -> Iterator[Sequence[Change]]:
    """`changes` in order, in parts that cost little to hold against `group`, or have one change."""
    begin = spent = 0
    for number, change in enumerate(changes):
        costs = cost(group, (change,))
        if number > begin and spent + costs > CHEAP:
            yield changes[begin:number]
            begin, spent = number, 0
        spent += costs
    yield changes[begin:]


class CostlyChange:
    """One change, and what is known of it so far."""

    def __init__(self, index: SubscriptionIndex, change: Change) -> None:
        self._index = index
        self._change = change
        self._size = max(LEAST_BYTES, change.size)
        self.met: dict[SubscriptionGroup, Met] = {}

    @staticmethod
    def is_costly(index: SubscriptionIndex, change: Change) -> bool:
        size = max(LEAST_BYTES, change.size)
        if size == LEAST_BYTES:
            return index.points(change.resource) * size > CHEAP
        return sum(group.points for group in index.concerned(change)) * size > CHEAP

    def steps(self) -> Iterator[None]:
        """Hold the change against the groups that it concerns, one in each step."""
        for _ in range(ROUNDS):
            todo = [group for group in self._index.concerned(self._change) if group not in self.met]
            if sum(group.points for group in todo) * self._size <= CHEAP:
                return  # the rest is done when the change is dispatched
            for group in todo:
                if group.members:
                    self.met[group] = group.meets(self._change)
                    yield
