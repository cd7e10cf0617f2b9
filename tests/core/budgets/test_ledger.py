"""The budget of bytes: what fits, what gives way first, and, in random histories, that the sums are always right."""

from __future__ import annotations

import contextlib
import random
from typing import get_args

import pytest

from tidegate.core.budgets.ledger import LASTING, RETRY_S, SHARE, Kind, Ledger, Order
from tidegate.core.errors import Refused

ADA, BOB = "user 1", "address 192.0.2.7"
KINDS: tuple[Kind, ...] = get_args(Kind)


def test_counts_by_account_and_kind() -> None:
    ledger = Ledger(800)
    ledger.take(ADA, "frames", 60)
    ledger.take(ADA, "rooms", 40)
    ledger.take(BOB, "rooms", 5)
    assert (ledger.total, ledger.of_account(ADA), ledger.of_kind("rooms"), ledger.of_kind("keys")) == (105, 100, 45, 0)
    assert (ledger.of_account(ADA, "frames"), ledger.of_account(BOB, "frames")) == (60, 0)
    ledger.give(ADA, "frames", 60)
    ledger.give(ADA, "rooms", 40)
    ledger.give(BOB, "rooms", 5)
    assert (ledger.total, ledger.of_account(ADA), ledger.of_kind("rooms")) == (0, 0, 0)


def test_an_account_holds_an_eighth_of_the_whole() -> None:
    ledger = Ledger(800)
    assert ledger.share == 800 // SHARE == 100
    ledger.take(ADA, "rooms", 100)
    with pytest.raises(Refused) as refused:
        ledger.take(ADA, "rooms", 1)
    assert (refused.value.code, refused.value.retry_after) == ("limit_reached", RETRY_S)
    ledger.take(BOB, "rooms", 100)
    assert ledger.total == 200, "what was refused is not counted"


def test_histories_have_a_part_of_a_share() -> None:
    drops = Drops(ledger := Ledger(SHARE * LASTING * 100))
    drops.hold(Order.HISTORIES, ADA, 30, "histories")
    ledger.take(ADA, "histories", 70)
    ledger.take(ADA, "histories", 20)
    assert drops.asked == [(Order.HISTORIES, 20, ADA)]
    with pytest.raises(Refused):
        ledger.take(ADA, "histories", 30)
    ledger.take(ADA, "rooms", 100)
    ledger.take(BOB, "histories", 100)


def test_the_whole_is_limited_too() -> None:
    ledger = Ledger(800)
    for number in range(SHARE):
        ledger.take(f"user {number}", "writes", 100)
    with pytest.raises(Refused):
        ledger.take(BOB, "writes", 1)
    ledger.give("user 0", "writes", 1)
    ledger.take(BOB, "writes", 1)


def test_without_a_limit_nothing_is_refused_and_all_is_counted() -> None:
    ledger = Ledger(0)
    ledger.gives_way(Order.HISTORIES, never)
    ledger.take(ADA, "rooms", 1 << 40)
    ledger.add(ADA, "frames", 1)
    assert ledger.total == (1 << 40) + 1


def never(size: int, account: str | None) -> None:
    raise AssertionError("nothing has to give way")


class Drops:
    """Ways of a ledger that note what they are asked for, and give back as much as they have."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.asked: list[tuple[Order, int, str | None]] = []
        self.held: dict[Order, dict[str, int]] = {}
        self.kinds: dict[Order, Kind] = {}

    def hold(self, order: Order, account: str, size: int, kind: Kind = "frames") -> None:
        if order not in self.held:
            self.held[order] = {}
            self.ledger.gives_way(order, lambda size, account: self.drop(order, size, account))
        self.ledger.take(account, kind, size)
        self.kinds[order] = kind
        self.held[order][account] = self.held[order].get(account, 0) + size

    def drop(self, order: Order, size: int, account: str | None) -> None:
        self.asked.append((order, size, account))
        for holder, held in self.held[order].items():
            if account in (None, holder):
                given = min(held, size)
                size -= given
                self.held[order][holder] -= given
                self.ledger.give(holder, self.kinds[order], given)


def test_the_account_that_is_over_its_share_gives_way_itself() -> None:
    drops = Drops(ledger := Ledger(800))
    drops.hold(Order.HISTORIES, BOB, 100)
    drops.hold(Order.HISTORIES, ADA, 90)
    ledger.take(ADA, "rooms", 30)
    assert drops.asked == [(Order.HISTORIES, 20, ADA)]
    assert (ledger.of_account(ADA), ledger.of_account(BOB)) == (100, 100)


def test_memory_gives_way_in_the_documented_order() -> None:
    drops = Drops(ledger := Ledger(800))
    for number in range(6):
        ledger.take(f"user {number + 2}", "rooms", 100)
    drops.hold(Order.SLOW_READERS, ADA, 60)
    drops.hold(Order.EMPTY_ROOMS, ADA, 20)
    drops.hold(Order.HISTORIES, ADA, 20)
    ledger.take(BOB, "rooms", 70)
    assert not drops.asked, "it fits"
    ledger.take("address 192.0.2.9", "rooms", 65)
    assert drops.asked == [(Order.EMPTY_ROOMS, 35, None), (Order.HISTORIES, 15, None)]
    ledger.take("address 192.0.2.9", "rooms", 10)
    assert drops.asked[2:] == [
        (Order.EMPTY_ROOMS, 10, None),
        (Order.HISTORIES, 10, None),
        (Order.SLOW_READERS, 5, None),
    ]
    assert ledger.total == 800


def test_what_is_there_already_is_counted_even_where_nothing_gives_way() -> None:
    ledger = Ledger(800)
    ledger.add(ADA, "frames", 90)
    ledger.add(ADA, "frames", 90)
    assert ledger.of_account(ADA) == 180
    with pytest.raises(Refused):
        ledger.take(ADA, "rooms", 1)


def test_what_is_there_already_lets_others_give_way() -> None:
    drops = Drops(ledger := Ledger(800))
    drops.hold(Order.SLOW_READERS, ADA, 50)
    ledger.add(ADA, "frames", 70)
    assert drops.asked == [(Order.SLOW_READERS, 20, ADA)]
    assert ledger.of_account(ADA) == 100


@pytest.mark.parametrize("seed", range(20))
def test_in_random_histories_the_sums_hold_and_no_limit_is_passed(seed: int) -> None:
    chance = random.Random(seed)  # a simulation
    drops = Drops(ledger := Ledger(8000))
    accounts = [f"user {number}" for number in range(12)]
    plain: dict[tuple[str, Kind], int] = {}
    for _ in range(2000):
        account, kind, size = chance.choice(accounts), chance.choice(KINDS), chance.randrange(1, 400)
        match chance.randrange(4):
            case 0:
                with contextlib.suppress(Refused):
                    drops.hold(chance.choice(list(Order)), account, size)
            case 1:
                try:
                    ledger.take(account, kind, size)
                except Refused:
                    assert (
                        ledger.of_account(account) + size > ledger.share
                        or ledger.total + size > ledger.limit
                        or (kind == "histories" and ledger.of_account(account, kind) + size > ledger.share // LASTING)
                    )
                else:
                    plain[account, kind] = plain.get((account, kind), 0) + size
            case _:
                given = min(plain.get((account, kind), 0), size)
                plain[account, kind] = plain.get((account, kind), 0) - given
                ledger.give(account, kind, given)
        for name in accounts:
            held = sum(of.get(name, 0) for of in drops.held.values())
            assert ledger.of_account(name) == held + sum(plain.get((name, kind), 0) for kind in KINDS)
            assert ledger.of_account(name) <= ledger.share
        assert ledger.total == sum(map(ledger.of_account, accounts)) == sum(map(ledger.of_kind, KINDS))
        assert ledger.total <= ledger.limit
