"""Rules of the application that misbehave: the request is refused as `internal`, and the gateway's loop is not hurt."""

from __future__ import annotations

import asyncio
import functools
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.gateway.handlers.errors import ERRORS
from tests.gateway.handlers.refusals import REFUSALS
from tests.support.cases import every_case
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.auth import row_access, rule_calls
from tidegate.contract import Contract
from tidegate.core.access.rules import Hook
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, NOTHING
from tidegate_protocol import Principal

USER = Principal(id="1", name="Ada", roles=["editor"], anonymous=False)
CLAIMS: dict[str, Any] = {"teams": ["red"]}


@pytest.fixture(scope="module")
def contract() -> Contract:
    return Contract(schema.bundle(schema.load(ROOT / "schema")))


def hook(contract: Contract, rule: Any) -> Hook:
    return row_access.of_resources(contract, {("tasks", "read"): rule})["tasks"].hooks["read"]


class Odd(Mapping[str, Any]):
    def __getitem__(self, name: str) -> Any:
        raise SystemExit

    def __iter__(self) -> Iterator[str]:
        raise KeyboardInterrupt

    def __len__(self) -> int:
        return 1


async def waits(user: Principal, claims: Mapping[str, Any]) -> bool:
    return True


def in_the_loop(user: Principal, claims: Mapping[str, Any]) -> bool:
    for task in asyncio.all_tasks():
        task.cancel()
    asyncio.get_running_loop().stop()
    return True


def circle(user: Principal, claims: Mapping[str, Any]) -> Any:
    found: dict[str, Any] = {}
    found["or"] = [found]
    return found


class Rule:
    def __call__(self, user: Principal, claims: Mapping[str, Any]) -> Any:
        raise StopIteration


RULES: dict[str, Callable[..., Any]] = {
    **{name: functools.partial(way[0], {}) for name, way in {**ERRORS, **REFUSALS}.items()},
    "an async rule": waits,
    "a rule that cancels tasks": in_the_loop,
    "a rule that takes too much": lambda user, claims, more: True,
    "a rule without a name": functools.partial(lambda user, claims, more: 1 / 0, more=1),
    "a rule that is an object": Rule(),
    "None": lambda user, claims: None,
    "a list": lambda user, claims: [],
    "a text": lambda user, claims: "all",
    "a number": lambda user, claims: 1,
    "a generator": lambda user, claims: (row for row in [1]),
    "a mapping that is no dict": lambda user, claims: Odd(),
    "an unknown property": lambda user, claims: {"colour": "red"},
    "a surrogate": lambda user, claims: {"title": "\udcff"},
    "NaN": lambda user, claims: {"user_id": float("nan")},
    "an object": lambda user, claims: {"user_id": object()},
    "a circle": circle,
}


def test_a_rule_that_misbehaves_is_refused_as_internal(contract: Contract, caplog: pytest.LogCaptureFixture) -> None:
    with every_case() as case:
        for name, rule in RULES.items():
            with case(name):
                caplog.clear()
                with pytest.raises(Refused) as refused:
                    hook(contract, rule)(USER, CLAIMS)
                assert (refused.value.code, "rule of the application" in refused.value.message) == ("internal", True)
                assert "failed for 'tasks'; the client gets `internal`" in caplog.text


async def test_a_rule_does_not_reach_the_loop_that_asks_it(contract: Contract) -> None:
    with pytest.raises(Refused):
        hook(contract, in_the_loop)(USER, CLAIMS)
    await asyncio.sleep(0)
    current = asyncio.current_task()
    assert current is not None
    assert not current.cancelling()


def test_a_rule_gets_copies(contract: Contract) -> None:
    def change(user: Principal, claims: Any) -> bool:
        user.roles.append("admin")
        claims["teams"].append("blue")
        return True

    assert hook(contract, change)(USER, CLAIMS) == EVERYTHING
    assert (USER.roles, CLAIMS) == (["editor"], {"teams": ["red"]})


def test_a_rule_that_waits_has_failed_and_is_named(
    contract: Contract, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    begun, released = threading.Event(), threading.Event()

    def slow(user: Principal, claims: Mapping[str, Any]) -> bool:
        begun.set()
        return released.wait(DEADLINE_S)

    monkeypatch.setattr(rule_calls, "LIMIT_S", 0.2)
    with caplog.at_level(logging.WARNING), pytest.raises(Refused):
        hook(contract, slow)(USER, CLAIMS)
    released.set()
    assert begun.wait(DEADLINE_S)
    assert "slow took " in caplog.text
    assert "released.wait(DEADLINE_S)" in caplog.text, "the log shows the line that waits"


def test_rules_that_decide(contract: Contract) -> None:
    assert hook(contract, lambda user, claims: False)(USER, CLAIMS) == NOTHING
    assert hook(contract, lambda user, claims: {"user_id": 1})(USER, CLAIMS) not in (EVERYTHING, NOTHING)
