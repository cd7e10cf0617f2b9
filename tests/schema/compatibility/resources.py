"""Pairs about resources: what clients read, create, update, filter and sort by."""

from __future__ import annotations

from typing import Any

from tests.schema.compatibility.pairs import NUMBER, TEXT, Folder, pair, rows, shut

NAME = {"name": {"type": "string", "maxLength": 20}}
OTHER = {"resources/others": {**rows(NAME)["resources/rows"], "title": "Other"}}
CARD = {"how": {"enum": ["card", "cash"]}, "number": {"type": "string", "maxLength": 20}}
NEEDS_NUMBER: dict[str, Any] = {
    "if": {"properties": {"how": {"const": "card"}}, "required": ["how"]},
    "then": {"required": ["number"]},
}


def named(*required: str, **words: Any) -> Folder:
    return rows({"name": {**NAME["name"], **words}}, *required)


LINE = {"k": {"const": "line"}}
UNION = {"oneOf": [shut({"k": {"const": "dot"}, "x": NUMBER}, "k"), shut(LINE, "k")]}
UNION_OF_TEXTS = {"oneOf": [shut({"k": {"const": "dot"}, "x": TEXT}, "k"), shut(LINE, "k")]}
LARGE: dict[str, Any] = {"type": "string", "format": "int64"}

PAIRS = (
    pair(
        "a union in a row",
        rows({"v": UNION}),
        rows({"v": UNION_OF_TEXTS}),
        "breaking rows /properties/v/oneOf/0/properties/x",
    ),
    pair(
        "integers in an array become large ones",
        rows({"v": {"type": "array", "items": NUMBER}}),
        rows({"v": {"type": "array", "items": LARGE}}),
        "breaking rows /properties/v/items",
    ),
    pair(
        "a nullable property is always there now, with a default",
        named(),
        named("name", default="a"),
        "breaking rows /properties/name",
        "note rows /properties/name/default",
    ),
    pair(
        "a list of values that moves to a file of types/",
        rows({"v": {"enum": ["a", "b"]}}),
        {**rows({"v": {"$ref": "../types/ab.schema.json"}}), "types/ab": {"title": "Ab", "enum": ["b", "a"]}},
    ),
    pair(
        "a key in another order",
        rows(NAME, "name", resource={"key": ["id", "name"]}),
        rows(NAME, "name", resource={"key": ["name", "id"]}),
        "breaking rows /x-resource/key",
    ),
    pair("a row with at least two properties", rows(NAME), rows(NAME, minProperties=2), "breaking rows "),
    pair("an optional property", rows(NAME), rows({**NAME, "age": NUMBER})),
    pair("a required property", rows(NAME), rows({**NAME, "age": NUMBER}, "age"), "breaking rows /required"),
    pair(
        "a required property with a default",
        rows(NAME),
        rows({**NAME, "age": {"type": "integer", "default": 0}}, "age"),
    ),
    pair(
        "a required property that a claim fills",
        rows(NAME),
        rows({**NAME, "org": {"type": "string", "default": "$user.org"}}, "org"),
    ),
    pair(
        "a property that no claim fills any more",
        rows({**NAME, "org": {"type": "string", "default": "$user.org"}}, "org"),
        rows({**NAME, "org": {"type": "string"}}, "org"),
        "breaking rows /required",
        "note rows /properties/org/default",
    ),
    pair(
        "a required property that the database makes",
        rows(NAME),
        rows({**NAME, "age": {"type": "integer", "readOnly": True}}, "age"),
    ),
    pair("a removed property", rows({**NAME, "age": NUMBER}), rows(NAME), "breaking rows /properties/age"),
    pair(
        "a removed property that is required",
        rows({**NAME, "age": NUMBER}, "age"),
        rows(NAME),
        "breaking rows /properties/age",
    ),
    pair("a shorter text", named(), named(maxLength=9), "breaking rows /properties/name"),
    pair("a longer text", named(), named(maxLength=99), "breaking rows /properties/name"),
    pair(
        "a value more",
        rows({"how": {"enum": ["a"]}}),
        rows({"how": {"enum": ["a", "b"]}}),
        "breaking rows /properties/how",
    ),
    pair(
        "a value less",
        rows({"how": {"enum": ["a", "b"]}}),
        rows({"how": {"enum": ["a"]}}),
        "breaking rows /properties/how",
    ),
    pair("a property that clients may only read now", named(), named(readOnly=True), "breaking rows /properties/name"),
    pair(
        "a property that clients may only write now", named(), named(writeOnly=True), "breaking rows /properties/name"
    ),
    pair("a property that clients may write now", named(readOnly=True), named()),
    pair("a property is optional now", named("name"), named(), "breaking rows /required"),
    pair(
        "a property is required now",
        named(),
        named("name"),
        "breaking rows /required",
        "breaking rows /properties/name",
    ),
    pair(
        "a property that clients may only write is required now, so that they may not clear it",
        rows({"pin": {"type": "string", "writeOnly": True}}),
        rows({"pin": {"type": "string", "writeOnly": True}}, "pin"),
        "breaking rows /required",
        "breaking rows /properties/pin",
    ),
    pair("a default of a row", named("name"), named("name", default="a"), "note rows /properties/name/default"),
    pair(
        "another default", named("name", default="a"), named("name", default="b"), "note rows /properties/name/default"
    ),
    pair(
        "no default any more",
        named("name", default="a"),
        named("name"),
        "breaking rows /required",
        "note rows /properties/name/default",
    ),
    pair(
        "another key", rows(NAME, "name"), rows(NAME, "name", resource={"key": "name"}), "breaking rows /x-resource/key"
    ),
    pair("a unique property", rows(NAME), rows(NAME, resource={"unique": [["name"]]}), "note rows /x-resource/unique"),
    pair(
        "a property that need not be unique",
        rows(NAME, resource={"unique": [["name"]]}),
        rows(NAME),
        "note rows /x-resource/unique",
    ),
    pair(
        "a reference",
        {**rows({**NAME, "of": NUMBER}), **OTHER},
        {**rows({**NAME, "of": NUMBER}, resource={"references": {"of": "others.id"}}), **OTHER},
        "note rows /x-resource/references/of",
    ),
    pair("an index and a table", rows(NAME), rows(NAME, resource={"indexes": [["name"]], "table": "names"})),
    pair("a removed resource", {**rows(NAME), **OTHER}, rows(NAME), "breaking others "),
    pair("a new resource", rows(NAME), {**rows(NAME), **OTHER}),
    pair("a resource of another name", rows(NAME), {"resources/names": rows(NAME)["resources/rows"]}, "breaking rows "),
    pair(
        "an integer becomes a large one",
        rows({"n": NUMBER}),
        rows({"n": {"type": "string", "format": "int64"}}),
        "breaking rows /properties/n",
    ),
    pair("a card must have a number", rows(CARD), rows(CARD, **NEEDS_NUMBER), "breaking rows /then/required"),
    pair("a card need not have a number", rows(CARD, **NEEDS_NUMBER), rows(CARD)),
    pair(
        "an object in a row gets an optional property",
        rows({"at": shut({"x": NUMBER})}),
        rows({"at": shut({"x": NUMBER, "y": NUMBER})}),
    ),
    pair(
        "an object in a row loses a property",
        rows({"at": shut({"x": NUMBER, "y": NUMBER})}),
        rows({"at": shut({"x": NUMBER})}),
        "breaking rows /properties/at/properties/y",
    ),
    pair("a deprecated property of a row", named(), named(deprecated=True), "note rows /properties/name/deprecated"),
    pair("texts in other words", rows({"v": TEXT}), rows({"v": {"type": "string", "description": "A text."}})),
)
