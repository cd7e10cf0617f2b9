"""Which groups a change concerns, and what it means for each."""

from __future__ import annotations

from typing import Any, Literal

import pytest

from tests.core.filters.filter_cases import CASES
from tidegate.core.filters.index_keys import INDEXED_VALUES
from tidegate.core.filters.tree import EVERYTHING, NOTHING, compile_filters
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription_index import CROWDED, SubscriptionGroup, SubscriptionIndex
from tidegate.core.session import Session
from tidegate_protocol import Principal

USER = Principal(id="1", name="Ada", roles=[], anonymous=False)
ACTIVE = {"id": 1, "name": "Ada", "status": "active"}
INACTIVE = {"id": 1, "name": "Ada", "status": "inactive"}


def change(
    old: dict[str, Any] | None,
    new: dict[str, Any] | None,
    action: Literal["create", "update", "delete", "reset"] = "update",
    resource: str = "users",
) -> Change:
    return Change(seq=7, time=0, resource=resource, key={"id": 1}, action=action, old=old, new=new)


def session() -> Session:
    return Session("c", object(), USER)


def subscribed(index: SubscriptionIndex, filters: dict[str, Any] | None, *fields: str) -> SubscriptionGroup:
    group = index.acquire("users", compile_filters(filters), fields or None)
    group.go_live(session())
    return group


@pytest.mark.parametrize(
    ("old", "new", "cause", "action", "data"),
    [
        (None, ACTIVE, "create", "create", ACTIVE),
        (INACTIVE, ACTIVE, "update", "create", ACTIVE),
        (ACTIVE, ACTIVE | {"name": "A."}, "update", "update", ACTIVE | {"name": "A."}),
        (ACTIVE, INACTIVE, "update", "delete", {"id": 1}),
        (ACTIVE, None, "delete", "delete", {"id": 1}),
    ],
)
def test_what_a_change_means_to_a_subscriber(old: Any, new: Any, cause: Any, action: str, data: Any) -> None:
    update = subscribed(SubscriptionIndex(), {"status": "active"}).update(change(old, new, cause), "e")
    assert update is not None
    assert (update.action, update.data, update.cause) == (action, data, cause)
    assert (update.position.epoch, update.position.seq) == ("e", 7)


@pytest.mark.parametrize(
    ("old", "new"), [(None, INACTIVE), (INACTIVE, None), (INACTIVE, INACTIVE | {"name": "B"}), (ACTIVE, ACTIVE)]
)
def test_a_change_outside_the_filter_leads_to_no_update(old: Any, new: Any) -> None:
    assert subscribed(SubscriptionIndex(), {"status": "active"}).update(change(old, new), "e") is None


@pytest.mark.parametrize(
    ("old", "new"), [(True, 1), (0, False), ([True], [1]), ({"on": [0]}, {"on": [False]}), (0.0, -0.0)], ids=str
)
def test_values_that_python_takes_for_equal_are_sent_if_their_json_differs(old: Any, new: Any) -> None:
    update = subscribed(SubscriptionIndex(), None).update(change({"id": 1, "any": old}, {"id": 1, "any": new}), "e")
    assert update is not None
    assert repr(update.data) == repr({"id": 1, "any": new})


def test_a_reset_is_no_update() -> None:
    assert subscribed(SubscriptionIndex(), None).update(change(ACTIVE, None, "reset"), "e") is None


def test_other_columns_are_not_sent_and_cause_no_update() -> None:
    group = subscribed(SubscriptionIndex(), None, "id", "name", "missing")
    assert group.update(change(ACTIVE, INACTIVE), "e") is None
    update = group.update(change(ACTIVE, ACTIVE | {"name": "B"}), "e")
    assert update is not None
    assert update.data == {"id": 1, "name": "B"}


def test_equal_subscriptions_share_one_group_until_the_last_is_released() -> None:
    index = SubscriptionIndex()
    first, second = session(), session()
    one = index.acquire("users", compile_filters({"status": "active"}), None)
    two = index.acquire("users", compile_filters({"status": "active"}), None)
    assert one is two
    one.go_live(first)
    one.go_live(second)
    index.release(one, first)
    assert list(one.members) == [second]
    assert list(one.sinks) == [second.sink]
    assert list(index.concerned(change(None, ACTIVE))) == [one]
    index.release(one, second)
    assert list(index.concerned(change(None, ACTIVE))) == []
    assert len(index) == 0


@pytest.mark.parametrize(
    "filters",
    [
        None,
        {"id": 1},
        {"status": "active"},
        {"notes": None},
        {"status": {"eq": "active"}},
        {"status": {"in": ["active", "inactive"]}},
        {"id": {"in": list(range(100))}},
        {"id": {"gte": 1}, "status": {"ne": "inactive"}},
        {"or": [{"id": 5}, {"status": "active"}]},
        {"or": [{"id": 1}, {"status": "active", "name": "Ada"}, {"notes": "x"}]},
        {"or": [{"id": 1}, {"notes": None}]},
        {"id": {"gt": 0}, "or": [{"id": {"in": [1, 2]}}, {"and": [{"or": [{"name": "Bob"}, {"id": 2}]}]}]},
        {"name": {"startswith": "a"}, "and": [{"status": "active"}]},
        {"tags": {"ina": ["a"]}},
    ],
    ids=str,
)
def test_a_group_is_found_for_rows_that_it_matches_until_it_is_released(filters: dict[str, Any] | None) -> None:
    index = SubscriptionIndex()
    group = subscribed(index, filters)
    row = ACTIVE | {"tags": ["a"]}
    assert list(index.concerned(change(None, row))) == [group]
    assert list(index.concerned(change(row, row))) == [group]
    assert list(index.concerned(change(row, None))) == [group]
    assert list(index.concerned(change(None, row, resource="tasks"))) == []
    index.release(group, next(iter(group.members)))
    assert list(index.concerned(change(None, row))) == []


def test_a_change_finds_only_the_groups_that_its_values_can_match() -> None:
    index = SubscriptionIndex()
    groups = [subscribed(index, {"id": number}) for number in range(1000)]
    assert list(index.concerned(change({"id": 3}, {"id": 4}))) == [groups[3], groups[4]]
    assert list(index.concerned(change({"id": True}, None))) == []
    index.release(groups[3], next(iter(groups[3].members)))
    assert list(index.concerned(change({"id": 3}, {"id": 4}))) == [groups[4]]


def test_two_groups_with_the_same_first_term_are_both_found() -> None:
    index = SubscriptionIndex()
    wide = subscribed(index, {"status": "active"})
    narrow = subscribed(index, {"status": "active"}, "id")
    assert set(index.concerned(change(None, ACTIVE))) == {wide, narrow}
    index.release(wide, next(iter(wide.members)))
    assert set(index.concerned(change(None, ACTIVE))) == {narrow}


def test_a_group_of_few_values_is_found_by_each_of_them_and_once() -> None:
    index = SubscriptionIndex()
    several = subscribed(index, {"id": {"in": [1, 2]}})
    single = subscribed(index, {"id": 2})
    assert list(index.concerned(change({"id": 1}, {"id": 2}))) == [several, single]
    assert list(index.concerned(change({"id": 1}, {"id": 3}))) == [several]
    assert list(index.concerned(change({"id": 3}, {"id": 2}))) == [several, single]
    assert list(index.concerned(change({"id": 3}, {"id": 4}))) == []
    index.release(several, next(iter(several.members)))
    assert list(index.concerned(change({"id": 1}, {"id": 2}))) == [single]


def test_a_long_list_of_values_is_not_indexed() -> None:
    index = SubscriptionIndex()
    for count, found in ((INDEXED_VALUES, []), (INDEXED_VALUES + 1, ["held"])):
        subscribed(index, {"id": {"in": list(range(1, count + 1))}})
        assert ["held" for _ in index.concerned(change(None, {"id": 0}))] == found


def test_each_branch_of_an_or_is_indexed() -> None:
    """A message concerns its sender and its receiver: the groups of all other users cost nothing."""
    index = SubscriptionIndex()
    mine = [subscribed(index, {"or": [{"sender": user}, {"to": user}]}) for user in range(1000)]
    sent = {"sender": 7, "to": 3}
    assert list(index.concerned(change(None, sent))) == [mine[7], mine[3]]
    assert list(index.concerned(change(sent, sent | {"to": 7}))) == [mine[7], mine[3]]
    assert list(index.concerned(change(sent | {"to": 7}, None))) == [mine[7]]
    for group in mine:
        index.release(group, next(iter(group.members)))
    assert list(index.concerned(change(None, sent))) == []
    assert not any(any(buckets.values()) for buckets in index._indexed["users"].values())


def test_a_group_that_no_row_can_match_is_never_looked_at() -> None:
    index = SubscriptionIndex()
    group = index.acquire("users", EVERYTHING, None, NOTHING)
    assert list(index.concerned(change(ACTIVE, INACTIVE))) == []
    index.release(group, session())
    assert len(index) == 0


def test_an_or_with_too_many_index_keys_is_not_indexed() -> None:
    index = SubscriptionIndex()
    values = list(range(1, INDEXED_VALUES + 1))
    few = {"or": [{"id": {"in": values}}, {"size": {"in": values}}]}
    subscribed(index, few)
    assert list(index.concerned(change(None, {"id": 0, "size": 0}))) == []
    many = subscribed(index, {"or": [*few["or"], {"name": "x"}]})
    assert list(index.concerned(change(None, {"id": 0, "size": 0}))) == [many]


def test_the_index_finds_every_group_whose_filter_a_row_meets() -> None:
    index = SubscriptionIndex()
    groups = [subscribed(index, case.filters) for case in CASES]
    for case, group in zip(CASES, groups, strict=True):
        for old, new in ((None, case.row), (case.row, None), (case.row, {}), ({}, case.row)):
            found = list(index.concerned(change(old, new)))
            assert len(found) == len(set(found))
            assert not case.expected or group in found, case


def test_a_group_is_kept_under_the_index_key_that_the_fewest_share() -> None:
    """Every filter has `done`; the groups differ in `user_id`."""
    index = SubscriptionIndex()
    groups = [subscribed(index, {"done": False, "user_id": number}) for number in range(1000)]
    found = list(index.concerned(change(None, {"done": False, "user_id": 7})))
    assert groups[7] in found
    assert len(found) <= 2


def test_true_and_one_are_two_groups() -> None:
    index = SubscriptionIndex()
    assert subscribed(index, {"extra": True}) is not subscribed(index, {"extra": 1})
    assert subscribed(index, {"extra": 1}) is subscribed(index, {"extra": {"eq": 1.0}})


def test_groups_that_differ_in_their_permission_share_only_the_id() -> None:
    index = SubscriptionIndex()
    mine, yours = compile_filters({"owner": 1}), compile_filters({"owner": 2})
    one, two, all_of_them = (
        index.acquire("users", compile_filters({"name": "Ada"}), None, rule) for rule in (mine, yours, EVERYTHING)
    )
    assert one.id == two.id == all_of_them.id
    assert len({one, two, all_of_them}) == 3
    assert index.acquire("users", compile_filters({"name": "Ada"}), None, mine) is one
    assert index.acquire("users", compile_filters({"name": "Bob"}), None, mine).id != one.id
    assert [group.matches({"name": "Ada", "owner": 2}) for group in (one, two, all_of_them)] == [False, True, True]
    assert all_of_them.scope is None
    assert one.scope != two.scope
    assert SubscriptionIndex().acquire("users", EVERYTHING, None, mine).scope == one.scope, "also after a restart"


def test_an_id_is_kept_as_long_as_one_of_its_groups() -> None:
    index, user = SubscriptionIndex(), session()
    mine = compile_filters({"owner": 1})
    first = index.acquire("users", EVERYTHING, None, mine)
    second = index.acquire("users", EVERYTHING, None)
    index.release(first, user)
    assert index.acquire("users", EVERYTHING, None, mine).id == second.id
    index.release(second, user)
    third = index.acquire("users", EVERYTHING, None)
    assert third.id == second.id
    index.release(third, user)
    index.release(index.acquire("users", EVERYTHING, None, mine), user)
    assert len(index) == 1


def test_a_row_that_leaves_the_permission_leaves_the_group() -> None:
    group = SubscriptionIndex().acquire("users", EVERYTHING, None, compile_filters({"status": "active"}))
    update = group.update(change(ACTIVE, INACTIVE | {"name": "secret"}), "e")
    assert update is not None
    assert (update.action, update.data) == ("delete", {"id": 1})


def test_what_a_new_group_counts_is_known_before_it_is_kept() -> None:
    index, told = SubscriptionIndex(), list[int]()

    def subscribe(number: int) -> SubscriptionGroup:
        filters = {"status": "active", "name": {"contains": f"{number:03}"}}
        return index.acquire("users", compile_filters(filters), None, check=told.append)

    each = subscribe(0).points
    crowd = CROWDED // each
    assert crowd * each == CROWDED, "the last one that the index finds fills it exactly"
    for number in range(1, crowd + 2):
        assert subscribe(number).counted == told[-1]
        subscribe(number)
    assert told == [0] * crowd + [each] * 2, "only new groups are checked"
