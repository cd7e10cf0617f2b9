"""Ghosts end when their grace time is over, in the order in which they came, or when they are removed."""

from __future__ import annotations

import pytest

from tidegate.core.rooms.ghosts import GRACE_S, RELOAD_GRACE_S, Ghosts
from tidegate.core.session import Session
from tidegate_protocol import Principal


def session(user: str) -> Session:
    return Session(f"c-{user}", object(), Principal(id=user, name=user, roles=[], anonymous=False))


def test_a_ghost_ends_once_when_its_grace_time_is_over() -> None:
    ghosts, first, second = Ghosts(), session("1"), session("1")
    ghosts.add(first, 100.0)
    ghosts.add(second, 103.0)
    assert list(ghosts.of("1")) == [first, second]
    assert list(ghosts.ended(100.0 + GRACE_S - 0.1)) == []
    assert list(ghosts.ended(100.0 + GRACE_S)) == [first]
    assert list(ghosts.of("1")) == [second]
    assert list(ghosts.ended(1000.0)) == [second]
    assert list(ghosts.ended(2000.0)) == []
    assert list(ghosts.of("1")) == []


def test_a_removed_ghost_does_not_end() -> None:
    ghosts, kept, removed = Ghosts(), session("1"), session("2")
    ghosts.add(removed, 100.0)
    ghosts.add(kept, 100.0)
    ghosts.remove(removed)
    assert list(ghosts.of("2")) == []
    assert list(ghosts.ended(1000.0)) == [kept]
    with pytest.raises(KeyError):
        ghosts.remove(kept)


def test_the_ghost_of_a_page_that_was_left_ends_first() -> None:
    ghosts, broken, left = Ghosts(), session("1"), session("1")
    ghosts.add(broken, 100.0)
    ghosts.add(left, 105.0, RELOAD_GRACE_S)
    assert list(ghosts.of("1")) == [left, broken]
    assert list(ghosts.ended(105.9)) == []
    assert list(ghosts.ended(106.0)) == [left]
    assert list(ghosts.ended(110.0)) == [broken]


def test_no_grace_time_passes_while_the_gateway_stands_still() -> None:
    ghosts, broken, left = Ghosts(), session("1"), session("2")
    ghosts.add(broken, 100.0)
    ghosts.add(left, 100.0, RELOAD_GRACE_S)
    ghosts.shift(60.0)
    assert list(ghosts.ended(160.9)) == []
    assert list(ghosts.ended(161.0)) == [left]
    assert list(ghosts.ended(170.0)) == [broken]
