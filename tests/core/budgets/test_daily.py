"""The budget of a day: refused at the limit, given back after the day, and nothing is kept of accounts that rest."""

from __future__ import annotations

import random

import pytest

from tidegate.core.budgets.daily import ACCOUNTS, DAY_S, DailyBudget
from tidegate.core.errors import Refused


def used_up(budget: DailyBudget, account: str, now: float) -> bool:
    try:
        budget.check(account, now)
    except Refused as refused:
        assert (refused.code, refused.pointer) == ("limit_reached", "/key")
        assert refused.retry_after is not None
        return True
    return False


def test_an_account_is_refused_at_either_limit_and_others_are_not() -> None:
    budget = DailyBudget(size=100, number=3)
    budget.add("a", 99, 0.0)
    assert not used_up(budget, "a", 0.0)
    budget.add("a", 1, 0.0)
    assert used_up(budget, "a", 0.0)
    for _ in range(3):
        budget.add("b", 0, 0.0)
    assert used_up(budget, "b", 0.0)
    assert not used_up(budget, "c", 0.0)


def test_the_next_day_begins_with_nothing_and_the_wait_is_told() -> None:
    budget = DailyBudget(size=1, number=9)
    budget.add("a", 1, 5.0)
    with pytest.raises(Refused) as refused:
        budget.check("a", DAY_S - 5.0)
    assert refused.value.retry_after == 10.0
    with pytest.raises(Refused) as refused:
        budget.check("a", 5.0)
    assert refused.value.retry_after == 3600.0
    assert not used_up(budget, "a", DAY_S + 5.0)
    assert len(budget) == 0


def test_many_accounts_take_bounded_memory_and_the_oldest_are_forgotten() -> None:
    budget = DailyBudget(size=1, number=9)
    for number in range(2 * ACCOUNTS):
        budget.add(f"user {number}", 1, float(number) / ACCOUNTS)
        assert len(budget) <= ACCOUNTS
    assert used_up(budget, f"user {2 * ACCOUNTS - 1}", 2.0)
    assert used_up(budget, f"user {2 * ACCOUNTS - ACCOUNTS // 2}", 2.0)
    assert not used_up(budget, "user 0", 2.0)


def test_of_too_many_accounts_the_quarter_whose_days_began_first_is_forgotten() -> None:
    budget, forgotten = DailyBudget(size=1, number=9), ACCOUNTS // 4
    budget.add("again", 1, 0.0)
    for number in range(ACCOUNTS - 1):
        budget.add(f"user {number}", 1, 1.0)
    budget.add("again", 1, DAY_S)  # its second day begins after the others' first one
    budget.add("one more", 1, DAY_S)
    assert len(budget) == ACCOUNTS + 1 - forgotten
    kept = [number for number in range(ACCOUNTS - 1) if used_up(budget, f"user {number}", DAY_S)]
    assert kept == list(range(forgotten, ACCOUNTS - 1))
    assert used_up(budget, "again", DAY_S)
    assert used_up(budget, "one more", DAY_S)


def test_no_random_history_stores_more_than_the_limits_and_one_thing_a_day() -> None:
    chance = random.Random(2)
    for _ in range(50):
        budget, now = DailyBudget(size=1000, number=20), 0.0
        stored: dict[str, list[tuple[float, int]]] = {}
        for _ in range(300):
            now += chance.choice([0.0, 100.0, 5000.0])
            account, size = chance.choice("abc"), chance.randrange(400)
            if not used_up(budget, account, now):
                budget.add(account, size, now)
                stored.setdefault(account, []).append((now, size))
        for things in stored.values():
            for at, _ in things:  # any 24 hours touch two days at most
                within = [size for when, size in things if at <= when < at + DAY_S]
                assert sum(within) <= 2 * (1000 + 400)
                assert len(within) <= 2 * 20
