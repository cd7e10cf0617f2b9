"""Threads that get their work from a fair queue, and those who ask for work."""

from __future__ import annotations

from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.fair_queue import FairQueue
from tidegate.core.budgets.payer import Payer
from tidegate.core.budgets.turns import Shares, Turn

ADA, BOB, EVE = Payer("ada", "a1"), Payer("bob", "b1"), Payer("eve", "e1")
FOUR = Shares.of(4)


class Threads:
    """A queue, and what runs in its threads."""

    def __init__(self, shares: Shares = FOUR) -> None:
        self.queue: FairQueue[str] = FairQueue(shares)
        self.shares = shares
        self.now = 100.0
        self.running: dict[str, Turn[str]] = {}

    def add(
        self, job: str, payer: Payer, cost: Cost = Cost.SCAN, table: str = "tasks", small: bool | None = None
    ) -> Turn[str]:
        """`small`: as reads by key are, where nothing else is said."""
        return self.queue.add(job, payer, cost, table, self.now, cost is Cost.KEY if small is None else small)

    def begin(self) -> list[str]:
        """Give work to the free threads; what has begun, in order."""
        begun = []
        while len(self.running) < self.shares.threads and (turn := self.queue.next(self.now)) is not None:
            self.running[turn.job] = turn
            begun.append(turn.job)
        return begun

    def end(self, job: str, seconds: float = 0.0) -> list[str]:
        self.now += seconds
        self.queue.end(self.running.pop(job), self.now)
        return self.begin()
