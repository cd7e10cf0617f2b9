"""Which messages of a room replace which for a slow reader."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tidegate.core.rooms.slow_readers import SlowRule, gap


def text(data: Any, user: str = "ada", offset: int = 1) -> bytes:
    position = {"epoch": "e", "offset": offset}
    return json.dumps({"type": "message", "room": "a", "from": user, "position": position, "data": data}).encode()


EQUAL: list[tuple[Any, Any]] = [
    (1, 1.0),
    (0, -0.0),
    (2**60, float(2**60)),
    (1e300, 1e300),
    (None, None),
    ([1, 2], [1.0, 2]),
    ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}),
    ("x" * 10_000, "x" * 10_000),
]
UNEQUAL: list[tuple[Any, Any]] = [
    (1, "1"),
    (1, True),
    (0, False),
    (0, None),
    ("", None),
    ([1, 2], [2, 1]),
    ({}, []),
    (1, 1.5),
]


def test_values_are_equal_as_they_are_in_json() -> None:
    rule = SlowRule(conflate=True, pointer="/id")
    wrong = [pair for pair in EQUAL if rule.replaces(text({"id": pair[0]})) != rule.replaces(text({"id": pair[1]}))]
    wrong += [pair for pair in UNEQUAL if rule.replaces(text({"id": pair[0]})) == rule.replaces(text({"id": pair[1]}))]
    assert wrong == []


@pytest.mark.parametrize("data", [{}, {"ID": 1}, [], [1], "id", 5, None])
def test_a_message_without_the_value_stays(data: Any) -> None:
    assert SlowRule(conflate=True, pointer="/id").replaces(text(data)) is None


def test_a_pointer_leads_through_objects_and_lists() -> None:
    data = {"a/b": [{"~": 7}]}
    assert SlowRule(conflate=True, pointer="/a~1b/0/~0").replaces(text(data)) == b"7"
    assert SlowRule(conflate=True, pointer="").replaces(text(data)) == b'{"a/b":[{"~":7}]}'
    for beyond in ("/a~1b/1", "/a~1b/-", "/a~1b/0/~0/x"):
        assert SlowRule(conflate=True, pointer=beyond).replaces(text(data)) is None


def test_without_a_pointer_a_message_replaces_those_of_its_sender() -> None:
    rule = SlowRule(conflate=True)
    assert rule.replaces(text(1, "ada")) == rule.replaces(text(2, "ada")) != rule.replaces(text(1, "eve"))


def test_the_oldest_go_whatever_they_say() -> None:
    assert SlowRule().replaces(text({"id": 1})) is None


def test_a_gap_names_the_newest_message_that_is_gone() -> None:
    found = gap(text({}, offset=9), 4)
    assert (found.room, found.dropped, found.position.offset) == ("a", 4, 9)
