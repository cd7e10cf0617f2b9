"""How many conditions every change is held against: what clients may hold, and what one change costs at most."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.support.work import least_cost
from tidegate.core.access.rules import RowAccess
from tidegate.core.effects import Effect
from tidegate.core.errors import Refused
from tidegate.core.rows import condition_limits as limits
from tidegate.core.rows.effects import CatchUp
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.rows.permissions import ResourceRules
from tidegate.core.rows.ports import Change
from tidegate.core.rows.rows import Rows
from tidegate.core.rows.subscription_index import CROWDED
from tidegate.core.session import Session
from tidegate_protocol import ListRequest, Principal, SubscribeRequest

TEXTS = 20
"""Conditions on texts in one filter, at most; four points each."""


class House:
    def __init__(self) -> None:
        access = {name: RowAccess(name, {"read": "anyone"}) for name in ("tasks", "users")}
        resources = {name: ResourceRules(name, ("id",), access[name]) for name in access}
        self.rows = Rows(resources, FeedCursor("e", 1), subscriptions_per_session=10_000, page=10)
        self.number = 0

    def session(self, user: str = "ada", address: str | None = None) -> Session:
        self.number += 1
        principal = Principal(id=user, name=user, roles=[], anonymous=address is not None)
        return Session(f"c{self.number}", object(), principal, address)

    def subscribe(self, session: Session, filters: dict[str, Any], resource: str = "tasks") -> list[Effect]:
        request = SubscribeRequest(resource=resource, filters=filters)
        return self.rows.requests.subscribe(session, request, 0.0)

    def texts(self, session: Session, count: int, resource: str = "tasks") -> None:
        """Subscribe with `count` filters, all different, of 20 conditions on texts each."""
        for _ in range(count):
            self.number += 1
            parts = [{"name": {"contains": f"{self.number} {each}"}} for each in range(TEXTS)]
            self.subscribe(session, {"or": parts}, resource)

    def points(self, resource: str = "tasks") -> int:
        return self.rows.subscriptions.index.points(resource)


def test_a_connection_has_a_limit_and_gets_back_what_it_gives_up() -> None:
    house = House()
    session = house.session()
    most = limits.OF_CONNECTION // (4 * TEXTS)
    house.texts(session, most)
    with pytest.raises(Refused, match="unsubscribe from one") as refused:
        house.texts(session, 1)
    assert (refused.value.code, refused.value.pointer) == ("limit_reached", "/filters")
    assert len(house.rows.subscriptions.of(session)) == most
    house.texts(house.session("bob"), 1)
    house.rows.subscriptions.end(next(iter(house.rows.subscriptions.of(session).values())))
    house.texts(session, 1)
    house.rows.subscriptions.end_session(session)
    assert house.points() == 4 * TEXTS
    house.texts(session, most)


def test_what_an_index_finds_does_not_count() -> None:
    house = House()
    session = house.session()
    for number in range(3_000):
        house.subscribe(session, {"owner": number, "name": {"contains": "x"}})
    assert house.points() == 0
    house.subscribe(session, {"name": {"ne": "x"}})
    assert house.points() == 1


def test_an_index_key_that_many_share_counts() -> None:
    house = House()
    session = house.session()
    for number in range(CROWDED):
        house.subscribe(session, {"done": False, "id": {"gt": number}})
    assert house.points() == CROWDED
    with pytest.raises(Refused):
        for number in range(CROWDED, CROWDED + limits.OF_CONNECTION):
            house.subscribe(session, {"done": False, "id": {"gt": number}})


def test_an_account_has_a_limit_over_all_its_connections() -> None:
    house = House()
    each = limits.OF_CONNECTION // (4 * TEXTS)
    for _ in range(limits.OF_ACCOUNT // limits.OF_CONNECTION):
        house.texts(house.session("eve", "192.0.2.1"), each)
    with pytest.raises(Refused, match="this user or address"):
        house.texts(house.session("mallory", "192.0.2.1"), 1)
    house.texts(house.session("ada", "192.0.2.2"), 1)
    house.texts(house.session("ada"), 1)


def test_equal_subscriptions_of_an_account_count_once() -> None:
    house = House()
    sessions = [house.session("ada") for _ in range(limits.OF_ACCOUNT)]
    for session in sessions:
        house.subscribe(session, {"name": {"ne": "x"}, "or": [{"id": {"gt": 7}}, {"id": {"lt": 3}}]})
    assert house.points() == 3
    for session in sessions:
        house.rows.subscriptions.end_session(session)
    assert house.points() == 0
    conditions = house.rows.subscriptions._conditions
    assert (conditions._of_session, conditions._of_account, conditions._points) == ({}, {}, {})


def test_a_gateway_has_a_limit_for_each_resource_and_keeps_some_of_it_for_small_accounts() -> None:
    house = House()
    each = limits.OF_CONNECTION // (4 * TEXTS)
    with pytest.raises(Refused, match="all clients"):
        for number in range(1_000):
            house.texts(house.session(f"user {number}"), each)
    assert house.points() <= limits.OF_RESOURCE * 4 // 5 + limits.SMALL
    house.texts(house.session("zoe"), 2)
    house.texts(house.session("yan"), each, "users")
    with pytest.raises(Refused, match="all clients"):
        for number in range(1_000):
            house.texts(house.session(f"small {number}"), 2)
    assert house.points() <= limits.OF_RESOURCE


def test_another_user_pays_for_the_subscriptions_that_it_takes_over() -> None:
    house = House()
    session = house.session("guest", "192.0.2.1")
    house.texts(session, 3)
    session.become(Principal(id="ada", name="Ada", roles=[], anonymous=False), {})
    effects = house.rows.subscriptions.recheck(session)
    assert [type(effect) for effect in effects] == [CatchUp] * 3
    assert house.rows.subscriptions._conditions._points == {"user ada": 3 * 4 * TEXTS}
    house.rows.subscriptions.end_session(session)
    assert house.rows.subscriptions._conditions._points == {}


def test_a_filter_with_too_many_conditions_on_texts_is_refused() -> None:
    house = House()
    parts = [{"name": {"contains": str(number)}} for number in range(TEXTS + 1)]
    requests, session = house.rows.requests, house.session()
    cases: list[tuple[Callable[[], object], int]] = [
        (lambda: house.subscribe(session, {"or": parts}), TEXTS),
        (lambda: requests.list_rows(session, ListRequest(resource="tasks", filters={"or": parts}), 0.0), TEXTS),
        (
            lambda: requests.list_rows(session, ListRequest(resource="tasks", filters={"or": parts}, count=True), 0.0),
            TEXTS // 2,
        ),
    ]
    for refuse, most in cases:
        with pytest.raises(Refused) as refused:
            refuse()
        assert (refused.value.code, refused.value.pointer) == ("limit_reached", f"/filters/or/{most}/name/contains")


@pytest.mark.slow
def test_one_change_holds_the_loop_for_less_than_50_ms() -> None:
    """With as many conditions as all clients may have, on texts of a hundred characters."""
    house = House()
    each = limits.OF_CONNECTION // (4 * TEXTS)
    for number in range(limits.OF_RESOURCE * 4 // 5 // (each * 4 * TEXTS)):
        house.texts(house.session(f"user {number}"), each)
    for group in house.rows.subscriptions.index.of_resource("tasks"):
        group.members[house.session()] = None
    old = {"id": 1, "name": "Ä" * 100}
    change = Change(2, 0, "tasks", {"id": 1}, "update", old, {**old, "name": "Ö" * 100})
    assert least_cost(lambda: house.rows.dispatch([change], 2), 0.05) < 0.05


def test_a_long_text_is_folded_once_for_all_conditions() -> None:
    house = House()
    house.texts(house.session(), 20)
    text = "Ä" * 60_000
    change = Change(2, 0, "tasks", {"id": 1}, "create", None, {"id": 1, "name": text})
    groups = house.rows.subscriptions.index.of_resource("tasks")
    # Folded for each of the 400 conditions it takes more than a second.
    assert least_cost(lambda: [group.outcome(change) for group in groups], 0.4) < 0.4


def test_what_is_too_costly_is_refused_before_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    house = House()
    session = house.session()
    each = limits.OF_CONNECTION // (4 * TEXTS)
    house.texts(session, each)
    index = house.rows.subscriptions.index
    groups = len(index)
    house.subscribe(session, {"owner": 7})
    compiled: list[object] = []
    monkeypatch.setattr("tidegate.core.rows.subscription_index.predicate", compiled.append)
    with pytest.raises(Refused, match="unsubscribe from one"):
        house.texts(session, 1)
    assert compiled == []
    assert len(index) == groups + 1, "what an index finds is let in"
    house.subscribe(house.session("bob"), {"name": {"ne": "x"}})
    assert len(compiled) == 1
