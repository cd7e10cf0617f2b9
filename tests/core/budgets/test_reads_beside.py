"""Small reads that one thread does after another one."""

from __future__ import annotations

import pytest

from tests.core.budgets.threads import ADA, BOB, EVE, Threads
from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.turns import Turn


def test_reads_by_key_of_all_accounts_may_go_along_with_one_that_begins() -> None:
    threads = Threads()
    for number in range(3):
        threads.add(f"ada {number}", ADA, Cost.KEY)
        threads.add(f"bob {number}", BOB, Cost.KEY)
    threads.add("list", EVE, Cost.INDEXED)
    threads.add("elsewhere", EVE, Cost.KEY, "other")
    leader, along = begun_together(threads)
    assert [leader.job, *(turn.job for turn in along)] == ["ada 0", "bob 0", "ada 1", "bob 1", "ada 2", "bob 2"]
    for turn in (*along, leader):
        threads.queue.end(turn, threads.now, 0.0)
    assert sorted(threads.begin()) == ["elsewhere", "list"]


def test_reads_that_go_along_take_no_thread_of_their_account() -> None:
    threads = Threads()
    for number in range(4):
        threads.add(f"get {number}", ADA, Cost.KEY)
    leader = threads.queue.next(threads.now)
    assert leader is not None
    assert threads.queue.beside(leader, threads.now) is not None
    second = threads.queue.next(threads.now)
    assert second is not None
    assert second.job == "get 2", "one more: an account has two threads"
    along = threads.queue.beside(second, threads.now)
    assert along is not None
    assert along.job == "get 3", "though its account has no thread to get"
    threads.add("get 4", ADA, Cost.KEY)
    assert threads.queue.next(threads.now) is None


def test_the_time_of_reads_that_go_along_is_paid_by_their_account() -> None:
    threads = Threads()
    for number in range(3):
        threads.add(f"ada {number}", ADA, Cost.KEY)
        threads.add(f"bob {number}", BOB, Cost.KEY)
    leader = threads.queue.next(threads.now)
    assert leader is not None
    along = threads.queue.beside(leader, threads.now)
    assert along is not None
    assert [leader.job, along.job] == ["ada 0", "bob 0"]
    threads.queue.end(along, threads.now, 1.5)
    threads.queue.end(leader, threads.now, 0.0)
    assert threads.begin()[:2] == ["ada 1", "ada 2"]


def test_nothing_goes_along_with_a_list_or_at_a_table_that_is_held_up() -> None:
    threads = Threads()
    for number in range(2):
        threads.add(f"list {number}", ADA, Cost.INDEXED)
        threads.add(f"get {number}", BOB, Cost.KEY)
    listing, get = threads.queue.next(threads.now), threads.queue.next(threads.now)
    assert listing is not None
    assert get is not None
    if listing.job != "list 0":
        listing, get = get, listing
    assert threads.queue.beside(listing, threads.now) is None
    threads.queue.block("tasks", True)
    assert threads.queue.beside(get, threads.now) is None
    threads.queue.block("tasks", False)
    assert (along := threads.queue.beside(get, threads.now)) is not None
    assert along.job == "get 1"


def test_small_lists_go_along_with_each_other_until_a_list_that_is_not_small_is_next() -> None:
    threads = Threads()
    for job, payer, small in [
        ("ada's first", ADA, True),
        ("bob's first", BOB, True),
        ("ada's second", ADA, True),
        ("bob's long one", BOB, False),
        ("bob's last", BOB, True),
    ]:
        threads.add(job, payer, Cost.INDEXED, small=small)
    leader, along = begun_together(threads)
    assert [leader.job, *(turn.job for turn in along)] == ["ada's first", "bob's first", "ada's second"]
    long, nothing = begun_together(threads)
    assert (long.job, nothing) == ("bob's long one", [])
    assert [turn.job for turn in along_with(threads, leader)] == ["bob's last"]


@pytest.mark.parametrize("cost", list(Cost))
def test_what_goes_along_costs_its_account_no_less_while_it_runs(cost: Cost) -> None:
    threads = Threads()
    for job in ("ada's", "bob's"):
        threads.add(job, ADA if job == "ada's" else BOB, cost, small=True)
    leader, (along,) = begun_together(threads)
    ada, bob = (threads.queue._accounts[name] for name in ("ada", "bob"))
    assert ada.place(threads.now) == pytest.approx(bob.place(threads.now))
    for turn in (along, leader):
        threads.queue.end(turn, threads.now, 0.25)
    assert ada.used == pytest.approx(bob.used)


def test_an_account_whose_reads_go_along_is_remembered_until_all_of_them_end() -> None:
    threads = Threads()
    threads.add("ada's", ADA, Cost.KEY)
    for number in range(2):
        threads.add(f"bob's {number}", BOB, Cost.KEY)
    leader, along = begun_together(threads)
    threads.queue.end(along[0], threads.now, 0.001)
    threads.now += 100.0
    threads.add("eve's", EVE, Cost.KEY)
    threads.queue.end(along[1], threads.now, 0.001)
    threads.queue.end(leader, threads.now, 0.001)
    assert threads.begin() == ["eve's"]
    threads.now += 100.0
    threads.end("eve's")
    threads.now += 100.0
    threads.add("late", ADA._replace(account="zoe"), Cost.KEY)
    assert list(threads.queue._accounts) == ["zoe"], "the others ask for nothing and are forgotten"


def test_a_read_that_goes_along_costs_its_account_what_its_own_thread_would_cost() -> None:
    for seconds in (0.0, 0.1, 100.0):
        threads = Threads()
        threads.add("ada's", ADA, Cost.KEY)
        threads.add("bob's", BOB, Cost.KEY)
        leader, (along,) = begun_together(threads)
        threads.queue.end(leader, threads.now, seconds)
        threads.queue.end(along, threads.now, seconds)
        ada, bob = (threads.queue._accounts[name].used for name in ("ada", "bob"))
        assert ada == pytest.approx(bob)


def test_a_read_that_could_not_be_done_yet_costs_its_account_what_it_took() -> None:
    threads = Threads()
    threads.add("ada's", ADA, Cost.KEY)
    threads.add("bob's", BOB, Cost.KEY)
    leader, (along,) = begun_together(threads)
    threads.now += 1.0  # a lock held the first one up, and the second one was not tried
    threads.queue.again(leader, threads.now, 1.0)
    threads.queue.again(along, threads.now, 0.0)
    threads.add("bob's later", BOB, Cost.KEY)
    leader, (along, last) = begun_together(threads)
    assert [leader.job, along.job, last.job] == ["bob's", "bob's later", "ada's"]


def test_nothing_of_a_barred_account_goes_along_until_it_is_barred_no_more() -> None:
    threads = Threads()
    for number in range(2):
        threads.add(f"ada's {number}", ADA, Cost.KEY)
    threads.add("bob's", BOB, Cost.KEY)
    leader = threads.queue.next(threads.now)
    assert leader is not None
    threads.queue.bar("bob", True, threads.now)
    assert [turn.job for turn in along_with(threads, leader)] == ["ada's 1"]
    threads.queue.bar("bob", False, threads.now)
    assert [turn.job for turn in along_with(threads, leader)] == ["bob's"]


def begun_together(threads: Threads) -> tuple[Turn[str], list[Turn[str]]]:
    """The work whose turn it is, and what goes along with it."""
    leader = threads.queue.next(threads.now)
    assert leader is not None
    return leader, along_with(threads, leader)


def along_with(threads: Threads, leader: Turn[str]) -> list[Turn[str]]:
    return list(iter(lambda: threads.queue.beside(leader, threads.now), None))
