"""What is computed of schemas with references: as much as is certain, from as few definitions as that needs."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.schema.mistakes.canonical import Definitions, covers


def ref(key: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{key}"}


def inside(schema: Any) -> dict[str, Any]:
    return {"type": "object", "properties": {"a": schema}, "required": ["a"]}


NEVER = {"type": "string", "allOf": [{"type": "integer"}]}


def test_a_schema_is_impossible_through_references_to_the_same_value_and_one_value_further() -> None:
    definitions = Definitions({"never": NEVER, "same": ref("never"), "below": inside(ref("same"))})
    assert definitions.is_impossible(ref("same"))
    assert definitions.is_impossible(inside(ref("same")))
    assert definitions.is_impossible({"allOf": [inside(ref("never")), {"type": "object"}]})
    assert not definitions.is_impossible(inside({"type": "array", "items": ref("never")}))


def test_parts_that_contradict_each_other_inside_a_value_are_impossible() -> None:
    definitions = Definitions({"one": inside({"const": 1}), "two": inside({"const": 2})})
    assert definitions.is_impossible({"allOf": [ref("one"), ref("two")]})


def test_deep_definitions_count_as_anything_where_only_near_ones_matter() -> None:
    chain = {f"d{number}": inside(ref(f"d{number + 1}")) for number in range(300)} | {"d300": {"type": "string"}}
    definitions = Definitions(chain)
    near = definitions._reached(ref("d0"), 1)
    assert [key for key, schema in near.items() if schema is not True] == ["d0", "d1"]
    assert definitions.canonical(ref("d0")) is None, "too many"


def test_alternatives_that_differ_far_inside_do_not_cover_each_other() -> None:
    far = {"x": {"type": "string"}, "y": {"type": "integer"}, "one": inside(inside(ref("x")))}
    definitions = Definitions({**far, "two": inside(inside(ref("y")))})
    one, two = definitions.canonical(inside(ref("one"))), definitions.canonical(inside(ref("two")))
    assert one is not None
    assert two is not None
    assert str(one.covers(two)) != "yes"
    assert str(one.covers(one)) == "yes"


def test_unions_that_cannot_be_compared_do_not_cover_each_other() -> None:
    definitions = Definitions({})
    below_six, some = {"type": "integer", "exclusiveMaximum": 6}, {"enum": [{"class": [1]}, None, True]}
    one = definitions.canonical({"oneOf": [{"const": {"class": [1]}}, below_six, some]})
    two = definitions.canonical({"anyOf": [{"type": ["integer", "boolean", "array"]}, {"type": "number"}]})
    assert one is not None
    assert two is not None
    with pytest.raises(ValueError, match="not supported"):
        two.covers(one)
    assert not covers(two, one)
