"""What waits for clients that do not read: which account it is counted for, and which connection is given up first."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.session import Session
from tidegate.gateway.unsent import BEFORE_SESSIONS, UNADDRESSED, UnsentBytes
from tidegate_protocol import Principal

SHARE = 1000


@dataclass
class Owner:
    account: str


@dataclass(eq=False)
class Line:
    """A connection for which `begun` bytes stay when it is given up for the first time."""

    unsent: UnsentBytes
    account: str | None = "user 1"
    begun: int = 0
    given_up: list[float] = field(default_factory=list)
    owner: object = None

    def __post_init__(self) -> None:
        self.owner = None if self.account is None else Owner(self.account)

    def give_up(self, **measured: float) -> None:
        self.given_up.append(measured["memory"])
        self.unsent.waits(self, self.begun if len(self.given_up) == 1 else 0)


@pytest.fixture
def ledger() -> Ledger:
    return Ledger(8 * SHARE)


@pytest.fixture
def unsent(ledger: Ledger) -> UnsentBytes:
    return UnsentBytes(ledger)


def test_counts_what_a_connection_told_last(ledger: Ledger, unsent: UnsentBytes) -> None:
    line, other = Line(unsent), Line(unsent, None)
    for size in (10, 500, 300):
        unsent.waits(line, size)
    unsent.waits(other, 7)
    assert (ledger.of_account("user 1", "frames"), ledger.of_account(BEFORE_SESSIONS), ledger.total) == (300, 7, 307)
    line.owner = Owner("user 2")
    unsent.waits(line, 200)
    assert (ledger.of_account("user 1"), ledger.of_account("user 2")) == (0, 200), "the user became another one"
    for each in (line, other, line):
        unsent.waits(each, 0)
    assert (ledger.total, unsent._held) == (0, {})


def test_unfinished_messages_of_clients_without_a_limited_address_have_one_share(
    ledger: Ledger, unsent: UnsentBytes
) -> None:
    def line(user: str, address: str | None, anonymous: bool) -> Line:
        made = Line(unsent)
        made.owner = Session("c", None, Principal(id=user, name=user, roles=[], anonymous=anonymous), address)
        return made

    near, far, known = line("1", None, True), line("2", "192.0.2.1", True), line("3", None, False)
    for each in (near, far, known):
        unsent.arrives(each, 400)
    held = [ledger.of_account(account, "frames") for account in (UNADDRESSED, "address 192.0.2.1", "user 3")]
    assert held == [400, 400, 400]
    other = line("4", None, True)
    unsent.arrives(other, SHARE - 399)
    assert (near.given_up, far.given_up, known.given_up, other.given_up) == ([], [], [], [SHARE - 399])


def test_the_largest_of_the_account_is_given_up_where_its_share_is_full(ledger: Ledger, unsent: UnsentBytes) -> None:
    foreign, small, large = Line(unsent, "user 2"), Line(unsent), Line(unsent)
    unsent.waits(foreign, 900)
    unsent.waits(small, 300)
    unsent.waits(large, 600)
    assert not large.given_up
    unsent.waits(small, 401)
    assert (foreign.given_up, small.given_up, large.given_up) == ([], [], [600])
    assert ledger.of_account("user 1") == 401


def test_the_largest_of_all_is_given_up_where_the_whole_is_full(ledger: Ledger, unsent: UnsentBytes) -> None:
    lines = [Line(unsent, f"user {number}") for number in range(9)]
    for number, line in enumerate(lines):
        unsent.waits(line, 880 + number)
    assert [line.given_up for line in lines if line.given_up] == []
    unsent.waits(lines[0], 1000)
    assert [bool(line.given_up) for line in lines] == [True] + [False] * 8
    assert ledger.total <= ledger.limit


def test_a_part_that_has_begun_to_leave_goes_where_the_rest_is_not_enough(ledger: Ledger, unsent: UnsentBytes) -> None:
    line = Line(unsent, begun=700)
    unsent.waits(line, 900)
    ledger.take("user 1", "rooms", 200)
    assert line.given_up == [900]
    assert ledger.of_account("user 1") == 900
    ledger.take("user 1", "rooms", 200)
    assert line.given_up == [900, 700]


def test_new_things_are_refused_only_where_no_reader_is_left_to_give_up(ledger: Ledger, unsent: UnsentBytes) -> None:
    unsent.waits(line := Line(unsent), 900)
    ledger.take("user 1", "rooms", 950)
    assert line.given_up == [900]
    with pytest.raises(Refused):
        ledger.take("user 1", "rooms", 100)


def test_without_a_limit_all_waits() -> None:
    unsent = UnsentBytes(Ledger(0))
    unsent.waits(line := Line(unsent), 1 << 40)
    assert not line.given_up
