"""Refusals of large values: explained from an excerpt, quickly and correctly."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

from jsonschema_rs import Draft202012Validator

from tests.support.work import least_cost
from tidegate.contract.compiled import Compiler
from tidegate.contract.excerpt import STEPS, SURE, Excerpt
from tidegate.contract.explain import violations
from tidegate.contract.hazards import VALUES
from tidegate.json_pointer import pointer


def test_explaining_property_names_of_a_large_object_is_fast() -> None:
    """`propertyNames` copies the whole object for each name: 30,000 names took gigabytes."""
    validator = Compiler({}).schema({"type": "object", "propertyNames": {"maxLength": 2}})
    value = {f"k{index}": index for index in range(VALUES)}
    found = violations(validator, value)
    assert least_cost(lambda: violations(validator, value), 0.2) < 0.2
    assert [(told.pointer, told.keyword) for told in found] == [("", "propertyNames")] * 10


def test_a_fault_beyond_the_excerpt_is_refused_without_a_pointer() -> None:
    validator = Compiler({}).schema({"properties": {"a": {"items": {"type": "integer"}}}})
    assert violations(validator, {"a": [1] * 2_000 + ["x"]}) == []
    assert [told.pointer for told in violations(validator, {"a": [1] * 20 + ["x"]})] == ["/a/20"]


def test_violations_do_not_report_parts_that_the_excerpt_left_out() -> None:
    """The excerpt has fewer items than the value, so that it cannot show a violated minimum."""
    validator = Compiler({}).schema(
        {
            "properties": {
                "many": {"minItems": 1_500, "contains": {"const": 1_999}},
                "wide": {"minProperties": 500, "required": ["k499"]},
                "text": {"type": "string"},
            }
        }
    )
    value: dict[str, Any] = {
        "many": list(range(2_000)),
        "wide": {f"k{index}": 1 for index in range(600)},
        "text": 1,
    }
    found = violations(validator, value, known={"k499"})
    assert [(told.pointer, told.keyword) for told in found] == [("/text", "type")]


WORDS = ("a", "b", "c", "d")


def some_schema(chance: random.Random, depth: int) -> dict[str, Any]:
    kinds = ["scalar", "object", "array", "anyOf"] if depth else ["scalar"]
    match chance.choice(kinds):
        case "object":
            names = chance.sample(WORDS, 2)
            return {
                "type": "object",
                "properties": {name: some_schema(chance, depth - 1) for name in names},
                "required": chance.sample(WORDS, 1),
                chance.choice(["minProperties", "maxProperties"]): chance.randrange(200),
                "additionalProperties": chance.choice([True, False]),
            }
        case "array":
            return {
                "type": "array",
                "items": some_schema(chance, depth - 1),
                chance.choice(["minItems", "maxItems"]): chance.randrange(3_000),
                "uniqueItems": chance.choice([True, False]),
            }
        case "anyOf":
            return {"anyOf": [some_schema(chance, depth - 1), some_schema(chance, depth - 1)]}
    return {"type": chance.choice(["string", "integer"])}


def some_value(chance: random.Random, depth: int) -> Any:
    match chance.choice(["scalar", "object", "array"] if depth else ["scalar"]):
        case "object":
            known = {name: some_value(chance, depth - 1) for name in chance.sample(WORDS, 2)}
            return known | {f"x{index}": 1 for index in range(chance.choice([0, 3, 200, 500]))}
        case "array":
            return [some_value(chance, depth - 1)] * chance.choice([0, 1, 50, 2_000])
    return chance.choice([1, "x"])


def flat(errors: Any) -> Iterator[tuple[str, str]]:
    for error in errors:
        yield pointer(error.instance_path), error.kind.name


def test_violations_of_an_excerpt_are_violations_of_the_value() -> None:
    """For random schemas and values: every violation outside the cut places is a violation of the whole value."""
    chance = random.Random(20_260_101)
    cut = told = 0
    for _ in range(200):
        written, value = some_schema(chance, 3), some_value(chance, 2)
        if len(json.dumps(value)) > 100_000:
            continue
        excerpt = Excerpt(value, set(WORDS), chance.choice(STEPS))
        validator = Draft202012Validator(written)
        whole = set(flat(validator.iter_errors(value)))
        for place, keyword in flat(validator.iter_errors(excerpt.value)):
            inside_alternatives = keyword == "anyOf"  # each alternative is a separate check
            if not inside_alternatives and (place not in excerpt.cut or keyword in SURE):
                told += 1
                assert (place, keyword) in whole, (written, place, keyword)
        cut += bool(excerpt.cut)
    assert cut > 20
    assert told > 100
