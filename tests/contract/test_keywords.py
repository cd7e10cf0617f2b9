"""A table of edge cases by keyword, in the style of the JSON Schema Test Suite: valid and invalid values.

Each schema is that of a kind of room, and each value is a message there, decoded by `Contract.decode`. The oracle must
agree with the table as well.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.cases import every_case
from tidegate import schema
from tidegate.checks.oracle import Oracle
from tidegate.contract import Contract
from tidegate.core.errors import Refused

SMILE = "\U0001f600"
Case = tuple[dict[str, Any], list[Any], list[Any]]

GROUPS: dict[str, Case] = {
    "integer": ({"type": "integer"}, [0, -1, 1.0, -0.0, 1e3, 2**53 - 1], [1.5, "1", True, None, [], {}, 1e-7]),
    "number": ({"type": "number"}, [0, 1.5, -1e300, 1e-300], ["1", True, None, [1]]),
    "string": ({"type": "string"}, ["", "a", SMILE, "\u0301", "\ufeff", "\u2028"], [1, None, ["a"], False]),
    "boolean": ({"type": "boolean"}, [True, False], [0, 1, "true", None]),
    "null": ({"type": "null"}, [None], [0, "", False, [], {}]),
    "several types": ({"type": ["integer", "null"]}, [1, 1.0, None], [1.5, "", False, []]),
    "maxLength counts characters": ({"maxLength": 2}, ["", SMILE * 2, "e\u0301", 123456, None], [SMILE * 3, "abc"]),
    "minLength counts characters": ({"minLength": 2}, [SMILE * 2, "e\u0301", 1], [SMILE, "a", "", "\u00e9"]),
    "maxLength of a float": ({"maxLength": 2.0}, ["ab"], ["abc"]),
    "pattern is anchored by itself alone": ({"pattern": "b"}, ["abc", "b", 1], ["ac", "", "B"]),
    "$ is the very end": ({"pattern": "^a$"}, ["a"], ["a\n", "\na", "a\r", "aa", ""]),
    "a dot is no line break": ({"pattern": "^a.b$"}, ["a.b", "a b", f"a{SMILE}b"], ["a\nb", "ab"]),
    "classes know all characters": ({"pattern": "^[^a]{2}$"}, [SMILE * 2, "\u00e9b"], ["ab", SMILE, SMILE * 3]),
    "minimum": ({"minimum": 1}, [1, 1.0, 1.0000001, "0", None], [0, 0.9999999, -1, -1e300]),
    "maximum": ({"maximum": 1.5}, [1.5, 1, -1e300, "2"], [1.6, 2, 1e300]),
    "exclusiveMinimum": ({"exclusiveMinimum": 0}, [1e-300, 1], [0, -0.0, 0.0, -1]),
    "exclusiveMaximum": ({"exclusiveMaximum": 3}, [2.9999999, -1], [3, 3.0, 4]),
    "multipleOf a whole number": ({"multipleOf": 3}, [0, 3, -6, 9.0, "1"], [1, 3.5, -1]),
    "multipleOf a fraction": ({"multipleOf": 0.01}, [0, 0.01, 0.07, 19.99, 4.35, 1, 1.0], [0.001, 19.999, 0.005]),
    "multipleOf a tenth": ({"multipleOf": 0.1}, [0.3, 0.1, 1.1, 0.7, 10], [0.35, 0.25]),
    "multipleOf more than one": ({"multipleOf": 1.5}, [0, 1.5, 3, 4.5], [1, 2, 4]),
    "const of a number": ({"const": 1}, [1, 1.0], [True, "1", 2, None, [1]]),
    "const of false": ({"const": False}, [False], [0, 0.0, "", None]),
    "const of an object": ({"const": {"a": 1, "b": [None]}}, [{"b": [None], "a": 1.0}], [{"a": 1}, {"a": 1, "b": []}]),
    "const of null": ({"const": None}, [None], [0, "", "null"]),
    "enum with null": ({"enum": ["a", None]}, ["a", None], ["b", "", 0, False, "null", ["a"]]),
    "enum of alike": ({"enum": [0, "0", []]}, [0, 0.0, -0.0, "0", []], [False, "", None, {}, [0]]),
    "enum of one list": ({"enum": [[1, 2]]}, [[1, 2], [1.0, 2]], [[2, 1], [1], [True, 2]]),
    "required": ({"required": ["a"]}, [{"a": None}, {"a": 1, "b": 2}, [], "a"], [{}, {"A": 1}, {"b": 1}]),
    "required names from elsewhere": (
        {"required": ["__proto__", "a/b"]},
        [{"__proto__": 1, "a/b": 2}],
        [{}, {"a/b": 1}],
    ),
    "additionalProperties": (
        {"properties": {"a": {}}, "additionalProperties": False},
        [{}, {"a": 1}, [], 1],
        [{"b": 1}, {"a": 1, "": 1}, {"A": 1}, {"a ": 1}],
    ),
    "additionalProperties beside patterns": (
        {"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": {"type": "null"}},
        [{"x1": 1, "y": None}, {}],
        [{"x1": "a"}, {"y": 1}, {"x": None}],
    ),
    "additionalProperties sees its own schema only": (
        {"allOf": [{"properties": {"a": {}}}], "additionalProperties": False},
        [{}],
        [{"a": 1}],
    ),
    "unevaluatedProperties sees all": (
        {"allOf": [{"properties": {"a": {}}}], "unevaluatedProperties": False},
        [{}, {"a": 1}],
        [{"b": 1}],
    ),
    "minProperties": ({"minProperties": 1}, [{"": 0}, {"a": 1, "b": 2}, []], [{}]),
    "maxProperties": ({"maxProperties": 1}, [{}, {"a": 1}, [1, 2]], [{"a": 1, "b": 2}]),
    "propertyNames": ({"propertyNames": {"maxLength": 1}}, [{"a": 1}, {SMILE: 1}, {}], [{"ab": 1}]),
    "dependentRequired": ({"dependentRequired": {"a": ["b"]}}, [{}, {"b": 1}, {"a": 1, "b": None}], [{"a": 1}]),
    "dependentSchemas": (
        {"dependentSchemas": {"a": {"maxProperties": 1}}},
        [{"a": 1}, {"b": 1, "c": 1}],
        [{"a": 1, "b": 1}],
    ),
    "uniqueItems": (
        {"uniqueItems": True, "maxItems": 9},
        [[], [1, 2], [1, True], [0, False], ["1", 1], [[1], [True]], [{"a": 1}, {"a": 2}], "aa"],
        [[1, 1], [1, 1.0], [{"a": 1, "b": 2}, {"b": 2, "a": 1}], [[1], [1.0]], [None, None], ["a", "b", "a"]],
    ),
    "minItems and maxItems": ({"minItems": 1, "maxItems": 2}, [[1], [1, 2], {}, ""], [[], [1, 2, 3]]),
    "items": ({"items": {"type": "integer"}}, [[], [1, 2.0], {}], [[1, "2"], [None], [[1]]]),
    "prefixItems": ({"prefixItems": [{"type": "string"}], "items": False}, [[], ["a"]], [[1], ["a", 1]]),
    "contains": ({"contains": {"const": 1}, "maxContains": 2}, [[1], [2, 1.0, 1], {}], [[], [2], [1, 1, 1]]),
    "anyOf": ({"anyOf": [{"type": "string"}, {"minimum": 3}]}, ["a", 3, None], [1, 2.9]),
    "oneOf": ({"oneOf": [{"minimum": 3}, {"multipleOf": 2}]}, [3, 2, 5], [4, 1, "a"]),
    "allOf": ({"allOf": [{"minimum": 3}, {"maximum": 4}]}, [3, 4, "a"], [2, 5]),
    "not": ({"not": {"type": "string"}}, [1, None, {}], ["", "a"]),
    "if": (
        {"if": {"required": ["a"]}, "then": {"required": ["b"]}, "else": {"maxProperties": 1}},
        [{"a": 1, "b": 1}, {"c": 1}, {}],
        [{"a": 1}, {"c": 1, "d": 1}],
    ),
    "date-time": (
        {"format": "date-time"},
        [
            *("2026-01-01T00:00:00Z", "2026-01-01t00:00:00z", "2024-02-29T23:59:59.999999999+23:59"),
            *("1998-12-31T15:00:00-08:00", "2026-01-01T00:00:00-00:00", 1, None),
        ],
        [
            *("2026-01-01", "2026-01-01T00:00:00", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "now", ""),
            *("2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00Z\n", "2026-1-1T00:00:00Z", "2026-01-01T00:00Z"),
            *("2026-01-01T00:00:00.Z", "2026-01-01 00:00:00Z"),
        ],
    ),
    "date": (
        {"format": "date"},
        ["2026-01-01", "2024-02-29", "0001-01-01", None],
        ["2023-02-29", "2026-13-01", "2026-1-1", "20260101", "2026-W01-1", "2026-01-01Z", "2026-01-01\n", ""],
    ),
    "uuid": (
        {"format": "uuid"},
        [
            "6f1c2d3e-0000-4000-8000-000000000000",
            "6F1C2D3E-0000-4000-8000-00000000000F",
            "00000000-0000-0000-0000-000000000000",
        ],
        [
            "6f1c2d3e00004000800000000000000000",
            "{6f1c2d3e-0000-4000-8000-000000000000}",
            "6f1c2d3e-0000-4000-8000",
            "",
            "g" * 36,
        ],
    ),
    "ipv4": (
        {"format": "ipv4"},
        ["127.0.0.1", "255.255.255.255"],
        ["256.0.0.1", "1.1.1", "01.1.1.1", "1.1.1.1/8", "::1", ""],
    ),
    "ipv6": (
        {"format": "ipv6"},
        ["::1", "::ffff:127.0.0.1", "1:2:3:4:5:6:7:8"],
        ["127.0.0.1", "1::2::3", "12345::", ""],
    ),
    "email": ({"format": "email"}, ["a@example.com", "a.b+c@example.co.uk", 1], ["nobody", "", "example.com"]),
    "a keyword for other types": ({"maxLength": 1, "maximum": 1, "maxItems": 1}, [None, True, {}, {"a": [1, 2]}], []),
    "a reference": ({"$defs": {"small": {"maximum": 3}}, "items": {"$ref": "#/$defs/small"}}, [[1], [3.0], 9], [[4]]),
    "keywords beside a reference": (
        {"$defs": {"text": {"type": "string"}}, "properties": {"a": {"$ref": "#/$defs/text", "maxLength": 1}}},
        [{"a": "b"}],
        [{"a": "bb"}, {"a": 1}],
    ),
}
"""By name of the group: the schema, valid values, invalid values."""


@pytest.fixture(scope="module")
def readings(tmp_path_factory: pytest.TempPathFactory) -> tuple[Contract, Oracle]:
    """One application with a kind of room for each group."""
    folder = tmp_path_factory.mktemp("keywords")
    (folder / "rooms").mkdir()
    for number, (keywords, _, _) in enumerate(GROUPS.values()):
        room = {"title": f"Group{number}", "x-room": {"pattern": f"group-{number}-*"}, **keywords}
        (folder / "rooms" / f"group_{number}.schema.json").write_text(json.dumps(room))
    bundle = schema.bundle(schema.load(Path(folder)))
    return Contract(bundle), Oracle(schema.unbundle(bundle))


@pytest.mark.parametrize("number", range(len(GROUPS)), ids=GROUPS)
def test_the_contract_and_the_oracle_decide_as_the_table_says(number: int, readings: tuple[Contract, Oracle]) -> None:
    _, valid, invalid = list(GROUPS.values())[number]
    with every_case() as case:
        for value, fits in [*((value, True) for value in valid), *((value, False) for value in invalid)]:
            with case(json.dumps(value)):
                _is_read(readings, {"type": "message", "room": f"group-{number}-x", "data": value}, fits)


def _is_read(readings: tuple[Contract, Oracle], message: dict[str, Any], fits: bool) -> None:
    contract, oracle = readings
    payload = json.dumps(message).encode()
    assert oracle.verdict(payload).accepted is fits, "the second reading"
    if fits:
        contract.decode(payload)
        return
    with pytest.raises(Refused) as caught:
        contract.decode(payload)
    assert caught.value.code == "invalid_data"
