"""Row rules: claims in the place of values, and what a missing claim means."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.core.access.row_rules import bind
from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import EVERYTHING, NOTHING, VALUES, compile_filters
from tidegate_protocol import Principal

ADA = Principal(id="7", name="Ada", roles=["host", "cook"], anonymous=False)
CLAIMS = {
    "team": "red",
    "teams": ["red", "blue"],
    "none": [],
    "org": {"id": 5, "tags": ["x"]},
    "https://example.com/org": "dotted",
    "null": None,
    "id": "not the user's",
}


def integer(claim: Any) -> int:
    if isinstance(claim, list | dict):
        raise ValueError
    return int(claim)


def text(claim: Any) -> str:
    if not isinstance(claim, str):
        raise ValueError
    return claim


def bound(where: dict[str, Any]) -> Any:
    return bind(where, ADA, CLAIMS, {"owner": integer, "team": text, "tags": text})


@pytest.mark.parametrize(
    ("where", "meaning"),
    [
        ({"owner": "$user.id"}, {"owner": 7}),
        ({"owner": {"ne": "$user.id"}}, {"owner": {"ne": 7}}),
        ({"owner": {"between": [1, "$user.id"]}}, {"owner": {"between": [1, 7]}}),
        ({"team": "$user.name"}, {"team": "Ada"}),
        ({"team": "$user.https://example.com/org"}, {"team": "dotted"}),
        ({"owner": "$user.org.id"}, {"owner": 5}),
        ({"team": {"in": "$user.teams"}}, {"team": {"in": ["red", "blue"]}}),
        ({"team": {"in": "$user.team"}}, {"team": "red"}),
        ({"team": {"in": ["green", "$user.team"]}}, {"team": {"in": ["green", "red"]}}),
        ({"team": {"in": "$user.roles"}}, {"team": {"in": ["host", "cook"]}}),
        ({"tags": {"ina": "$user.teams"}}, {"tags": {"ina": ["red", "blue"]}}),
        ({"team": None, "owner": 3}, {"team": None, "owner": 3}),
        ({"or": [{"owner": "$user.id"}, {"team": "red"}]}, {"or": [{"owner": 7}, {"team": "red"}]}),
        ({"and": [{"owner": "$user.id"}]}, {"owner": 7}),
    ],
)
def test_a_rule_means_the_filter_that_its_user_would_send(where: dict[str, Any], meaning: dict[str, Any]) -> None:
    assert bound(where) == compile_filters(meaning)


@pytest.mark.parametrize(
    "asked",
    [
        "$user.missing",
        "$user.null",
        "$user.teams",
        "$user.org",
        "$user.org.missing",
        "$user.team.of",
        {"ne": "$user.missing"},
        {"nin": "$user.missing"},
        {"nin": "$user.none"},
        {"in": "$user.none"},
        {"in": ["red", "$user.missing"]},
        {"nin": ["red", "$user.missing"]},
        {"ncontains": "$user.missing"},
        {"eq": "red", "ne": "$user.missing"},
    ],
)
def test_a_claim_that_is_no_value_of_the_property_makes_the_condition_hold_for_no_row(asked: Any) -> None:
    rule = bound({"team": asked})
    assert rule == NOTHING
    assert not predicate(rule)({"team": "green"})
    assert bound({"or": [{"team": asked}, {"owner": "$user.id"}]}) == compile_filters({"owner": 7})


def test_a_claim_with_more_values_than_a_filter_may_have_is_refused() -> None:
    most = {"teams": ["red"] * VALUES}
    bind({"team": {"in": "$user.teams"}}, ADA, most, {"team": text})
    with pytest.raises(Refused) as refused:
        bind({"team": {"in": "$user.teams"}}, ADA, {"teams": ["red"] * (VALUES + 1)}, {"team": text})
    assert refused.value.code == "forbidden"


def test_a_rule_without_conditions_holds_for_every_row() -> None:
    assert bound({}) == EVERYTHING


def test_a_claim_named_id_does_not_replace_the_id_of_the_user() -> None:
    assert bound({"owner": "$user.id"}) == compile_filters({"owner": 7})
