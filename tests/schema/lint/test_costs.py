"""Schemas with which clients could make validation slow: the linter refuses them, and accepted ones are fast."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.schema.lint.test_lint import problems, sound, write
from tests.support.gateway import ROOT
from tests.support.work import least_cost
from tidegate import schema
from tidegate.contract import Contract
from tidegate.contract.compiled import Compiler
from tidegate.core.errors import Refused
from tidegate.schema.lint.costs import WORK
from tidegate.schema.regex import fits, size_of

CHAT_FILE = "rooms/chat.schema.json"
NODE_FILE = "types/node.schema.json"


def chat(folder: Path, **keywords: Any) -> list[tuple[str, str, str]]:
    """The problems of a folder whose chat schema also has `keywords`."""
    files = sound()
    files[CHAT_FILE].update(keywords)
    return problems(write(folder, files))


# Patterns for which a backtracking engine needs exponential or quadratic time. The linear engine accepts them.
RUNAWAYS = [
    "^(a+)+$",
    "^(a|a)*$",
    "^(a|aa)+$",
    "(x+x+)+y",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(.*?,){11}P",
    "^(\\w+\\s?)*$",
    "(a*)*b",
]


@pytest.mark.parametrize("pattern", RUNAWAYS)
def test_patterns_that_backtrack_in_other_engines_are_matched_in_linear_time(tmp_path: Path, pattern: str) -> None:
    files = sound()
    files[CHAT_FILE].update(type="string", pattern=pattern, **{"x-access": {"join": "anyone", "send": "anyone"}})
    contract = Contract(schema.bundle(schema.load(write(tmp_path, files))))
    said = b'{"type":"message","room":"chat-1","data":"%s"}'
    for text in (b"a" * 60_000 + b"!", b"x" * 60_000, b"a," * 30_000):
        assert least_cost(partial(_decode, contract, said % text, "pattern"), 0.1) < 0.1


def _decode(contract: Contract, message: bytes, keyword: str | None = None) -> None:
    """Check that the message is accepted, or refused for its data and `keyword`."""
    try:
        contract.decode(message)
    except Refused as refused:
        assert refused.code == "invalid_data"
        assert keyword in {None, refused.keyword}


def test_the_validators_of_messages_have_no_backtracking_engine() -> None:
    with pytest.raises(ValueError, match="regex"):
        Compiler({}).schema({"pattern": "^(?=a)(b+)+$"})


@pytest.mark.parametrize("pattern", ["^(?=.*[0-9]).+$", "^(?!admin)", "(?<=a)b", "(?<!a)b", "(a|b)\\1", "^(?=a)(b+)+$"])
def test_patterns_that_need_backtracking_are_refused(tmp_path: Path, pattern: str) -> None:
    [(file, place, reason)] = chat(tmp_path, properties={"text": {"type": "string", "pattern": pattern}})
    assert (file, place) == (CHAT_FILE, "/properties/text/pattern")
    assert "without lookaround" in reason
    assert "allOf" in reason


def test_pattern_properties_have_the_same_limits(tmp_path: Path) -> None:
    found = chat(tmp_path, patternProperties={"^(?!x-)/": {"type": "string"}, "(": {}})
    assert [(place, "backtracking" in reason) for _, place, reason in found] == [
        ("/patternProperties/(", False),
        ("/patternProperties/^(?!x-)~1", True),
    ]


def test_a_too_large_pattern_is_refused_with_a_suggestion(tmp_path: Path) -> None:
    [(_, place, reason)] = chat(tmp_path, properties={"text": {"pattern": "^(.{1,1000}){1,1000}$", "maxLength": 9}})
    assert place == "/properties/text/pattern"
    assert "maxLength" in reason


def test_a_large_pattern_needs_max_length(tmp_path: Path) -> None:
    pattern = "^\\p{L}{1,20}$"
    size = size_of(pattern)
    assert size is not None
    assert not fits(pattern, size // 2)
    [(_, _, reason)] = chat(tmp_path, properties={"text": {"pattern": pattern}})
    assert f"`maxLength` of at most {WORK // size}" in reason
    assert chat(tmp_path, properties={"text": {"pattern": pattern, "maxLength": WORK // size}}) == []
    assert len(chat(tmp_path, properties={"text": {"pattern": pattern, "maxLength": WORK // size + 1}})) == 1


@pytest.mark.parametrize(
    "pattern",
    ["^[a-z0-9_-]{1,64}$", "^[^@\\s]+@[^@\\s]+$", "^[A-Z]{2}\\d{2}[A-Z0-9]{11,30}$", "^\\w+$", "^#[0-9a-f]{6}$"],
)
def test_common_patterns_pass(tmp_path: Path, pattern: str) -> None:
    assert chat(tmp_path, properties={"text": {"pattern": pattern}}) == []


UNIQUE: dict[str, tuple[dict[str, Any], bool]] = {
    "of anything": ({}, False),
    "of objects": ({"items": {"type": "object"}}, False),
    "of arrays or null": ({"items": {"type": ["array", "null"]}}, False),
    "of objects by reference": ({"items": {"$ref": "#/$defs/thing"}}, False),
    "of one of several": ({"items": {"anyOf": [{"type": "string"}, {"type": "object"}]}}, False),
    "of many objects": ({"items": {"type": "object"}, "maxItems": 257}, False),
    "of few objects": ({"items": {"type": "object"}, "maxItems": 256}, True),
    "of texts": ({"items": {"type": "string"}}, True),
    "of words": ({"items": {"enum": ["a", "b"]}}, True),
    "of texts after an object": ({"items": {"type": "string"}, "prefixItems": [{"type": "object"}]}, False),
}


@pytest.mark.parametrize("name", UNIQUE)
def test_unique_items_must_be_few_or_scalars(tmp_path: Path, name: str) -> None:
    keywords, passes = UNIQUE[name]
    tags = {"type": "array", "uniqueItems": True, **keywords}
    found = chat(tmp_path, properties={"tags": tags}, **{"$defs": {"thing": {"type": "object"}}})
    assert [place for _, place, _ in found] == ([] if passes else ["/properties/tags/uniqueItems"])
    assert all("maxItems" in reason for _, _, reason in found)


@pytest.mark.parametrize("word", ["$dynamicRef", "$dynamicAnchor", "$anchor"])
def test_dynamic_references_are_refused(tmp_path: Path, word: str) -> None:
    value = "#here" if word == "$dynamicRef" else "here"
    [(_, place, reason)] = chat(tmp_path, properties={"text": {word: value}})
    assert place == f"/properties/text/{word}"
    assert "$ref" in reason


# -- recursion -----------------------------------------------------------------------------------------------------

SELF = {"$ref": "node.schema.json"}
ARRAY = {"type": "array", "items": SELF}


def tagged(tag: dict[str, Any]) -> dict[str, Any]:
    """An alternative with a tag, and with trees inside."""
    return {"type": "object", "properties": {"op": tag, "args": ARRAY, "left": SELF}, "required": ["op"]}


TREES: dict[str, dict[str, Any]] = {
    "a tree": {"type": "object", "properties": {"text": {"type": "string"}, "children": ARRAY}},
    "any JSON": {
        "anyOf": [{"type": "string"}, ARRAY, {"type": "object", "additionalProperties": SELF}],
    },
    "a binary tree": {"type": "object", "properties": {"left": SELF, "right": SELF}},
    "a pair": {"type": "array", "prefixItems": [SELF, SELF], "items": False},
    "a list with a head": {"type": "array", "prefixItems": [SELF], "items": SELF},
    "named and other children": {"type": "object", "properties": {"a": SELF}, "additionalProperties": SELF},
    "alternatives beside the children": {
        "type": "object",
        "properties": {"op": {"enum": ["and", "or"]}, "args": ARRAY},
        "oneOf": [{"required": ["op"]}, {"required": ["args"]}],
    },
    "nullable": {"anyOf": [{"type": "null"}, {"type": "object", "properties": {"next": SELF}}]},
    "then and else": {
        "if": {"properties": {"op": {"const": "not"}}},
        "then": {"properties": {"args": {"items": SELF, "maxItems": 1}}},
        "else": {"properties": {"args": {"items": SELF}}},
    },
    "conditions about a tag": {
        "type": "object",
        "properties": {"op": {"enum": ["and", "or"]}},
        "required": ["op"],
        "allOf": [
            {"if": {"properties": {"op": {"const": op}}}, "then": {"properties": {"args": ARRAY}, "required": ["args"]}}
            for op in ("and", "or")
        ],
    },
    "alternatives with a tag": {"oneOf": [tagged({"const": "and"}), tagged({"const": "or"}), tagged({"const": "is"})]},
    "alternatives with an enum as tag": {"anyOf": [tagged({"enum": ["and", "or"]}), tagged({"enum": ["nor"]})]},
    "alternatives with a tag, or null": {"oneOf": [{"type": "null"}, tagged({"const": "a"}), tagged({"const": "b"})]},
    "a tag one level deeper": {
        "oneOf": [
            {
                "type": "object",
                "properties": {
                    "meta": {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]},
                    "children": ARRAY,
                },
                "required": ["meta"],
            }
            for kind in ("a", "b")
        ]
    },
    "a tag that is required beside the union": {
        "type": "object",
        "required": ["op"],
        "oneOf": [{"properties": {"op": {"const": op}, "children": ARRAY}} for op in ("and", "or")],
    },
    "a tag below names with percent signs": {
        "properties": {"a%20b": {"oneOf": [tagged({"const": "and"}), {"type": "null"}]}},
    },
    "a tag by reference": {
        "oneOf": [{"allOf": [{"$ref": f"#/$defs/{op}"}], "properties": {"left": SELF}} for op in ("and", "or")],
        "$defs": {op: {"properties": {"op": {"const": op}}, "required": ["op"]} for op in ("and", "or")},
    },
}
DOUBLED: dict[str, tuple[dict[str, Any], str]] = {
    "items in two alternatives": ({"anyOf": [ARRAY, {**ARRAY, "minItems": 1}]}, ""),
    "items in all of two": ({"type": "array", "allOf": [{"items": SELF}, {"items": SELF}]}, ""),
    "one of the items, and all": ({"type": "array", "items": SELF, "contains": SELF}, ""),
    "the same property of two alternatives": (
        {
            "oneOf": [
                {"properties": {"op": {"const": "and"}, "args": ARRAY}},
                {"properties": {"op": {"const": "or"}, "args": ARRAY}},
            ]
        },
        "",
    ),
    "alternatives with the same tag": ({"oneOf": [tagged({"const": "and"}), tagged({"enum": ["and", "or"]})]}, ""),
    "alternatives with a tag and one without": (
        {"oneOf": [tagged({"const": "and"}), tagged({"const": "or"}), tagged({"type": "string"})]},
        "",
    ),
    "alternatives with an optional tag": (
        {"oneOf": [{**tagged({"const": op}), "required": []} for op in ("and", "or")]},
        "",
    ),
    "a tag, and arrays beside the objects": (
        {"oneOf": [{"properties": {"op": {"const": op}}, "items": SELF, "required": ["op"]} for op in ("and", "or")]},
        "",
    ),
    "conditions about an optional tag": (
        {
            "allOf": [
                {"if": {"properties": {"op": {"const": op}}}, "then": {"properties": {"args": ARRAY}}} for op in "ab"
            ]
        },
        "",
    ),
    "conditions about different properties": (
        {"allOf": [{"if": {"required": [name]}, "then": {"properties": {"args": ARRAY}}} for name in "ab"]},
        "",
    ),
    "all of two with a tag": ({"allOf": [tagged({"const": "and"}), tagged({"const": "or"})]}, ""),
    "a tagged alternative, and beside it": (
        {"oneOf": [tagged({"const": "and"}), tagged({"const": "or"})], "properties": {"args": ARRAY}},
        "",
    ),
    "a property, and any": ({"properties": {"a": SELF}, "allOf": [{"additionalProperties": SELF}]}, ""),
    "patterns of names": ({"patternProperties": {"^a": SELF, "b$": SELF}}, ""),
    "if and then": ({"if": {"items": SELF}, "then": {"items": SELF}}, ""),
    "further inside": (
        {"properties": {"list": {"items": SELF, "not": {"items": SELF}}}},
        "/properties/list",
    ),
    "by way of a definition": (
        {"items": SELF, "anyOf": [{"$ref": "#/$defs/more"}], "$defs": {"more": {"items": SELF}}},
        "",
    ),
}
LOOPS: dict[str, tuple[dict[str, Any], str]] = {
    "itself": (SELF, ""),
    "itself among alternatives": ({"anyOf": [{"type": "string"}, SELF]}, ""),
    "not itself": ({"not": SELF}, ""),
    "round a corner": ({"allOf": [{"$ref": "#/$defs/more"}], "$defs": {"more": SELF}}, ""),
}


def node(folder: Path, written: dict[str, Any]) -> list[tuple[str, str, str]]:
    files = sound()
    files[NODE_FILE] = {"title": "Node", **written}
    files[CHAT_FILE]["properties"] = {"tree": {"$ref": "../types/node.schema.json"}}
    return problems(write(folder, files))


@pytest.mark.parametrize("name", TREES)
def test_recursive_trees_pass(tmp_path: Path, name: str) -> None:
    assert node(tmp_path, TREES[name]) == []


def test_the_recursive_types_in_the_readme_pass(tmp_path: Path) -> None:
    blocks = re.findall(r"```json\n(.*?)```", (ROOT / "schema" / "README.md").read_text(), re.DOTALL)
    types = [written for block in blocks if "title" in (written := json.loads(block))]
    assert {"Expr", "Condition"} == {written["title"] for written in types}
    files = sound()
    for written in types:
        files[f"types/{written['title'].lower()}.schema.json"] = written
    names = ("expr", "condition")
    files[CHAT_FILE]["properties"] = {name: {"$ref": f"../types/{name}.schema.json"} for name in names}
    assert problems(write(tmp_path, files)) == []


@pytest.mark.parametrize("name", DOUBLED)
def test_recursion_that_doubles_with_every_level_is_refused(tmp_path: Path, name: str) -> None:
    written, place = DOUBLED[name]
    found = node(tmp_path, written)
    assert (NODE_FILE, place) in [(file, where) for file, where, _ in found]
    assert all("in one place only" in reason and "`const`" in reason for _, _, reason in found)


@pytest.mark.parametrize("name", LOOPS)
def test_a_schema_that_refers_to_itself_for_the_same_value_is_refused(tmp_path: Path, name: str) -> None:
    written, place = LOOPS[name]
    found = node(tmp_path, written)
    assert (NODE_FILE, place) in [(file, where) for file, where, _ in found]
    assert all("refers to itself" in reason for _, _, reason in found)


@pytest.mark.parametrize("name", TREES)
def test_a_tree_refuses_the_deepest_message_quickly(tmp_path: Path, name: str) -> None:
    files = sound()
    files[NODE_FILE] = {"title": "Node", **TREES[name]}
    files[CHAT_FILE]["properties"] = {"tree": {"$ref": "../types/node.schema.json"}}
    contract = Contract(schema.bundle(schema.load(write(tmp_path, files))))
    messages = []
    for opening, closing in (("[", "]"), ('{"a":', "}"), ('{"left":', "}"), ('{"next":', "}"), ('{"children":[', "]}")):
        deep = opening * (29 // len(closing)) + "7.5" + closing * (29 // len(closing))
        messages.append(f'{{"type":"message","room":"chat-1","data":{{"tree":{deep}}}}}'.encode())
    for message in messages:
        assert least_cost(partial(_decode, contract, message), 0.1) < 0.1
