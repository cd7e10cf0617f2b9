"""Whose turn it is: single rules, and random histories that are held against the rules."""

from __future__ import annotations

import random
from typing import Any

import pytest

from tests.core.budgets.threads import ADA, BOB, EVE, Threads
from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.fair_queue import AGING, HEAD_START_S, LEAD_S
from tidegate.core.budgets.payer import Payer
from tidegate.core.budgets.turns import CrowdedError, Shares, Turn


def test_a_read_by_key_does_not_wait_for_the_lists_of_others() -> None:
    threads = Threads()
    for number in range(1_000):
        threads.add(f"list {number}", EVE._replace(connection=f"e{number % 10}"))
    assert threads.begin() == ["list 0", "list 1"], "half of the threads at most"
    threads.add("more", BOB)
    threads.add("first page", BOB, Cost.INDEXED)
    assert threads.begin() == ["first page"], "half of the threads scan at most"
    threads.add("get", ADA, Cost.KEY)
    threads.add("page", ADA, Cost.INDEXED)
    assert threads.begin() == ["get"], "a thread does nothing costly"


def test_where_threads_work_by_turns_an_account_has_one_for_its_lists() -> None:
    threads = Threads(Shares.of(4, each=2))
    for number in range(3):
        threads.add(f"list {number}", EVE, Cost.SCAN if number else Cost.INDEXED)
    assert threads.begin() == ["list 0"]
    threads.add("get", EVE, Cost.KEY)
    assert threads.begin() == ["get"]
    threads.add("page", ADA, Cost.INDEXED)
    assert threads.begin() == ["page"]
    assert threads.end("list 0") == ["list 1"]


def test_a_list_waits_for_one_list_of_an_account_that_has_many() -> None:
    threads = Threads()
    for number in range(10):
        threads.add(f"list {number}", EVE)
    threads.begin()
    threads.now += 3
    threads.add("mine", ADA)
    assert threads.end("list 0") == ["mine"]


def test_connections_of_an_account_take_turns() -> None:
    threads = Threads(Shares.of(1))
    for number in range(3):
        threads.add(f"first {number}", ADA)
    threads.add("second", ADA._replace(connection="a2"))
    assert threads.begin() == ["first 0"]
    assert threads.end("first 0") == ["second"]
    assert threads.end("second") == ["first 1"]


def test_the_account_with_little_use_goes_first() -> None:
    threads = Threads(Shares.of(1))
    for number in range(3):
        threads.add(f"eve {number}", EVE)
    threads.begin()
    assert threads.end("eve 0", seconds=1) == ["eve 1"]
    threads.add("ada 0", ADA)
    threads.add("ada 1", ADA)
    assert threads.end("eve 1", seconds=1) == ["ada 0"]
    assert threads.end("ada 0", seconds=0.4) == ["ada 1"]
    assert threads.end("ada 1", seconds=1) == ["eve 2"]


def test_what_an_account_had_is_forgotten_in_the_same_time() -> None:
    for idle, first in [(0.5, "ada"), (2.6, "eve")]:
        threads = Threads(Shares.of(1))
        threads.add("long", EVE)
        threads.begin()
        threads.end("long", seconds=1.5)
        threads.now += idle
        threads.add("eve", EVE)
        threads.add("ada", ADA)
        assert threads.begin() == [first]


def test_what_an_account_had_delays_it_for_seconds_at_most() -> None:
    threads = Threads(Shares.of(1))
    threads.add("long", EVE)
    threads.begin()
    threads.end("long", seconds=600)
    threads.add("eve", EVE)
    for number in range(20):
        threads.add(f"ada {number}", ADA)
    begun = threads.begin()
    while begun[-1] != "eve":
        begun += threads.end(begun[-1], seconds=1)
    assert len(begun) <= 1 + LEAD_S + HEAD_START_S + 1


def test_work_that_runs_counts_before_it_ends() -> None:
    threads = Threads(Shares.of(4)._replace(scans=4, costly=4))
    threads.add("eve 0", EVE)
    threads.add("eve 1", EVE)
    threads.add("ada 0", ADA)
    assert threads.begin() == ["eve 0", "ada 0", "eve 1"]


def test_a_full_queue_refuses() -> None:
    threads = Threads(Shares.of(1, waiting=3, account_waiting=2))
    threads.add("0", EVE)
    threads.add("1", EVE)
    with pytest.raises(CrowdedError) as refused:
        threads.add("2", EVE)
    assert refused.value.account
    last = threads.add("3", ADA)
    with pytest.raises(CrowdedError) as refused:
        threads.add("4", BOB)
    assert not refused.value.account
    threads.queue.drop(last, threads.now)
    threads.add("5", BOB)
    assert threads.queue.waiting == 3


def test_shared_work_begins_at_the_first_turn_of_one_who_waits_for_it() -> None:
    threads = Threads(Shares.of(1))
    threads.add("eve's", EVE)
    threads.begin()
    shared = threads.add("shared", EVE)
    threads.queue.share(shared, ADA, threads.now)
    threads.queue.share(shared, ADA, threads.now)
    threads.add("bob's", BOB)
    assert threads.end("eve's", seconds=1) == ["shared"]
    assert list(shared.payers) == [ADA]
    threads.queue.share(shared, BOB, threads.now)
    threads.queue.drop(shared, threads.now)  # too late
    assert threads.end("shared") == ["bob's"]
    threads.queue.share(shared, BOB, threads.now)
    assert threads.end("bob's") == []
    assert threads.queue.waiting == 0


def test_tables_that_are_held_up_have_one_thread_together() -> None:
    threads = Threads()
    for number in range(8):
        threads.add(f"get {number}", Payer(f"user {number}", "c"), Cost.KEY)
    assert threads.begin() == ["get 0", "get 1", "get 2", "get 3"]
    for table in ("tasks", "users", "boats"):
        threads.queue.block(table, blocked=True)
    threads.queue.again(threads.running.pop("get 0"), threads.now)
    assert threads.begin() == []
    assert threads.end("get 1") == []
    assert threads.end("get 2") == []
    assert threads.end("get 3") == ["get 4"]
    for table in ("users", "boats", "rooms"):
        threads.add(table, ADA, Cost.KEY, table)
    assert threads.begin() == ["rooms"]
    threads.queue.block("tasks", blocked=False)
    assert threads.begin() == ["get 5", "get 6"]


def test_work_that_could_not_be_done_waits_again_and_its_account_pays() -> None:
    threads = Threads(Shares.of(1))
    threads.add("get", EVE, Cost.KEY)
    threads.begin()
    threads.add("mine", ADA, Cost.KEY)
    threads.now += 1
    threads.queue.again(threads.running.pop("get"), threads.now)
    assert threads.begin() == ["mine"]
    assert threads.end("mine") == ["get"]


def test_a_barred_account_has_no_turn() -> None:
    threads = Threads()
    threads.queue.bar("eve", True, threads.now)
    threads.add("eve's", EVE)
    threads.add("ada's", ADA)
    assert threads.begin() == ["ada's"]
    threads.queue.bar("eve", False, threads.now)
    assert threads.begin() == ["eve's"]


# -- random histories -------------------------------------------------------------------------------------------------


class History:
    """A few accounts ask, at random, of whatever kind; after each step the rules must hold."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        count = self.chance.choice([1, 2, 3, 4, 8])
        self.shares = Shares.of(count, waiting=60, account_waiting=25, each=self.chance.choice([None, 1, 2]))
        self.threads = Threads(self.shares)
        self.waiting: dict[Turn[str], None] = {}
        self.barred: set[str] = set()
        self.blocked: set[str] = set()
        self.number = 0

    def step(self) -> None:
        threads, chance = self.threads, self.chance
        threads.now += chance.choice([0.0, 0.001, 0.1, 3.0])
        what = chance.random()
        if what < 0.5:
            self.ask()
        elif what < 0.6 and self.waiting:
            turn = chance.choice(list(self.waiting))
            threads.queue.drop(turn, threads.now)
            del self.waiting[turn]
        elif what < 0.65 and self.waiting:
            threads.queue.share(chance.choice(list(self.waiting)), self.payer(), threads.now)
        elif what < 0.7:
            self.bar_or_block()
        elif threads.running:
            turn = threads.running.pop(chance.choice(list(threads.running)))
            if chance.random() < 0.1:
                threads.queue.again(turn, threads.now)
                self.waiting[turn] = None
            else:
                threads.queue.end(turn, threads.now)
        self.begin()

    def payer(self) -> Payer:
        account = self.chance.choice("abcdef")
        return Payer(account, f"{account}{self.chance.randrange(3)}")

    def ask(self) -> None:
        self.number += 1
        payer, cost, table = self.payer(), self.chance.choice(list(Cost)), self.chance.choice(["x", "y"])
        try:
            self.waiting[self.threads.add(str(self.number), payer, cost, table)] = None
        except CrowdedError as error:
            mine = sum(any(each.account == payer.account for each in turn.payers) for turn in self.waiting)
            assert mine >= self.shares.account_waiting if error.account else len(self.waiting) >= self.shares.waiting

    def bar_or_block(self) -> None:
        account, table, on = self.chance.choice("abc"), self.chance.choice(["x", "y"]), self.chance.random() < 0.4
        if self.chance.random() < 0.5:
            self.threads.queue.bar(account, on, self.threads.now)
            (self.barred.add if on else self.barred.discard)(account)
        else:
            self.threads.queue.block(table, on)
            (self.blocked.add if on else self.blocked.discard)(table)

    def begin(self) -> None:
        threads = self.threads
        while len(threads.running) < self.shares.threads:
            may = self.may_run()
            turn = threads.queue.next(threads.now)
            if turn is None:
                assert not may, "work that may run does not wait while a thread is free"
                break
            assert turn in self.waiting
            assert len(turn.payers) == 1
            least = min(place for _, place in may)
            assert any(each is turn and place - least < 1e-9 for each, place in may), "the least used goes first"
            del self.waiting[turn]
            threads.running[turn.job] = turn
        self.check()

    def may_run(self) -> list[tuple[Turn[str], float]]:
        """All work that the rules let run, with the place of each account that waits for it."""
        running = self.threads.running.values()
        found = []
        for turn in self.waiting:
            costs = [each.cost for each in running]
            if costs.count(turn.cost) >= self.shares.each:
                continue
            if turn.cost is Cost.SCAN and costs.count(Cost.SCAN) >= self.shares.scans:
                continue
            if turn.cost is not Cost.KEY and len(costs) - costs.count(Cost.KEY) >= self.shares.costly:
                continue
            held = sum(each.table in self.blocked for each in running)
            if turn.table in self.blocked and held:
                continue
            found += [
                (turn, self.threads.queue._accounts[payer.account].place(self.threads.now))
                for payer in turn.payers
                if payer.account not in self.barred
                and self.of(payer.account) < self.shares.account
                and (turn.cost is Cost.KEY or self.of(payer.account, costly=True) < self.shares.account_costly)
            ]
        return found

    def of(self, account: str, costly: bool = False) -> int:
        """How much work of the account runs."""
        mine = [turn for turn in self.threads.running.values() if next(iter(turn.payers)).account == account]
        return sum(not costly or turn.cost is not Cost.KEY for turn in mine)

    def check(self) -> None:
        costs = [turn.cost for turn in self.threads.running.values()]
        assert costs.count(Cost.SCAN) <= self.shares.scans
        assert len(costs) - costs.count(Cost.KEY) <= self.shares.costly
        assert all(self.of(account) <= self.shares.account for account in "abcdef")
        assert all(self.of(account, costly=True) <= self.shares.account_costly for account in "abcdef")
        assert self.threads.queue.waiting == len(self.waiting)

    def finish(self) -> None:
        """Everything ends: the queue keeps nothing."""
        threads = self.threads
        for account in list(self.barred):
            threads.queue.bar(account, False, threads.now)
        for table in list(self.blocked):
            threads.queue.block(table, False)
        self.barred.clear()
        self.blocked.clear()
        self.begin()
        while threads.running:
            threads.queue.end(threads.running.pop(next(iter(threads.running))), threads.now)
            self.begin()
        threads.now += 2 * LEAD_S
        threads.queue.drop(threads.add("last", Payer("z", "z")), threads.now)
        kept: Any = threads.queue
        assert (threads.queue.waiting, kept._running_at, set(kept._accounts)) == (0, {}, {"z"})
        assert not any(any(entry[1] == entry[2].stamp for entry in heap) for heap in kept._heaps.values())


@pytest.mark.parametrize("seed", range(40))
def test_random_histories_keep_the_rules(seed: int) -> None:
    history = History(seed)
    for _ in range(250):
        history.step()
    history.finish()


@pytest.mark.parametrize("seed", range(5))
def test_no_account_starves(seed: int) -> None:
    """New accounts ask all the time, each once; one that has had much still has its turns."""
    chance = random.Random(seed)
    threads = Threads()
    ends: list[tuple[float, str]] = []
    asked: dict[str, float] = {}
    turns = 0
    for number in range(3_000):
        while threads.queue.waiting - len(asked) < 5:
            name = f"new {chance.random()}"
            threads.add(name, Payer(name, "c"))
        if not asked:
            threads.add(f"heavy {number}", EVE)
            asked[f"heavy {number}"] = threads.now
        for job in threads.begin():
            turns += job in asked
            asked.pop(job, None)
            ends.append((threads.now + (1.0 if job.startswith("heavy") else chance.uniform(0.01, 0.3)), job))
        # Ten accounts ask at a time, so that each waits while the others have what it had more than they.
        assert all(threads.now - since < 10 * (LEAD_S + HEAD_START_S) / AGING / 4 for since in asked.values())
        ends.sort(reverse=True)
        threads.now, job = ends.pop()
        threads.queue.end(threads.running.pop(job), threads.now)
    assert turns > 20


def test_many_accounts_with_much_work_do_not_hold_up_a_new_one() -> None:
    threads = Threads()
    for number in range(50):
        for each in range(100):
            threads.add(f"{number} {each}", Payer(f"user {number}", "c"))
    threads.begin()
    for _ in range(1_000):
        threads.end(next(iter(threads.running)), seconds=0.1)
    threads.add("mine", ADA)
    begun = [job for _ in range(4) for job in threads.end(next(iter(threads.running)), seconds=0.1)]
    assert "mine" in begun


def test_an_account_that_had_the_threads_alone_is_behind_a_new_one_by_the_head_start() -> None:
    threads = Threads(Shares.of(1))
    for number in range(100):
        threads.add(f"ada {number}", ADA)
        assert threads.begin() == [f"ada {number}"]
        assert threads.end(f"ada {number}", seconds=0.1) == []
    for number in range(30):
        threads.add(f"ada {number}", ADA)
        threads.add(f"bob {number}", BOB)
    begun = threads.begin()
    while not begun[-1].startswith("ada"):
        begun += threads.end(begun[-1], seconds=0.1)
    assert len(begun) - 1 <= HEAD_START_S / 0.1 + 2


def test_outdated_entries_of_a_heap_are_removed() -> None:
    threads = Threads(Shares.of(2))
    threads.add("held 0", BOB, Cost.INDEXED)
    threads.add("held 1", EVE, Cost.INDEXED)
    threads.begin()
    for number in range(500):
        threads.add(f"get {number}", EVE, Cost.KEY)
        assert threads.begin() == [f"get {number}"]
        assert threads.end(f"get {number}", seconds=0.001) == []
    assert sum(map(len, threads.queue._heaps.values())) < 100
    assert threads.end("held 0") == ["held 1"]
