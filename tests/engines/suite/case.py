"""What a case of the suite is, and the list of all of them.

A case takes a `House`. It runs on every engine; where an engine cannot do what a case needs, the case is skipped with
the engine's reason.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Iterator
from typing import NamedTuple

import pytest

from tests.engines.suite.under_test import Ability, EngineUnderTest, House
from tidegate.core.errors import Refused

Body = Callable[[House], Awaitable[None]]


class Case(NamedTuple):
    name: str
    needs: tuple[Ability, ...]
    body: Body


CASES: list[Case] = []


def case(*needs: Ability) -> Callable[[Body], Body]:
    """Add a case, named like its function."""

    def add(body: Body) -> Body:
        CASES.append(Case(body.__name__, needs, body))
        return body

    return add


def lacking(under: EngineUnderTest, needs: tuple[Ability, ...]) -> str | None:
    """Why the engine cannot run a case that needs this; None where it can."""
    reasons = [f"{under.name} does not {need}: {under.cannot[need]}" for need in needs if need in under.cannot]
    return reasons[0] if reasons else None


async def play(played: Case, under: EngineUnderTest) -> None:
    """Run a case. Raises AssertionError where the engine breaks it, or any promise on the way."""
    if reason := lacking(under, played.needs):
        pytest.skip(reason)
    house = House(under)
    try:
        await played.body(house)
        assert house.violations == []
    finally:
        await house.aclose()


@contextlib.contextmanager
def refuses(code: str) -> Iterator[None]:
    """The block raises Refused with this code; if that is temporary, it says when to come back."""
    with pytest.raises(Refused) as caught:
        yield
    assert caught.value.code == code
    if code == "unavailable":
        assert caught.value.retry_after is not None
