"""A change that costs much to hold against all subscriptions is dispatched in steps, with the same outcome."""

from __future__ import annotations

from typing import Any

from tests.core.rows.test_condition_limits import TEXTS, House
from tidegate.core import effects as fx
from tidegate.core.effects import Effect
from tidegate.core.rows import costly_changes, subscription_index
from tidegate.core.rows.costly_changes import CHEAP, cost, in_slices
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.core.session import Session

LONG = 60_000


def updated(seq: int, text: str, **fields: Any) -> Change:
    old = {"id": 1, "name": "-", **fields}
    return Change(seq, 0, "tasks", {"id": 1}, "update", old, {**old, "name": text}, size=len(text))


def told(effects: list[Effect]) -> list[tuple[int, str]]:
    """Position and subscription of each push."""
    pushes: list[Any] = [effect.message for effect in effects if isinstance(effect, fx.Push)]
    return [(push.position.seq, push.subscription) for push in pushes]


def live(house: House, filters: dict[str, Any], session: Session | None = None) -> SubscriptionGroup:
    session = session or house.session()
    before = set(house.rows.subscriptions.of(session))
    house.subscribe(session, filters)
    (new,) = set(house.rows.subscriptions.of(session)) - before
    group = house.rows.subscriptions.of(session)[new].group
    group.go_live(session)
    return group


def crowded(count: int = 40) -> tuple[House, list[SubscriptionGroup]]:
    """Groups with 20 conditions on texts each. The even ones are about texts with an x."""
    house, groups = House(), []
    for number in range(count):
        parts = [{"name": {"contains": f"{number} {each}" if each or number % 2 else "x"}} for each in range(TEXTS)]
        groups.append(live(house, {"or": [*parts, {"id": {"gt": 100 + number}}]}))
    return house, groups


def test_what_is_cheap_is_dispatched_at_once() -> None:
    house, _ = crowded()
    assert not house.rows.dispatcher.is_costly([updated(2, "x" * 100)])
    assert not house.rows.dispatcher.is_costly([Change(2, 0, "users", {}, "create", None, {}, size=LONG)])
    assert house.rows.dispatcher.is_costly([updated(2, "x"), updated(3, "x" * LONG)])


def test_what_an_index_finds_counts_too_where_the_text_is_long() -> None:
    house = House()
    for number in range(6):
        parts = [{"name": {"contains": f"{number} {each}"}} for each in range(TEXTS)]
        live(house, {"owner": 7, "done": {"ne": number}, "or": parts})
    assert house.points() == 0
    assert house.rows.dispatcher.is_costly([updated(2, "x" * LONG, owner=7)])
    assert not house.rows.dispatcher.is_costly([updated(2, "x" * LONG, owner=8)])


def test_steps_lead_to_the_same_pushes_in_the_same_order() -> None:
    changes = [updated(2, "y" * LONG), updated(3, "x" * LONG), updated(4, "-x" + "y" * LONG)]
    (one, _), (other, groups) = crowded(), crowded()
    at_once = told(one.rows.dispatch(changes, 5))
    steps = list(other.rows.dispatcher.in_steps(changes, 5))
    assert [push for step in steps for push in told(step)] == at_once
    assert len(at_once) == len(groups) == 40
    assert [len(told(step)) for step in steps if step] == [20, 20], "a change is dispatched in one step"
    assert len(steps) == 3 * (len(groups) + 1), "each group is one step, and so is the dispatch"
    assert other.rows.cursor.seq == 5


def test_no_step_holds_a_change_against_more_than_one_group(monkeypatch: Any) -> None:
    house, groups = crowded()
    held: list[SubscriptionGroup] = []
    meets = SubscriptionGroup.meets

    def counted(group: SubscriptionGroup, change: Change) -> subscription_index.Met:
        held.append(group)
        return meets(group, change)

    monkeypatch.setattr(SubscriptionGroup, "meets", counted)
    before = most = 0
    for _ in house.rows.dispatcher.in_steps([updated(2, "x" * LONG)], 2):
        most, before = max(most, len(held) - before), len(held)
    assert most == 1
    assert sorted(map(id, held)) == sorted(map(id, groups)), "each group once"


def test_subscriptions_that_begin_and_end_between_steps() -> None:
    house, groups = crowded()
    session = house.session()
    ends = next(iter(groups[0].members))
    steps = house.rows.dispatcher.in_steps([updated(2, "x" * LONG)], 2)
    effects = next(steps)
    new = live(house, {"name": {"contains": "xx"}}, session)
    house.rows.subscriptions.end_session(ends)
    late = house.session()
    groups[2].go_live(late)
    for step in steps:
        effects += step
    assert (2, new.id) in told(effects), "what is live before the change is dispatched gets it"
    assert (2, groups[0].id) not in told(effects)
    (push,) = [each for each in effects if isinstance(each, fx.Push) and told([each]) == [(2, groups[2].id)]]
    assert late.sink in push.sinks
    assert len(told(effects)) == 20


def test_groups_that_come_all_the_time_do_not_keep_a_change_from_its_dispatch() -> None:
    house, _ = crowded()
    most = costly_changes.ROUNDS * 1_000
    for number, step in enumerate(house.rows.dispatcher.in_steps([updated(2, "x" * LONG)], 2)):
        if step:
            break
        live(house, {"or": [{"name": {"contains": f"new {number} {each}"}} for each in range(2)]})
        assert number < most
    assert house.rows.cursor.seq == 2


def test_missed_changes_are_cut_into_slices() -> None:
    _, (group, *_) = crowded(1)
    changes = [updated(seq, "x" * LONG) for seq in range(2, 12)]
    slices = list(in_slices(group, changes))
    assert [change for some in slices for change in some] == changes
    assert len(slices) > 3
    assert all(len(some) == 1 or cost(group, some) <= CHEAP for some in slices)
    short = [updated(seq, "x") for seq in range(2, 12)]
    assert list(in_slices(group, short)) == [short]
    assert list(in_slices(group, [])) == [[]]
    other = Change(12, 0, "users", {}, "create", None, {}, size=LONG)
    assert cost(group, [other]) == 0
