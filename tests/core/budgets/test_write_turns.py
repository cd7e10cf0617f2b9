"""Writes take turns: by account, then by connection, each connection's in order; in chosen and in random histories."""

from __future__ import annotations

import random

import pytest

from tidegate.core.budgets.payer import GATEWAY, Payer
from tidegate.core.budgets.turns import CrowdedError
from tidegate.core.budgets.write_turns import Limits, WriteTurns

A, A2, B = Payer("user a", "1"), Payer("user a", "2"), Payer("user b", "3")


def filled(*writes: tuple[str, Payer], limits: Limits = Limits()) -> WriteTurns[str]:  # noqa: B008  # immutable
    turns: WriteTurns[str] = WriteTurns(limits)
    for write, payer in writes:
        turns.add(write, payer, 10)
    return turns


def test_accounts_take_turns_whatever_they_have_waiting() -> None:
    turns = filled(*((f"a{number}", A) for number in range(5)), ("b0", B))
    assert turns.take(2, 1000) == ["a0", "b0"]
    turns.add("b1", B, 10)
    assert turns.take(9, 1000) == ["a1", "b1", "a2", "a3", "a4"]
    assert len(turns) == 0


def test_the_connections_of_an_account_share_its_turns() -> None:
    turns = filled(("a0", A), ("a1", A), ("x0", A2), ("b0", B), ("b1", B))
    assert turns.take(9, 1000) == ["a0", "b0", "x0", "b1", "a1"]


def test_a_transaction_ends_with_the_write_that_fills_it() -> None:
    turns = filled(*((f"a{number}", A) for number in range(5)))
    assert turns.take(9, 25) == ["a0", "a1", "a2"]
    assert turns.take(9, 1) == ["a3"]
    assert turns.of_account("user a") == 1


def test_what_is_put_back_comes_first_and_in_order() -> None:
    turns = filled(("a0", A), ("b0", B), ("a1", A))
    taken = turns.take(2, 1000)
    turns.put_back((write, {"a0": "user a", "b0": "user b"}[write], 10) for write in taken)
    assert len(turns) == 3
    assert turns.take(9, 1000) == ["a0", "b0", "a1"]


def test_a_dropped_write_is_not_taken_and_costs_no_turn() -> None:
    turns = filled(("a0", A), ("a1", A), ("b0", B), ("b1", B))
    assert turns.drop("a0")
    assert not turns.drop("a0")
    assert turns.take(9, 1000) == ["a1", "b0", "b1"]
    turns.add("a2", A, 10)
    assert turns.drop("a2")
    assert (len(turns), turns.of_account("user a"), turns.take(9, 1000)) == (0, 0, [])


def test_too_many_are_refused_by_account_and_in_all() -> None:
    turns = filled(("a0", A), ("a1", A2), limits=Limits(all=4, account=2))
    with pytest.raises(CrowdedError) as error:
        turns.add("a2", A, 10)
    assert error.value.account
    for number in range(2):
        turns.add(f"g{number}", GATEWAY, 10)
    with pytest.raises(CrowdedError) as error:
        turns.add("b0", B, 10)
    assert not error.value.account
    turns.take(1, 10)
    turns.add("b0", B, 10)


def test_random_histories_keep_each_connection_in_order_and_starve_no_account() -> None:
    chance = random.Random(3)
    for _ in range(100):
        turns: WriteTurns[tuple[str, str, int]] = WriteTurns(Limits(all=500, account=200))
        numbers: dict[Payer, int] = {}
        seen: dict[Payer, int] = {}
        dropped: set[tuple[str, str, int]] = set()
        for _ in range(200):
            payer = Payer(chance.choice("abc"), chance.choice("12"))
            step = chance.random()
            if step < 0.6:
                number = numbers[payer] = numbers.get(payer, 0) + 1
                turns.add((*payer, number), payer, chance.randrange(1, 50))
            elif step < 0.7 and numbers.get(payer):
                write = (*payer, chance.randint(1, numbers[payer]))
                if turns.drop(write):
                    dropped.add(write)
            else:
                first = bool(turns._first)
                waiting = [name for name in "abc" if turns.of_account(name)]
                taken = turns.take(chance.randrange(1, 8), chance.randrange(1, 200))
                kept = chance.randrange(len(taken) + 1)
                turns.put_back((write, write[0], 1) for write in taken[kept:])
                for account, connection, number in taken[:kept]:
                    assert seen.get(Payer(account, connection), 0) < number
                    assert (account, connection, number) not in dropped
                    seen[Payer(account, connection)] = number
                if not first and len(taken) >= 3 * len(waiting) > 0:
                    assert {account for account, _, _ in taken} == set(waiting)
        rest = turns.take(1000, 1 << 30)
        assert len(turns) == 0
        assert len(rest) == len(set(rest) - dropped)
