"""Reading and bundling schema folders: references, namespaces, determinism, and unbundling."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.schema import patterns


@pytest.fixture(scope="module")
def bundle() -> dict[str, Any]:
    return schema.bundle(schema.load(ROOT / "schema"))


def write(folder: Path, files: dict[str, Any]) -> Path:
    for path, content in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(json.dumps(content))
    return folder


def test_unbundle_restores_all_definitions(bundle: dict[str, Any]) -> None:
    again = json.loads(schema.dump(bundle))
    assert schema.bundle(schema.unbundle(again)) == bundle
    assert schema.contract_hash(again) == schema.contract_hash(bundle)


def test_definitions_are_sorted_and_every_reference_resolves(bundle: dict[str, Any]) -> None:
    definitions = bundle["$defs"]
    assert list(definitions) == sorted(definitions)
    references = set(_references(bundle["$defs"]))
    assert references
    assert all(reference.removeprefix("#/$defs/") in definitions for reference in references)
    Draft202012Validator.check_schema(bundle)


def _references(node: Any) -> Any:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def test_the_index_has_the_purpose_of_every_definition(bundle: dict[str, Any]) -> None:
    index = bundle["x-tidegate"]
    assert index["client"]["join"] == {"schema": "JoinRequest", "reply": "joined"}
    assert index["server"]["joined"] == {"schema": "Joined"}
    assert index["resources"]["users"] == {"schema": "App.User"}
    assert index["rooms"]["chat-*"]["schema"] == "App.ChatMessage"
    assert index["rooms"]["chat-*"]["access"] == {"join": "anyone", "send": "anyone"}
    assert index["errors"]["rate_limited"]["temporary"] is True
    assert index["closes"]["4201"]["reconnect"] == "resume"


def test_the_hash_changes_with_the_contract(bundle: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(bundle))
    changed["$defs"]["App.ChatMessage"]["properties"]["text"]["maxLength"] += 1
    assert schema.contract_hash(changed) != schema.contract_hash(bundle)
    reordered = dict(reversed(bundle.items()))
    assert schema.contract_hash(reordered) == schema.contract_hash(bundle)


def test_all_forms_of_references_are_resolved(tmp_path: Path) -> None:
    properties = {
        "id": {"type": "integer", "readOnly": True},
        "file": {"$ref": "../types/money.schema.json"},
        "part": {"$ref": "../types/money.schema.json#/$defs/currency"},
        "own": {"$ref": "#/$defs/colour"},
        "deep": {"$ref": "#/$defs/colour/properties/name"},
        "self": {"$ref": "#"},
        "protocol": {"$ref": "../types/room_name.schema.json"},
        "by_id": {"$ref": "https://example.com/money"},
        "$ref": {"type": "string", "default": "no reference"},
        "data": {"const": {"$ref": "no reference"}},
    }
    folder = write(
        tmp_path,
        {
            "types/money.schema.json": {
                "$id": "https://example.com/money",
                "title": "Money",
                "type": "integer",
                "$defs": {"currency": {"enum": ["EUR"]}},
            },
            "resources/items.json": {
                "title": "Item",
                "type": "object",
                "x-resource": {"key": "id"},
                "properties": properties,
                "$defs": {"colour": {"title": "Hue", "type": "object", "properties": {"name": {"type": "string"}}}},
            },
        },
    )
    found = schema.load(folder)
    assert schema.lint(found) == []
    read = found.by_key["App.Item"]["properties"]
    assert {name: read[name].get("$ref") for name in properties if name not in {"id", "$ref", "data"}} == {
        "file": "#/$defs/App.Money",
        "part": "#/$defs/App.MoneyCurrency",
        "own": "#/$defs/App.Hue",
        "deep": "#/$defs/App.Hue/properties/name",
        "self": "#/$defs/App.Item",
        "protocol": "#/$defs/RoomName",
        "by_id": "#/$defs/App.Money",
    }
    assert read["data"] == {"const": {"$ref": "no reference"}}
    assert found.resources["items"].properties["deep"].type == "string"


def test_an_application_may_use_titles_of_the_protocol(tmp_path: Path) -> None:
    row = {
        "title": "JoinRequest",
        "type": "object",
        "x-resource": {"key": "id"},
        "properties": {"id": {"type": "string"}},
        "required": ["id"],
    }
    found = schema.load(write(tmp_path, {"resources/joins.json": row}))
    assert schema.lint(found) == []
    assert schema.bundle(found)["$defs"]["JoinRequest"]["properties"]["type"] == {"const": "join"}
    assert schema.bundle(found)["$defs"]["App.JoinRequest"]["x-resource"] == {"key": "id"}


def test_an_empty_folder_has_only_the_protocol(tmp_path: Path) -> None:
    found = schema.load(tmp_path)
    assert schema.lint(found) == []
    assert (found.resources, found.rooms) == ({}, {})
    assert "join" in found.client


def test_without_a_folder_the_packaged_application_is_loaded() -> None:
    assert sorted(schema.load(None).resources) == ["tasks", "users"]


names = st.text(alphabet="ab*", max_size=5)


@given(names, names, st.lists(st.text(alphabet="ab", max_size=5), max_size=30))
def test_patterns_that_share_a_name_overlap(left: str, right: str, candidates: list[str]) -> None:
    both = [
        name
        for name in candidates
        if patterns.compiled(left).fullmatch(name) and patterns.compiled(right).fullmatch(name)
    ]
    if both:
        assert patterns.overlap(left, right)
    assert patterns.overlap(left, right) == patterns.overlap(right, left)


def test_patterns_that_share_no_name_do_not_overlap() -> None:
    for left, right in [("chat-*", "cursor-*"), ("chat-*-x", "chat-*-y"), ("a", "b"), ("a", "*b"), ("", "a*")]:
        assert not patterns.overlap(left, right)


def test_patterns_match_all_characters_except_the_star_literally() -> None:
    assert patterns.compiled("a.b-*").fullmatch("a.b-\n")
    assert not patterns.compiled("a.b-*").fullmatch("axb-")
