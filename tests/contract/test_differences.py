"""The known differences between Python jsonschema and the gateway: each with its reason and a proof.

The oracle of the contract check corrects them, or leaves them undecided. If a new version of a library ends a
difference, its line here fails and can be removed. docs/reference/contract-tests.md has the same list.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.checks.oracle import Oracle
from tidegate.contract import Contract
from tidegate.core.errors import Refused


class Difference(NamedTuple):
    """`python` and `gateway`: whether each accepts `value`."""

    title: str
    schema: dict[str, Any]
    value: Any
    python: bool | None
    """None: Python cannot compile the schema."""
    gateway: bool


DIFFERENCES = [
    Difference("`$` before a final line break", {"pattern": "^a$"}, "a\n", True, False),
    Difference("`multipleOf` with fractions", {"multipleOf": 0.01}, 19.99, False, True),
    Difference("`date-time` with a final line break", {"format": "date-time"}, "2026-01-01T00:00:00Z\n", True, False),
    Difference("`email` and other loosely checked formats", {"format": "email"}, "@", True, False),
    Difference("`email` and other loosely checked formats", {"format": "hostname"}, "-a-", True, False),
    Difference("`\\d`, `\\w` and `\\s`", {"pattern": "^\\d$"}, "\u0663", True, False),
    Difference("`\\d`, `\\w` and `\\s`", {"pattern": "^\\s$"}, "\ufeff", False, True),
    Difference("Names by a pattern with `\\p{L}`", {"patternProperties": {"^\\p{Lu}": {}}}, {"\u00c9": 1}, None, True),
    Difference(
        "Patterns that Python's `re` does not know",
        {"pattern": "^\\p{Script=Greek}+$", "maxLength": 9},
        "\u03b1",
        None,
        True,
    ),
    Difference("NUL, integers beyond 2^53 and 32 levels", {}, "a\0", True, False),
    Difference("NUL, integers beyond 2^53 and 32 levels", {}, 2**53, True, False),
    Difference("NUL, integers beyond 2^53 and 32 levels", {}, json.loads("[" * 40 + "]" * 40), True, False),
]
TOLD_ELSEWHERE: list[tuple[str, dict[str, Any], Any, tuple[str, str], tuple[str, str]]] = [
    ("`propertyNames`", {"propertyNames": {"maxLength": 1}}, {"ab": 1}, ("", "maxLength"), ("", "propertyNames")),
    ("`items: false`", {"prefixItems": [{}], "items": False}, [1, 2], ("", "items"), ("/1", "items")),
    (
        "`additionalProperties`",
        {"properties": {"b": {}}, "additionalProperties": False},
        {"a": 1},
        ("", "additionalProperties"),
        ("/a", "additionalProperties"),
    ),
]
"""Values that both refuse with different names: (pointer, keyword) of Python, then of the gateway."""


def read_by_gateway(folder: Any, keywords: dict[str, Any], value: Any) -> Refused | None:
    contract, _ = both(folder, keywords)
    try:
        contract.decode(said(value))
    except Refused as refused:
        return refused
    return None


def both(folder: Any, keywords: dict[str, Any]) -> tuple[Contract, Oracle]:
    (folder / "rooms").mkdir(exist_ok=True)
    room = {"title": "Room", "x-room": {"pattern": "room"}, **keywords}
    (folder / "rooms" / "room.schema.json").write_text(json.dumps(room))
    bundle = schema.bundle(schema.load(folder))
    return Contract(bundle), Oracle(schema.unbundle(bundle))


def said(value: Any) -> bytes:
    return json.dumps({"type": "message", "room": "room", "data": value}).encode()


def read_by_python(keywords: dict[str, Any], value: Any) -> bool | None:
    validator = Draft202012Validator(keywords, format_checker=Draft202012Validator.FORMAT_CHECKER)
    try:
        return validator.is_valid(value)
    except ValueError:
        return None
    except Exception as error:  # `re.error` is the name that all versions have
        assert type(error).__name__ in {"error", "PatternError"}
        return None


@pytest.mark.parametrize("one", DIFFERENCES, ids=lambda one: one.title)
def test_python_jsonschema_and_the_contract_still_differ(one: Difference, tmp_path: Any) -> None:
    assert read_by_python(one.schema, one.value) is one.python
    assert (read_by_gateway(tmp_path, one.schema, one.value) is None) is one.gateway
    assert one.python is not one.gateway


@pytest.mark.parametrize("one", DIFFERENCES, ids=lambda one: one.title)
def test_the_oracle_handles_the_difference(one: Difference, tmp_path: Any) -> None:
    _, oracle = both(tmp_path, one.schema)
    verdict = oracle.verdict(said(one.value))
    doubted = any(oracle.doubts(verdict.message or {}))
    assert verdict.accepted is one.gateway or doubted


@pytest.mark.parametrize("one", TOLD_ELSEWHERE, ids=lambda one: one[0])
def test_both_refuse_the_value_with_different_keywords(one: Any, tmp_path: Any) -> None:
    _, keywords, value, python, gateway = one
    errors = list(Draft202012Validator(keywords).iter_errors(value))
    assert ("".join(f"/{step}" for step in errors[0].absolute_path), errors[0].validator) == python
    refused = read_by_gateway(tmp_path, keywords, value)
    assert refused is not None
    assert ((refused.pointer or "").removeprefix("/data"), refused.keyword) == gateway


def test_the_reference_lists_all_differences() -> None:
    text = (ROOT / "docs" / "reference" / "contract-tests.md").read_text()
    for title in {*(one.title for one in DIFFERENCES), *(one[0] for one in TOLD_ELSEWHERE)}:
        assert f"| {title} |" in text, title
