"""Claims converted to values of properties, and the canonical literals of row rules."""

from __future__ import annotations

from typing import Any

import pytest

from tidegate.contract import canonical_rules, converters
from tidegate.schema.resource import read_resource

UUID = "abcdef00-0000-4000-8000-000000000000"
SCHEMA: dict[str, Any] = {
    "title": "Thing",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {
        "read": {"where": {"at": {"gte": "2026-01-01T01:00:00+01:00"}, "or": [{"uuid": UUID.upper()}]}},
        "update": ["role:admin", {"where": {"at": "$user.at", "integer": {"in": "$user.numbers"}}}],
        "delete": "anyone",
    },
    "properties": {
        "id": {"type": "string"},
        "integer": {"type": "integer"},
        "number": {"type": "number"},
        "boolean": {"type": "boolean"},
        "text": {"type": "string"},
        "at": {"type": "string", "format": "date-time"},
        "uuid": {"type": "string", "format": "uuid"},
        "numbers": {"type": "array", "items": {"type": "integer"}},
        "any": {},
    },
    "required": ["id"],
    "additionalProperties": False,
}
RESOURCE = read_resource("things", SCHEMA, {})


@pytest.mark.parametrize(
    ("name", "claim", "value"),
    [
        ("integer", "7", 7),
        ("integer", "-7", -7),
        ("integer", 7.0, 7),
        ("number", "1.5", 1.5),
        ("number", "-7", -7.0),
        ("number", "10000000000000000000000", 1e22),
        ("number", 2, 2),
        ("boolean", True, True),
        ("text", "anon-1", "anon-1"),
        ("text", 7, "7"),
        ("at", "2026-01-01T01:00:00+01:00", "2026-01-01T00:00:00.000000Z"),
        ("uuid", UUID.upper(), UUID),
        ("numbers", "7", 7),
        ("any", "7", "7"),
        ("any", True, True),
    ],
)
def test_a_converter_converts_a_claim_to_the_type_of_the_property(name: str, claim: Any, value: Any) -> None:
    found = converters(RESOURCE)[name](claim)
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "claim"),
    [
        ("integer", "anon-1"),
        ("integer", "7 "),
        ("integer", "\u0667"),
        ("integer", "1_0"),
        ("integer", ""),
        ("integer", 7.5),
        ("integer", True),
        ("integer", float("inf")),
        ("integer", float("nan")),
        ("integer", 2**53),
        ("integer", "9007199254740992"),
        ("integer", ["7"]),
        ("number", "inf"),
        ("number", "1e5"),
        ("number", "7.0"),
        ("number", "1.50"),
        ("number", "-0"),
        ("number", "9007199254740993"),
        ("number", "0.1000000000000000055"),
        ("number", False),
        ("boolean", "true"),
        ("boolean", 1),
        ("text", True),
        ("text", ["a"]),
        ("text", 1.5),
        ("at", "yesterday"),
        ("at", "0001-01-01T00:00:00+23:00"),
        ("any", ["a"]),
        ("any", {}),
    ],
)
def test_a_converter_refuses_a_claim_that_is_not_a_valid_value(name: str, claim: Any) -> None:
    with pytest.raises(ValueError):  # for any text of the error, the condition holds for no row
        converters(RESOURCE)[name](claim)


def test_canonical_rules_canonicalise_values_and_keep_claims() -> None:
    assert canonical_rules(RESOURCE) == {
        "read": {"where": {"at": {"gte": "2026-01-01T00:00:00.000000Z"}, "or": [{"uuid": UUID}]}},
        "update": ["role:admin", {"where": {"at": "$user.at", "integer": {"in": "$user.numbers"}}}],
        "delete": "anyone",
    }
    assert RESOURCE.access == SCHEMA["x-access"]
