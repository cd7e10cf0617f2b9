"""Whose turn it is: work for a few threads, shared fairly between those who pay for it.

Work waits by account, then by connection. The account that has had the least of the threads' time goes first; one that
asks for nothing saves no time up for later. A class of costly work, an account and a table each get only some of the
threads. It knows no clock (`now` is passed in), no threads, and not what the work is.
Invariants: an account never has more than its share of the threads; at least one thread takes no costly work; while a
thread is free, work that may run does not wait.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import Generic

from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.payer import Payer
from tidegate.core.budgets.turns import EXPECTED_S, Account, CrowdedError, Job, Lane, Shares, Turn

LEAD_S = 2.0
"""Seconds of the threads' time by which an account can be behind another that asks at the same time. It forgets one
second of it in each second in which it asks for nothing."""
HEAD_START_S = 1.0
"""Seconds by which an account that asked for nothing lately comes before those that had turns."""
AGING = 0.5
"""While work waits, the queue's time moves on by this part of what each account that asks gets on average."""
STALE = 64
"""Outdated entries that a heap may have before they are removed."""


class FairQueue(Generic[Job]):
    """The queue of one set of threads."""

    def __init__(self, shares: Shares) -> None:
        self.waiting = 0
        """How much work waits."""
        self._shares = shares
        self._accounts: dict[str, Account[Job]] = {}
        self._idle: dict[str, None] = {}
        """Accounts that ask for nothing, but had more than others; the longest idle first."""
        self._heaps: dict[tuple[Cost, str], list[tuple[float, int, Lane[Job]]]] = {}
        """The lanes of each class and table, in the order of their accounts."""
        self._stamps = count(1)
        self._time = 0.0
        """The place of the last turn: an account that begins to ask is put a little before it. While work waits, it
        moves on with the threads' time, so that new accounts do not come before one that had much for ever."""
        self._running_of = dict.fromkeys(Cost, 0)
        self._running_at: dict[str, int] = {}
        """By table."""
        self._blocked: set[str] = set()

    def add(self, job: Job, payer: Payer, cost: Cost, table: str, now: float, small: bool = False) -> Turn[Job]:
        """`job` waits for its turn. `small`: it may go `beside` other work. Raises CrowdedError."""
        account = self._account(payer.account, now)
        if account.waiting >= self._shares.account_waiting or self.waiting >= self._shares.waiting:
            crowded = account.waiting >= self._shares.account_waiting
            self._rest(account, now)
            raise CrowdedError(crowded)
        turn = Turn(job, cost, table, small)
        self._put(account, turn, payer, now)
        self.waiting += 1
        return turn

    def share(self, turn: Turn[Job], payer: Payer, now: float) -> None:
        """`payer` waits for it too: it is done at the first turn of one of them, who pays. No effect once it runs."""
        if turn.payers and turn.began is None and payer not in turn.payers:
            self._put(self._account(payer.account, now), turn, payer, now)

    def next(self, now: float) -> Turn[Job] | None:
        """Begin the work whose turn it is. None if none may run now. A thread has to be free."""
        best: tuple[float, int, Lane[Job]] | None = None
        for key in list(self._heaps):
            if self._may_run(*key) and (found := self._first_of(key, now)) is not None and (not best or found < best):
                best = found
        if best is None:
            return None
        account, turn = self._begin(best, now)
        account.running[turn] = None
        self._running_of[turn.cost] += 1
        self._running_at[turn.table] = self._running_at.get(turn.table, 0) + 1
        return turn

    def beside(self, leader: Turn[Job], now: float) -> Turn[Job] | None:
        """Begin more work that the thread of `leader` does after it: the next one of the same class and table, where
        both are small. It counts as no thread.

        None if there is none. Handing each small read to a thread costs more than the read.
        """
        key = leader.cost, leader.table
        if not leader.small or key not in self._heaps or leader.table in self._blocked:
            return None
        best = self._first_of(key, now, beside=True)
        if best is None or not best[2].peek().small:
            return None
        account, turn = self._begin(best, now)
        account.beside += 1
        account.used = min(account.used + EXPECTED_S[turn.cost], self._time + LEAD_S)
        return turn

    def end(self, turn: Turn[Job], now: float, took: float | None = None) -> None:
        """The work that runs has ended. `took`: seconds, where a thread did more than this in the time."""
        account = self._stop(turn, now, took)
        turn.payers = {}
        self._settle(account, now)

    def again(self, turn: Turn[Job], now: float, took: float | None = None) -> None:
        """The work that runs could not be done yet: it waits once more. Its account pays for the time, as in `end`."""
        (payer,) = turn.payers
        account = self._stop(turn, now, took)
        turn.payers = {}
        self._put(account, turn, payer, now)
        self.waiting += 1
        self._settle(account, now)

    def drop(self, turn: Turn[Job], now: float) -> None:
        """The work that waits is not wanted any more. No effect once it runs or has ended."""
        if turn.payers and turn.began is None:
            self._take_out(turn, now)
            turn.payers = {}

    def block(self, table: str, blocked: bool) -> None:
        """Whether work at `table` is held up. Then all such tables together have one thread, which finds out when that
        is over.
        """
        (self._blocked.add if blocked else self._blocked.discard)(table)

    def bar(self, name: str, barred: bool, now: float) -> None:
        """Whether the account gets no turn for the moment."""
        account = self._account(name, now)
        account.barred = barred
        self._settle(account, now)

    # -- who may run ------------------------------------------------------------------------------------------------

    def _may_run(self, cost: Cost, table: str) -> bool:
        shares, running = self._shares, self._running_of
        if running[cost] >= shares.each or (cost is Cost.SCAN and running[Cost.SCAN] >= shares.scans):
            return False
        if cost is not Cost.KEY and running[Cost.INDEXED] + running[Cost.SCAN] >= shares.costly:
            return False
        if table not in self._blocked:
            return True
        held_up = sum(self._running_at.get(each, 0) for each in self._blocked)
        return not held_up

    def _first_of(
        self, key: tuple[Cost, str], now: float, *, beside: bool = False
    ) -> tuple[float, int, Lane[Job]] | None:
        heap = self._heaps[key]
        while heap:
            place, stamp, lane = heap[0]
            if stamp != lane.stamp:
                heappop(heap)
            elif lane.account.barred if beside else self._full(lane.account, key[0]):
                heappop(heap)
                lane.stamp = 0  # until `_settle`
            elif (current := lane.account.place(now)) > place:
                heappop(heap)
                self._list(lane, current)
            else:
                return heap[0]
        del self._heaps[key]
        return None

    def _full(self, account: Account[Job], cost: Cost) -> bool:
        """Whether the account has all the threads that it may have for work of this class."""
        if account.barred or len(account.running) >= self._shares.account:
            return True
        if cost is Cost.KEY:
            return False
        return sum(turn.cost is not Cost.KEY for turn in account.running) >= self._shares.account_costly

    # -- bookkeeping ------------------------------------------------------------------------------------------------

    def _begin(self, best: tuple[float, int, Lane[Job]], now: float) -> tuple[Account[Job], Turn[Job]]:
        """The first work of a lane waits no more."""
        place, _, lane = best
        self._time = max(self._time, place)
        turn, connection = lane.first()
        account = lane.account
        turn.began = now
        self._take_out(turn, now, account)
        if len(turn.payers) > 1:
            turn.payers = {Payer(account.name, connection): None}
        return account, turn

    def _account(self, name: str, now: float) -> Account[Job]:
        """The account, with a place for one that asks now."""
        self._forget(now)
        account = self._accounts.get(name)
        if account is None:
            account = self._accounts[name] = Account(name)
            account.used = self._time - HEAD_START_S
        elif name in self._idle:
            del self._idle[name]
            account.used = max(self._time - HEAD_START_S, account.used - (now - account.idle_since))
        return account

    def _forget(self, now: float) -> None:
        limit = now - LEAD_S - HEAD_START_S
        while self._idle and self._accounts[name := next(iter(self._idle))].idle_since <= limit:
            del self._idle[name]
            del self._accounts[name]

    def _put(self, account: Account[Job], turn: Turn[Job], payer: Payer, now: float) -> None:
        key = turn.cost, turn.table
        lane = account.lanes.get(key)
        if lane is None:
            lane = account.lanes[key] = Lane(account, key)
        lane.put(turn, payer.connection)
        turn.payers[payer] = None
        account.waiting += 1
        if not lane.stamp and not self._full(account, turn.cost):
            self._list(lane, account.place(now))

    def _take_out(self, turn: Turn[Job], now: float, begins: Account[Job] | None = None) -> None:
        """It is in no lane any more. `begins`: the account that it begins for."""
        key = turn.cost, turn.table
        for name, connection in turn.payers:
            account = self._accounts[name]
            lane = account.lanes[key]
            lane.remove(turn, connection)
            account.waiting -= 1
            if not lane.connections:
                del account.lanes[key]
                lane.stamp = 0
            if account is not begins:
                self._rest(account, now)
        self.waiting -= 1

    def _stop(self, turn: Turn[Job], now: float, took: float | None = None) -> Account[Job]:
        """It runs no more, and its time is paid."""
        account = self._accounts[next(iter(turn.payers)).account]
        assert turn.began is not None
        took = max(EXPECTED_S[Cost.KEY], now - turn.began if took is None else took)
        if self.waiting:
            self._time += AGING * took / (len(self._accounts) - len(self._idle))
        turn.began = None
        if turn not in account.running:
            account.beside -= 1
            account.used = min(account.used + took - EXPECTED_S[turn.cost], self._time + LEAD_S)
            return account
        account.used = min(account.used + took, self._time + LEAD_S)
        del account.running[turn]
        self._running_of[turn.cost] -= 1
        self._running_at[turn.table] -= 1
        if not self._running_at[turn.table]:
            del self._running_at[turn.table]
        return account

    def _settle(self, account: Account[Job], now: float) -> None:
        """Its place or its right to a turn has changed."""
        if account.lanes:
            place = account.place(now)
            for lane in account.lanes.values():
                if not self._full(account, lane.key[0]):
                    self._list(lane, place)
        self._rest(account, now)

    def _rest(self, account: Account[Job], now: float) -> None:
        if not (account.waiting or account.running or account.beside or account.barred):
            account.idle_since = now
            self._idle.pop(account.name, None)
            self._idle[account.name] = None

    def _list(self, lane: Lane[Job], place: float) -> None:
        """Put `lane` into its heap at `place`; an older entry is void."""
        lane.stamp = next(self._stamps)
        heap = self._heaps.setdefault(lane.key, [])
        heappush(heap, (place, lane.stamp, lane))
        if len(heap) > 2 * len(self._accounts) + STALE:
            heap[:] = [entry for entry in heap if entry[1] == entry[2].stamp]
            heapify(heap)
