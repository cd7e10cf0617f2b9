"""Pointers lead through properties with an empty name; the validator's own evaluation is the second opinion."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.contract.compiled import Compiler
from tidegate.contract.explain import violations
from tidegate.core.errors import Refused

SCHEMA: dict[str, Any] = {
    "$ref": "#/$defs/any",
    "$defs": {
        "any": {
            "type": ["object", "array", "string"],
            "maxLength": 3,
            "items": {"$ref": "#/$defs/any"},
            "additionalProperties": {"$ref": "#/$defs/any"},
        }
    },
}


@pytest.mark.parametrize(
    ("value", "pointer"),
    [
        ("long", ""),
        ({"": "long"}, "/"),
        ({"": {"": "long"}}, "//"),
        ({"a": "long", "": "ok"}, "/a"),
        ({"": {"a": "long"}, "a": "ok"}, "//a"),
        ({"a": {"": ["ok", "long"]}, "": {"a": ["ok"]}}, "/a//1"),
        ([{"": [{"b": "long"}]}], "/0//0/b"),
        ({"": {'"]["': "long"}, '"]["': "ok"}, '//"]["'),
        ({"": {"a/b~": "long"}}, "//a~1b~0"),
    ],
    ids=json.dumps,
)
def test_violation_points_through_empty_names(value: Any, pointer: str) -> None:
    compiled = Compiler({"any": SCHEMA["$defs"]["any"]}).named("any")
    assert {violation.pointer for violation in violations(compiled, value)} == {pointer}
    assert {error["instanceLocation"] for error in Draft202012Validator(SCHEMA).evaluate(value).errors()} == {pointer}


@pytest.mark.parametrize("value", ["long", 1])
def test_alternative_is_chosen_by_the_whole_path(value: Any) -> None:
    alternatives = {
        "anyOf": [
            {"type": "object", "additionalProperties": {"type": "string", "maxLength": 3}},
            {"type": "array"},
        ]
    }
    found = violations(Compiler({}).schema(alternatives), {"": value})
    assert [violation.pointer for violation in found] == ["/"]


def test_refused_message_points_to_the_property_with_an_empty_name() -> None:
    contract = Contract(schema.bundle(schema.load(ROOT / "schema")))
    message = {"type": "get", "resource": "users", "ids": [1, {"": "d" * 300}]}
    with pytest.raises(Refused) as refused:
        contract.decode(json.dumps(message).encode())
    assert (refused.value.code, refused.value.pointer) == ("invalid_message", "/ids/1/")
