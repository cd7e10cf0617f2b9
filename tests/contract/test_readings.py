"""Refusals and replies in which the contract check once found a fault."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract
from tidegate.core.errors import Refused

CONTRACT = Contract(schema.bundle(schema.load(ROOT / "schema")))


def refusal(message: dict[str, Any], contract: Contract = CONTRACT) -> Refused:
    with pytest.raises(Refused) as caught:
        contract.decode(json.dumps(message).encode())
    return caught.value


@pytest.mark.parametrize("ref", [668.0, -0.0, 2.0**53 - 1])
def test_a_refusal_has_a_ref_such_as_1_0(ref: float) -> None:
    assert refusal({"type": "join", "ref": ref}).ref == int(ref)


@pytest.mark.parametrize("ref", [0.5, 1e300, -(2.0**53)])
def test_a_refusal_leaves_out_a_ref_that_is_not_an_exact_integer(ref: float) -> None:
    assert refusal({"type": "join", "ref": ref}).ref is None


def test_a_list_in_place_of_an_object_is_refused_as_a_whole() -> None:
    refused = refusal({"type": "message", "room": "chat-1", "data": [None]})
    assert (refused.pointer, refused.keyword) == ("/data", "type")
    assert [(told.pointer, told.keyword) for told in refused.errors] == [("/data", "type")]


def test_violations_of_a_list_message_point_at_the_list(tmp_path: Path) -> None:
    (tmp_path / "rooms").mkdir()
    room: dict[str, Any] = {
        "title": "Pair",
        "x-room": {"pattern": "pair"},
        "x-access": {"send": "anyone"},
        "type": "array",
    }
    room |= {"minItems": 2, "items": {"type": "integer"}, "uniqueItems": True}
    (tmp_path / "rooms" / "pair.schema.json").write_text(json.dumps(room))
    contract = Contract(schema.bundle(schema.load(tmp_path)))
    for data, pointer, keyword in (
        ([1], "/data", "minItems"),
        ([1, 1], "/data", "uniqueItems"),
        ([1, "a"], "/data/1", "type"),
    ):
        refused = refusal({"type": "message", "room": "pair", "data": data}, contract)
        assert [(told.pointer, told.keyword) for told in refused.errors] == [(pointer, keyword)]


def test_an_optional_list_of_objects_takes_only_null_tests(tmp_path: Path) -> None:
    (tmp_path / "resources").mkdir()
    properties = {"id": {"type": "integer", "readOnly": True}, "marks": {"type": "array", "items": {"type": "object"}}}
    thing = {"title": "Thing", "x-resource": {"key": "id"}, "type": "object", "properties": properties}
    (tmp_path / "resources" / "things.schema.json").write_text(json.dumps({**thing, "required": ["id"]}))
    contract = Contract(schema.bundle(schema.load(tmp_path)))
    asked: dict[str, Any] = {"type": "list", "resource": "things"}
    for filters in ({"marks": None}, {"marks": {"null": True}}, {"marks": {"nnull": False}}):
        contract.decode(json.dumps({**asked, "filters": filters}).encode())
    assert refusal({**asked, "filters": {"marks": {"ina": [1]}}}, contract).pointer == "/filters/marks/ina"
    assert refusal({**asked, "filters": {"marks": []}}, contract).pointer == "/filters/marks"


FALSE: list[tuple[dict[str, Any], Any, list[tuple[str, str]]]] = [
    ({"additionalProperties": False}, {"a": 1}, [("/a", "additionalProperties")]),
    ({"properties": {"b": {}}, "additionalProperties": False}, {"a/c": 1}, [("/a~1c", "additionalProperties")]),
    ({"properties": {"a": False}}, {"a": 1}, [("/a", "properties")]),
    ({"properties": {"items": False}}, {"items": 1}, [("/items", "properties")]),
    ({"prefixItems": [{}, False]}, [1, 2], [("/1", "prefixItems")]),
    ({"items": False, "prefixItems": [{}]}, [1, 2], [("/1", "items")]),
    ({"dependentRequired": {"a": ["b"]}}, {"a": 1}, [("", "dependentRequired")]),
    ({"propertyNames": False}, {"a": 1}, [("", "propertyNames")]),
]


@pytest.mark.parametrize(("keywords", "data", "told"), FALSE)
def test_a_refusal_names_the_keyword_as_the_schema_spells_it(
    keywords: Any, data: Any, told: Any, tmp_path: Path
) -> None:
    (tmp_path / "rooms").mkdir()
    room = {"title": "Room", "x-room": {"pattern": "room"}, **keywords}
    (tmp_path / "rooms" / "room.schema.json").write_text(json.dumps(room))
    contract = Contract(schema.bundle(schema.load(tmp_path)))
    refused = refusal({"type": "message", "room": "room", "data": data}, contract)
    assert [(one.pointer.removeprefix("/data"), one.keyword) for one in refused.errors] == told
