"""How many requests of an address wait at the connections of proxies, and when none may begin to."""

from __future__ import annotations

from tidegate.transport.waiting_requests import MOST, WaitingRequests

ADDRESS, OTHER = "203.0.113.7", "203.0.113.8"


def test_so_many_requests_of_each_address_wait_and_one_that_ends_makes_place_for_one() -> None:
    waiting = WaitingRequests(lambda: False)
    assert all(waiting.begin(ADDRESS) for _ in range(MOST))
    assert not waiting.begin(ADDRESS)
    assert waiting.begin(OTHER)
    waiting.end(ADDRESS)
    assert [waiting.begin(ADDRESS) for _ in range(2)] == [True, False]


def test_none_begins_to_wait_while_connections_are_scarce() -> None:
    scarce = True
    waiting = WaitingRequests(lambda: scarce)
    assert not waiting.begin(ADDRESS)
    scarce = False
    assert waiting.begin(ADDRESS)


def test_nothing_is_kept_of_an_address_of_which_none_waits() -> None:
    waiting = WaitingRequests(lambda: False)
    for number in range(3):
        waiting.begin(str(number))
        waiting.begin(str(number))
        waiting.end(str(number))
    assert len(waiting._of) == 3
    for number in range(3):
        waiting.end(str(number))
    assert not waiting._of
