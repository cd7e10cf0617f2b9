"""What waits for its turn, and who pays for it: the values that `fair_queue` keeps.

It decides nothing. Invariant: an account's `waiting` is the number of turns in its lanes.
"""

from __future__ import annotations

from typing import Generic, NamedTuple, TypeVar

from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.payer import Payer

Job = TypeVar("Job")

EXPECTED_S = {Cost.KEY: 0.0005, Cost.INDEXED: 0.005, Cost.SCAN: 0.1}
"""What work counts for while it runs, at least: it is not known how long it takes."""


class Shares(NamedTuple):
    """How many threads there are, and how many of them work of one kind may have at a time."""

    threads: int
    costly: int
    """Of the classes INDEXED and SCAN together."""
    scans: int
    each: int
    """Of one class."""
    account: int
    account_costly: int
    """Of the classes INDEXED and SCAN together, of one account."""
    waiting: int
    """How much work may wait in all."""
    account_waiting: int

    @classmethod
    def of(cls, threads: int, waiting: int = 10_000, account_waiting: int = 1_024, each: int | None = None) -> Shares:
        """The shares of threads that read for clients. `each`: threads for one class, where more of them would only
        wait for each other; one account has half of these for its costly work.
        """
        return cls(
            threads=threads,
            costly=max(1, threads - 1),
            scans=max(1, threads - 2),
            each=each or threads,
            account=max(1, threads // 2),
            account_costly=max(1, (each or threads) // 2),
            waiting=waiting,
            account_waiting=account_waiting,
        )


class CrowdedError(Exception):
    """No more work can wait. `account`: of this account alone."""

    def __init__(self, account: bool) -> None:
        super().__init__("the queue is full")
        self.account = account


class Turn(Generic[Job]):
    """Some work, from when it is added until it has ended or is dropped."""

    __slots__ = ("began", "cost", "job", "payers", "small", "table")

    def __init__(self, job: Job, cost: Cost, table: str, small: bool) -> None:
        self.job = job
        self.cost = cost
        self.table = table
        self.small = small
        """One thread may do it together with other small work."""
        self.payers: dict[Payer, None] = {}
        """Who waits for it; once it runs, the one who pays."""
        self.began: float | None = None
        """When it began; None while it waits, and when it has ended."""


class Lane(Generic[Job]):
    """The work of one account, one class and one table that waits, by connection."""

    __slots__ = ("account", "connections", "key", "stamp")

    def __init__(self, account: Account[Job], key: tuple[Cost, str]) -> None:
        self.account = account
        self.key = key
        self.connections: dict[str, dict[Turn[Job], None]] = {}
        self.stamp = 0
        """Of its one valid entry in the heap; 0 for none."""

    def put(self, turn: Turn[Job], connection: str) -> None:
        self.connections.setdefault(connection, {})[turn] = None

    def peek(self) -> Turn[Job]:
        """What `first` would return."""
        return next(iter(next(iter(self.connections.values()))))

    def first(self) -> tuple[Turn[Job], str]:
        """The oldest work of the connection whose turn it is. The others come before it next time."""
        connection, turns = next(iter(self.connections.items()))
        del self.connections[connection]
        self.connections[connection] = turns
        return next(iter(turns)), connection

    def remove(self, turn: Turn[Job], connection: str) -> None:
        turns = self.connections[connection]
        del turns[turn]
        if not turns:
            del self.connections[connection]


class Account(Generic[Job]):
    """What one account asks for, and how much it has had."""

    __slots__ = ("barred", "beside", "idle_since", "lanes", "name", "running", "used", "waiting")

    def __init__(self, name: str) -> None:
        self.name = name
        self.lanes: dict[tuple[Cost, str], Lane[Job]] = {}
        self.running: dict[Turn[Job], None] = {}
        """Those that have a thread."""
        self.beside = 0
        """How many others are done by the thread of another turn, after it. They are in `used` from their beginning."""
        self.waiting = 0
        self.used = 0.0
        """Its place in the order: the queue's time when it began to ask, and what it has had since."""
        self.idle_since = 0.0
        self.barred = False

    def place(self, now: float) -> float:
        """`used`, and what runs."""
        if not self.running:
            return self.used
        return self.used + sum(max(EXPECTED_S[turn.cost], now - (turn.began or now)) for turn in self.running)
