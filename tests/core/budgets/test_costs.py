"""The class of a read, and how many conditions may look into texts."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.cases import every_case
from tidegate.core.budgets.costs import FEW, TEXT_CONDITIONS, Cost, CostRules, check_texts
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import LOOKS_INTO, compile_filters
from tidegate.core.rows.ports import ReadQuery

RULES = CostRules(("id",), [("owner", "state"), ("harbour",)])
ALONG = CostRules(("harbour", "number"))


def cost(filters: dict[str, Any] | None = None, rules: CostRules = RULES, **query: Any) -> Cost:
    return rules.cost(ReadQuery(resource="boats", where=compile_filters(filters), **{"limit": 1000, **query}))


def test_classes() -> None:
    cases: dict[str, tuple[Cost, dict[str, Any] | None, dict[str, Any]]] = {
        "by key": (Cost.KEY, None, {"keys": ({"id": 1},)}),
        "by key, with the rule of rows": (Cost.KEY, {"name": {"contains": "x"}}, {"keys": ({"id": 1},)}),
        "by a hundred keys": (Cost.KEY, None, {"keys": ({"id": 1},) * FEW}),
        "by more keys": (Cost.INDEXED, None, {"keys": ({"id": 1},) * (FEW + 1)}),
        "the first rows": (Cost.INDEXED, None, {}),
        "the first rows by key": (Cost.INDEXED, None, {"sort": (("id", "desc"),)}),
        "a page": (Cost.INDEXED, None, {"offset": 9_000}),
        "a page far away": (Cost.SCAN, None, {"offset": 9_001}),
        "all rows, for a snapshot": (Cost.INDEXED, None, {"limit": None}),
        "counted": (Cost.SCAN, None, {"count": True}),
        "sorted": (Cost.SCAN, None, {"sort": (("name", "asc"),)}),
        "by a value of an index": (Cost.INDEXED, {"owner": 7}, {}),
        "by values of an index": (Cost.INDEXED, {"harbour": {"in": ["a", "b"]}, "name": {"ne": "x"}}, {}),
        "by the second of an index": (Cost.SCAN, {"state": "x"}, {}),
        "by what has no index": (Cost.SCAN, {"name": "x"}, {}),
        "by a range": (Cost.SCAN, {"owner": {"gt": 7}}, {}),
        "one or the other": (Cost.SCAN, {"or": [{"owner": 7}, {"name": "x"}]}, {}),
        "by a value, and texts": (Cost.SCAN, {"owner": 7, "or": [{"name": {"contains": "x"}}, {"name": "y"}]}, {}),
    }
    with every_case() as case:
        for name, (wanted, filters, query) in cases.items():
            with case(name):
                assert cost(filters, **query) is wanted


def test_small_are_reads_that_look_at_few_rows_whatever_the_table_has() -> None:
    both = (("harbour", "asc"), ("number", "asc"))
    cases: dict[str, tuple[bool, CostRules, dict[str, Any] | None, dict[str, Any]]] = {
        "by a hundred keys": (True, RULES, None, {"keys": ({"id": 1},) * FEW}),
        "by keys, with the rule of rows": (True, RULES, {"name": {"contains": "x"}}, {"keys": ({"id": 1},)}),
        "by more keys": (False, RULES, None, {"keys": ({"id": 1},) * (FEW + 1), "limit": None}),
        "by more keys, and few of them": (False, RULES, None, {"keys": ({"id": 1},) * (FEW + 1), "limit": 1}),
        "the first rows": (True, RULES, None, {"limit": FEW}),
        "one more": (False, RULES, None, {"limit": FEW + 1}),
        "a near page": (True, RULES, None, {"limit": FEW - 1, "offset": 1}),
        "a page after them": (False, RULES, None, {"limit": 1, "offset": FEW}),
        "all rows": (False, RULES, None, {"limit": None}),
        "the last rows": (True, RULES, None, {"limit": 1, "sort": (("id", "desc"),)}),
        "sorted": (False, RULES, None, {"limit": 1, "sort": (("name", "asc"),)}),
        "counted": (False, RULES, None, {"limit": 1, "count": True}),
        "by a value of an index": (False, RULES, {"owner": 7}, {"limit": 1}),
        "by a key of a filter": (False, RULES, {"id": 7}, {"limit": 1}),
        "the first by the whole key": (True, ALONG, None, {"limit": 1, "sort": both}),
        "the last by the whole key": (
            True,
            ALONG,
            None,
            {"limit": 1, "sort": tuple((name, "desc") for name, _ in both)},
        ),
        "the first by half a key": (True, ALONG, None, {"limit": 1, "sort": both[:1]}),
        "the last by half a key": (False, ALONG, None, {"limit": 1, "sort": (("harbour", "desc"),)}),
        "in two directions": (False, ALONG, None, {"limit": 1, "sort": (both[0], ("number", "desc"))}),
    }
    with every_case() as case:
        for name, (wanted, rules, filters, query) in cases.items():
            with case(name):
                asked = ReadQuery(resource="boats", where=compile_filters(filters), **query)
                assert rules.small(asked, rules.cost(asked)) is wanted


def test_a_key_of_several_properties_is_an_index_too() -> None:
    assert cost({"harbour": "a"}, ALONG) is Cost.INDEXED
    assert cost({"number": 1}, ALONG) is Cost.SCAN
    assert cost(None, ALONG, sort=(("harbour", "asc"), ("number", "asc"))) is Cost.INDEXED
    assert cost(None, ALONG, sort=(("number", "asc"),)) is Cost.SCAN


def test_every_operator_on_texts_and_arrays_looks_into_them() -> None:
    texts = {f"{name}{case}" for name in ("contains", "startswith", "endswith") for case in ("", "s")} | {"ina"}
    assert texts | {f"n{name}" for name in texts} == LOOKS_INTO


def over(count: int) -> dict[str, Any]:
    return {"done": False, "or": [{"a/b~": {"ncontains": str(number), "ne": "x"}} for number in range(count)]}


def test_as_many_as_there_may_be_are_let_in() -> None:
    check_texts(over(TEXT_CONDITIONS))
    check_texts(over(TEXT_CONDITIONS // 2), count=True)
    check_texts({"or": [{"name": str(number)} for number in range(100)]})
    check_texts(None)


@pytest.mark.parametrize("count", [False, True])
def test_the_first_that_is_too_many_is_pointed_to(count: bool) -> None:
    most = TEXT_CONDITIONS // 2 if count else TEXT_CONDITIONS
    with pytest.raises(Refused, match="fewer") as refused:
        check_texts(over(100), count=count)
    assert refused.value.code == "limit_reached"
    assert refused.value.pointer == f"/filters/or/{most}/a~1b~0/ncontains"
    assert ("count" in refused.value.message) is count
