"""Random rows and random filters: SQL finds the rows that the gateway's predicate takes, and the Python client's.

`FILTER_PAIRS` says how many pairs of a row and a filter are tried, on each database; `make fuzz` tries more. Rows are
written the way foreign programs write them: JSON in other words, text with NUL, infinity.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema_rs import Draft202012Validator

from tests.store.things import RESOURCE, THINGS, Things, opened
from tidegate.codegen.row_facts import row_facts
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import compile_filters
from tidegate.int64 import Int64
from tidegate.schema import filter_schemas
from tidegate.schema.formats import FORMATS
from tidegate_client.predicate import predicate as client_predicate

ROWS, FILTERS = 10, 10
PAIRS = int(os.environ.get("FILTER_PAIRS", "3000"))
LEGAL = Draft202012Validator(
    {**filter_schemas.filters_schema(RESOURCE), "$defs": filter_schemas.definitions([RESOURCE])},
    validate_formats=True,
    formats=FORMATS,
)


@pytest.fixture(scope="module")
def things(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Things]:
    with opened(tmp_path_factory.mktemp("things")) as found:
        yield found


# Few letters, so that values meet; among them all that LIKE, GLOB, case folding and code point order stumble over.
LETTERS = "aAbB%_\\'\"*?[]^éÉß\u017fK\u212aİ\u0131Ää\uffff\U0001f600 1"
stored_text = st.text(LETTERS + "\0", max_size=4) | st.sampled_from(["a", "A", "", "true", "null"])
asked_text = st.text(LETTERS, max_size=3) | st.sampled_from(["a", "A", "", "true", "null"])
integers = st.integers(-3, 3) | st.sampled_from([2**53 - 1, -(2**53) + 1, 2**53 - 2])
edges = [sign * 2**bits + step for sign in (1, -1) for bits in (53, 63) for step in (-2, -1, 0, 1)]
big = st.integers(-11, 11) | st.sampled_from([edge for edge in edges if -(2**63) <= edge < 2**63])
big |= st.integers(-(2**63), 2**63 - 1)
asked_big = big.map(Int64)
numbers = integers | st.floats(-2, 2) | st.floats(allow_nan=False, allow_infinity=False)
numbers |= st.sampled_from([0.1, 0.30000000000000004, -0.0, 5e-324, 1.7976931348623157e308, 1e16])
times = st.sampled_from([f"2026-01-31T12:00:0{second}.{part}Z" for second in range(3) for part in ("000000", "000001")])
large = st.sampled_from([1e16, 1.2345678901234566e17, 1e23, -1e23, 1e300])  # PostgreSQL writes them with all digits
scalars = st.booleans() | integers | st.floats(-2, 2) | large | asked_text
words = st.sampled_from(THINGS["properties"]["word"]["enum"])
json_values = st.recursive(
    st.none() | scalars | stored_text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(asked_text, inner, max_size=2),
    max_leaves=4,
)
any_json = st.builds(json.dumps, json_values, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1]))
any_json |= st.sampled_from(["1.0", "1e0", ' "a" ', '"\\u0061"', "null", "[1.0, 1e0]", '["\\u0061"]', "[true, null]"])


def json_list(items: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return st.builds(json.dumps, st.lists(items, max_size=4), ensure_ascii=st.booleans())


stored: dict[str, st.SearchStrategy[Any]] = {
    "text": stored_text,
    "int": integers | st.integers(-(2**63), 2**63 - 1),
    "big": big,
    "num": numbers | st.floats(allow_nan=False),
    "bool": st.integers(0, 1),
    "time": times,
    "list": json_list(scalars) | any_json,
    "any": any_json,
    "word": words,
    "value": json_list(asked_text),
    "type": json_list(integers | st.floats(-2, 2)),
    "atom": any_json,
    't."select" %': stored_text,
}
rows = st.fixed_dictionaries(
    {"never_null": stored_text}, optional={name: st.none() | values for name, values in stored.items()}
)

EQUAL, LIST, ORDER = ("eq", "eqs", "ne", "nes"), ("in", "nin"), ("lt", "lte", "gt", "gte")
TEXT = tuple(
    f"{no}{name}{case}" for no in ("", "n") for name in ("contains", "startswith", "endswith") for case in "_s"
)
TEXT = tuple(name.removesuffix("_") for name in TEXT)


def several(values: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(values, min_size=1, max_size=3)


def conditions(values: st.SearchStrategy[Any], *families: tuple[str, ...]) -> dict[str, st.SearchStrategy[Any]]:
    """What may stand under each operator."""
    pair = st.lists(values, min_size=2, max_size=2)
    found: dict[str, st.SearchStrategy[Any]] = {}
    for family in families:
        for name in family:
            found[name] = several(values) if name in ("in", "nin", "ina", "nina") else values
        if family is ORDER:
            found |= {"between": pair, "nbetween": pair}
    return found


NULL = {"null": st.booleans(), "nnull": st.booleans()}
ARRAY = ("ina", "nina")
operators: dict[str, dict[str, st.SearchStrategy[Any]]] = {
    "text": conditions(asked_text, EQUAL, LIST, ORDER, TEXT) | NULL,
    "int": conditions(integers, EQUAL, LIST, ORDER) | NULL,
    "big": conditions(asked_big, EQUAL, LIST, ORDER) | NULL,
    "num": conditions(numbers, EQUAL, LIST, ORDER) | NULL,
    "bool": conditions(st.booleans(), EQUAL, LIST) | NULL,
    "time": conditions(times, EQUAL, LIST, ORDER) | NULL,
    "list": conditions(scalars, ARRAY) | NULL,
    "any": conditions(scalars, EQUAL, LIST) | NULL,
    "word": conditions(words, EQUAL, LIST) | NULL,
    "value": conditions(asked_text, ARRAY) | NULL,
    "type": conditions(integers | st.floats(-2, 2), ARRAY) | NULL,
    "atom": conditions(scalars, EQUAL, LIST) | NULL,
    't."select" %': conditions(asked_text, EQUAL, LIST, ORDER, TEXT) | NULL,
    "never_null": conditions(asked_text, EQUAL, LIST, ORDER, TEXT),
}


@st.composite
def one_object(draw: st.DrawFn, inner: st.SearchStrategy[Any] | None = None) -> dict[str, Any]:
    filters: dict[str, Any] = {}
    names = draw(st.lists(st.sampled_from(sorted(operators)), min_size=1, max_size=2, unique=True))
    for name in names:
        known = operators[name]
        short = [*([known["eq"]] if "eq" in known else []), *([st.none()] if "null" in known else [])]
        if short and draw(st.integers(0, 5)) == 0:
            filters[name] = draw(st.one_of(short))
        else:
            asked = draw(st.lists(st.sampled_from(sorted(known)), min_size=1, max_size=2, unique=True))
            filters[name] = {operator: draw(known[operator]) for operator in asked}
    if inner is not None:
        for word in draw(st.lists(st.sampled_from(["and", "or"]), max_size=2, unique=True)):
            filters[word] = draw(st.lists(inner, min_size=1, max_size=3))
    return filters


any_filters = st.recursive(one_object(), one_object, max_leaves=6)


def test_every_operator_of_every_property_is_tried() -> None:
    assert {name: set(known) for name, known in operators.items()} == {
        prop.name: set(filter_schemas.operators(prop))
        for prop in filter_schemas.filterable(RESOURCE)
        if prop.name != "id"
    }


@pytest.mark.slow
@pytest.mark.timeout(60 + PAIRS // 50)
@settings(max_examples=max(1, PAIRS // (ROWS * FILTERS)), deadline=None)
@given(
    st.lists(rows, min_size=ROWS, max_size=ROWS),
    st.lists(any_filters, min_size=FILTERS, max_size=FILTERS),
)
def test_the_predicate_takes_what_sql_finds(
    things: Things, columns: list[dict[str, Any]], asked: list[dict[str, Any]]
) -> None:
    things.put({"id": number, **row} for number, row in enumerate(columns))
    found = things.rows()
    for filters in asked:
        assert LEGAL.is_valid(json.loads(json.dumps(filters))), filters
        compiled = compile_filters(filters)
        meets = predicate(compiled)
        taken = [row["id"] for row in found if meets(row)]
        assert things.ids(compiled) == taken, (filters, found)
        client = client_predicate(json.loads(json.dumps(filters)), row_facts(RESOURCE).types)
        assert [row["id"] for row in found if client(row)] == taken, (filters, found)
