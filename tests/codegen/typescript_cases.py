"""Schemas with values: what must compile as a literal of the generated TypeScript type, and what must not.

A refused value is one that the schema refuses and that a type can refuse; a type may accept more than its schema.
"""

from __future__ import annotations

from typing import Any, NamedTuple


class Case(NamedTuple):
    """One schema. Python's jsonschema must accept all `accepted` values and none of the `refused` ones."""

    schema: dict[str, Any]
    accepted: list[Any]
    refused: list[Any]


TEXT: dict[str, Any] = {"type": "string"}
NUMBER: dict[str, Any] = {"type": "number"}


def record(required: str = "", /, **properties: Any) -> dict[str, Any]:
    """An object that is open."""
    return {"type": "object", "properties": properties, **({"required": required.split()} if required else {})}


def closed(required: str = "", /, **properties: Any) -> dict[str, Any]:
    return {**record(required, **properties), "additionalProperties": False}


def ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/$defs/{name}"}


BASE = record("id", id={"type": "integer"})
TAGGED = {
    "text": closed("kind text", kind={"const": "text"}, text=TEXT),
    "image": closed("kind width", kind={"const": "image"}, width=NUMBER, height=NUMBER),
    "poll": closed("kind votes", kind={"enum": ["poll", "vote"]}, votes={"type": "array", "items": TEXT}),
}
TREE = closed("value", value=NUMBER, children={"type": "array", "items": {"$ref": "#"}})

CASES: dict[str, Case] = {
    # objects and their other properties
    "an open object takes other properties": Case(
        record("a", a=TEXT, b=NUMBER), [{"a": ""}, {"a": "", "c": [1]}, {"a": "", "b": 1, "c": None}], [{}, {"a": 1}]
    ),
    "a closed object refuses a typo": Case(closed("a", a=TEXT, b=NUMBER), [{"a": ""}], [{"a": "", "bb": 1}, {}]),
    "an open object inside a closed one": Case(
        closed(a=record(b=TEXT)), [{"a": {"b": "", "c": 1}}, {}], [{"a": {"b": 1}}, {"c": {}}]
    ),
    "a closed object inside an open one": Case(
        record(a=closed(b=TEXT)), [{"a": {"b": ""}, "c": 1}], [{"a": {"c": ""}}, {"a": 1}]
    ),
    "a closed object without properties": Case(closed(), [{}], [{"a": 1}]),
    "properties of one schema": Case(
        {"type": "object", "additionalProperties": NUMBER}, [{}, {"a": 1, "b": 2}], [{"a": ""}, {"a": 1, "b": None}]
    ),
    "properties beside others of one schema": Case(
        {**record("name", name=TEXT, old={"type": "boolean"}), "additionalProperties": NUMBER},
        [{"name": "n"}, {"name": "n", "x": 1}, {"name": "n", "old": True}],
        [{"name": 1}, {"x": 1}, {"name": "n", "x": None}, {"name": "n", "x": {}}],
    ),
    "a required property that only has a name": Case(
        {"type": "object", "required": ["a"]}, [{"a": None}, {"a": 1, "b": 2}], [{}, {"b": 1}]
    ),
    "a required property of one schema": Case(
        {"type": "object", "required": ["a"], "additionalProperties": NUMBER}, [{"a": 1, "b": 2}], [{}, {"a": ""}]
    ),
    "a property that is forbidden": Case(record(a=False, b=True), [{}, {"b": 1, "c": 1}], [{"a": 1}]),
    "names that every object has": Case(
        closed("valueOf", toString=TEXT, constructor=NUMBER, valueOf=NUMBER, hasOwnProperty=TEXT),
        [{"valueOf": 1}, {"valueOf": 1, "toString": "", "constructor": 1}],
        [
            {"valueOf": ""},
            {"toString": ""},
            {"valueOf": 1, "tostring": ""},
            {"valueOf": 1, "toString": 1},
            {"valueOf": 1, "constructor": "x"},
        ],
    ),
    "names with any letters": Case(
        closed(**{"": TEXT, "a b": TEXT, "1": TEXT, "__proto__": TEXT, "a-b": TEXT, "x/~y": TEXT, "\U0001f600": TEXT}),
        [{"": "", "a b": "", "1": "", "__proto__": "", "a-b": "", "x/~y": "", "\U0001f600": ""}, {}],
        [{"a b": 1}, {"a  b": ""}, {"": 1}],
    ),
    "optional is not nullable": Case(
        closed(a=TEXT, b={"type": ["string", "null"]}), [{}, {"b": None}, {"a": "", "b": ""}], [{"a": None}]
    ),
    # patternProperties
    "patterns that begin the name": Case(
        {"type": "object", "patternProperties": {"^x-": TEXT}, "additionalProperties": False},
        [{}, {"x-a": "", "x-": ""}],
        [{"x-a": 1}, {"y": ""}],
    ),
    "patterns in an open object": Case(
        {**record(a=NUMBER), "patternProperties": {"^x-": TEXT, "_at$": NUMBER}},
        [{"x-a": "", "at": True, "a": 1, "b_at": 2}, {}],
        [{"x-a": 1}, {"b_at": ""}, {"a": ""}],
    ),
    "patterns that are more than a beginning": Case(
        {
            "type": "object",
            "patternProperties": {"^S_[0-9]+$": TEXT, "^N_[0-9]+$": NUMBER},
            "additionalProperties": False,
        },
        [{"S_1": "", "N_1": 1}],
        [{"S_1": 1}, {"N_1": ""}, {"X_1": ""}],
    ),
    "such a pattern says nothing of other names": Case(
        {"type": "object", "patternProperties": {"^S_[0-9]+$": TEXT}}, [{"S_1": "", "S_a": 1, "b": None}], []
    ),
    "patterns for all names": Case(
        {"type": "object", "patternProperties": {"": NUMBER}}, [{}, {"a": 1}], [{"a": ""}, {"a": None}]
    ),
    "patterns of letters only": Case(
        {"type": "object", "patternProperties": {"^[a-z]+$": NUMBER}, "additionalProperties": False},
        [{"a": 1}],
        [{"a": ""}, {"a": None}],
    ),
    "patterns that overlap": Case(
        {
            "type": "object",
            "patternProperties": {"^a[0-9]": NUMBER, "z$": TEXT, "^ab": {"type": "boolean"}},
            "additionalProperties": False,
        },
        [{"a1": 1, "bz": "", "abx": True}, {"az": ""}],
        [{"a1": None}],
    ),
    "patterns that list names": Case(
        {
            "type": "object",
            "patternProperties": {"^(left|right)$": NUMBER, "^top$": TEXT},
            "additionalProperties": False,
        },
        [{}, {"left": 1, "right": 2, "top": ""}],
        [{"left": ""}, {"lef": 1}, {"top": 1}],
    ),
    "patterns beside properties and others": Case(
        {**closed("a", a=TEXT), "patternProperties": {"^x_": NUMBER}, "additionalProperties": {"type": "boolean"}},
        [{"a": "", "x_1": 1, "b": True}],
        [{"a": "", "x_1": True}, {"a": "", "b": None}],
    ),
    "a pattern that forbids": Case({"type": "object", "patternProperties": {"^_": False}}, [{"a": 1}, {}], [{"_a": 1}]),
    "a pattern for a property with a schema": Case(
        {**closed(x_a={"enum": ["one", 1]}), "patternProperties": {"^x_": TEXT}}, [{"x_a": "one"}, {}], [{"x_a": 1}]
    ),
    "names from a list": Case(
        {"type": "object", "propertyNames": {"enum": ["a", "b"]}, "additionalProperties": NUMBER},
        [{}, {"a": 1, "b": 2}],
        [{"c": 1}, {"a": ""}],
    ),
    "names with a beginning": Case(
        {"type": "object", "propertyNames": {"pattern": "^x-"}, "additionalProperties": NUMBER},
        [{}, {"x-a": 1}],
        [{"a": 1}, {"x-a": ""}],
    ),
    "names from a pattern that lists them": Case(
        {**record(a=TEXT), "propertyNames": {"pattern": "^(a|b)$"}}, [{"a": "", "b": 1}], [{"c": 1}, {"a": 1}]
    ),
    "names from a pattern of all names": Case(
        {**record(a=TEXT), "propertyNames": {"pattern": ""}}, [{"b": 1}], [{"a": 1}]
    ),
    # allOf and $ref beside properties
    "allOf beside properties": Case(
        {"$defs": {"base": BASE}, "allOf": [ref("base")], **record("text", text=TEXT)},
        [{"id": 1, "text": "", "more": 1}],
        [{"id": 1}, {"text": ""}, {"id": "", "text": ""}],
    ),
    "$ref beside properties": Case(
        {"$defs": {"base": BASE}, **ref("base"), **record("text", text=TEXT)},
        [{"id": 1, "text": "", "more": 1}],
        [{"id": 1}, {"text": ""}],
    ),
    "allOf that is closed by unevaluatedProperties": Case(
        {"$defs": {"base": BASE}, "allOf": [ref("base")], **record(text=TEXT), "unevaluatedProperties": False},
        [{"id": 1, "text": ""}, {"id": 1}],
        [{"id": 1, "txt": ""}, {"text": ""}],
    ),
    "a diamond": Case(
        {
            "$defs": {
                "base": BASE,
                "left": {**ref("base"), **record(left=TEXT)},
                "right": {"allOf": [ref("base")], **record("right", right=NUMBER)},
            },
            "allOf": [ref("left"), ref("right")],
            "unevaluatedProperties": False,
        },
        [{"id": 1, "right": 1}, {"id": 1, "right": 1, "left": ""}],
        [{"id": 1}, {"right": 1}, {"id": 1, "right": 1, "lft": ""}, {"id": 1, "right": 1, "left": 2}],
    ),
    "a narrowed property": Case(
        {
            "$defs": {"event": record("event", event=TEXT, body=record(a=NUMBER))},
            "allOf": [ref("event"), record(event={"const": "stopped"}, body={"required": ["a"]})],
        },
        [{"event": "stopped", "body": {"a": 1, "b": 1}}, {"event": "stopped"}],
        [{"event": "started"}, {"event": "stopped", "body": {"a": ""}}, {"event": "stopped", "body": {}}],
    ),
    "a closed base allows nothing else": Case(
        {"$defs": {"base": closed(a=TEXT)}, "allOf": [ref("base")], **record(b=TEXT)}, [{"a": ""}, {}], [{"b": ""}]
    ),
    "a base of others of one schema": Case(
        {"$defs": {"base": {"type": "object", "additionalProperties": NUMBER}}, **ref("base"), **record(a=True)},
        [{"a": 1, "b": 2}],
        [{"a": ""}, {"b": ""}],
    ),
    "allOf of texts": Case({"allOf": [TEXT, {"minLength": 1}, {"enum": ["a", "b", 1]}]}, ["a", "b"], ["c", 1]),
    "a $ref with bounds beside it": Case(
        {"$defs": {"name": TEXT}, **record(a={**ref("name"), "maxLength": 3, "description": "A name."})},
        [{"a": ""}],
        [{"a": 1}],
    ),
    "nothing can meet it": Case(closed(a={"allOf": [TEXT, NUMBER]}), [{}], [{"a": ""}, {"a": 1}]),
    # references into a schema
    "definitions and places of properties": Case(
        {
            **record(
                "a",
                a=TEXT,
                b={"$ref": "#/properties/a"},
                c={"$ref": "#/definitions/size"},
                d={"$ref": "#/properties/e/items"},
                e={"type": "array", "items": closed(f=NUMBER)},
            ),
            "definitions": {"size": {"enum": ["small", "large"]}},
        },
        [{"a": "", "b": "", "c": "small", "d": {"f": 1}, "e": [{}]}],
        [{"a": "", "b": 1}, {"a": "", "c": "medium"}, {"a": "", "d": {"g": 1}}],
    ),
    "a place that refers to itself": Case(
        closed(t=closed(k={"type": "array", "items": {"$ref": "#/properties/t"}}, n=NUMBER)),
        [{"t": {"k": [{"k": [], "n": 1}]}}],
        [{"t": {"k": [{"k": [{"n": ""}]}]}}, {"t": {"k": [{"m": 1}]}}],
    ),
    "a tree": Case(
        TREE,
        [{"value": 1, "children": [{"value": 2, "children": []}]}],
        [{"value": 1, "children": [{"value": ""}]}, {"value": 1, "children": [{"value": 1, "child": []}]}],
    ),
    "a tree with a base": Case(
        {
            "$defs": {"base": record("id", id=NUMBER, parent={"$ref": "#"})},
            "allOf": [ref("base")],
            **record(children={"type": "array", "items": {"$ref": "#"}}),
            "unevaluatedProperties": False,
        },
        [{"id": 1, "children": [{"id": 2, "parent": {"id": 3}}]}],
        [{"id": 1, "children": [{}]}, {"id": 1, "parent": {"id": 2, "kids": []}}],
    ),
    "two recursions at once": Case(
        {
            "$defs": {"a": record(next=ref("a"), a=TEXT), "b": record(next=ref("b"), b=TEXT)},
            "allOf": [ref("a"), ref("b")],
        },
        [{"next": {"next": {"next": {"a": "", "b": ""}}, "a": "", "b": ""}}, {}],
        [{"a": 1}, {"next": {"b": 1}}],
    ),
    "a recursion over alternatives with a tag": Case(
        {
            "oneOf": [
                closed("op args", op={"enum": ["and", "or"]}, args={"type": "array", "items": {"$ref": "#"}}),
                closed("op of", op={"const": "not"}, of={"$ref": "#"}),
                closed("op name", op={"const": "is"}, name=TEXT),
            ]
        },
        [{"op": "and", "args": [{"op": "not", "of": {"op": "is", "name": "a"}}]}],
        [
            {"op": "and", "of": {"op": "is", "name": "a"}},
            {"op": "not", "of": {"op": "xor"}},
            {"op": "and", "args": [{}]},
        ],
    ),
    "any JSON value": Case(
        {
            "$defs": {
                "json": {
                    "oneOf": [
                        {"type": ["string", "number", "boolean", "null"]},
                        {"type": "array", "items": ref("json")},
                        {"type": "object", "additionalProperties": ref("json")},
                    ]
                }
            },
            **closed(value=ref("json")),
        },
        [{"value": {"a": [1, None, {"b": "c"}, []]}}, {"value": None}, {}],
        [{"valu": 1}],
    ),
    # arrays
    "a tuple of the length that minItems says": Case(
        {"type": "array", "prefixItems": [TEXT, NUMBER], "minItems": 2, "items": False},
        [["", 1]],
        [[""], ["", 1, 2], [1]],
    ),
    "a tuple with an optional end": Case(
        {"type": "array", "prefixItems": [TEXT, NUMBER], "minItems": 1, "items": {"type": "boolean"}},
        [[""], ["", 1], ["", 1, True, False]],
        [[], ["", True], ["", 1, 2]],
    ),
    "a tuple that may be empty": Case(
        {"type": "array", "prefixItems": [TEXT, NUMBER]}, [[], [""], ["", 1, None, {}]], [[1], ["", ""]]
    ),
    "a tuple that maxItems ends": Case(
        {"type": "array", "prefixItems": [TEXT, NUMBER], "minItems": 2, "maxItems": 2}, [["", 1]], [["", 1, 1], [""]]
    ),
    "a tuple that unevaluatedItems ends": Case(
        {"type": "array", "prefixItems": [TEXT], "minItems": 1, "unevaluatedItems": False}, [[""]], [["", 1], []]
    ),
    "contains evaluates items": Case(
        {"type": "array", "prefixItems": [TEXT], "contains": NUMBER, "unevaluatedItems": False},
        [["", 1], ["", 1, 2]],
        [["", 1, True]],
    ),
    "a tuple of unions": Case(
        {
            "type": "array",
            "prefixItems": [{"type": ["string", "null"]}, {"enum": ["a", 1]}],
            "items": {"enum": [1, "b"]},
        },
        [[None, 1], ["", "a", 1, "b"], []],
        [[1], ["", "b"], ["", "a", "a"]],
    ),
    "arrays of arrays": Case(
        {"type": "array", "items": {"type": "array", "items": {"type": ["string", "number"]}}},
        [[], [[]], [["", 1]]],
        [[1], [[None]]],
    ),
    "an array that must be empty": Case({"type": "array", "items": False}, [[]], [[1]]),
    "a tuple with a base": Case(
        {"allOf": [{"type": "array", "prefixItems": [TEXT]}, {"prefixItems": [True, NUMBER], "minItems": 2}]},
        [["", 1], ["", 1, 2]],
        [[""], [1, 1]],
    ),
    # values
    "an enum of several types": Case({"enum": ["a", 1, None, True, 1.5]}, ["a", 1, None, True, 1.5], ["b", 2, False]),
    "an enum of objects and arrays": Case(
        {"enum": [{"a": [1, {"b": None}]}, [], {}, ["x", 2]]}, [{"a": [1, {"b": None}]}, [], {}, ["x", 2]], [["x"], 1]
    ),
    "a const of an object": Case(
        {"const": {"a": 1, "b": [True]}}, [{"a": 1, "b": [True]}], [{"a": 1}, {"a": 1, "b": []}]
    ),
    "a const of null": Case({"const": None}, [None], [0, "null"]),
    "an enum and a type": Case({"type": "string", "enum": ["a", 1, None]}, ["a"], [1, None]),
    "numbers of any form": Case({"enum": [-1, 1e16, 0, -1.5e-7]}, [-1, 1e16, 0, -1.5e-7], [1, "0"]),
    "texts of any letters": Case(
        {"enum": ['"', "\\", "\n", "\u2028", "\x00", "`${x}`", "\u202e", "\U0001f600", "*/"]},
        ['"', "\\", "\n", "\u2028", "\x00", "`${x}`", "\u202e", "\U0001f600", "*/"],
        ["", "'"],
    ),
    "several types": Case({"type": ["integer", "null", "array"]}, [1, None, [1, ""]], ["", True, {}]),
    "not a type": Case({"not": {"type": ["string", "null"]}}, [1, [], {"a": 1}, True], ["", None]),
    "not something": Case({"type": "string", "not": {"enum": ["a"]}}, ["b", ""], [1]),
    # unions
    "objects with a tag": Case(
        {"$defs": TAGGED, "oneOf": [ref("text"), ref("image"), ref("poll")]},
        [{"kind": "text", "text": ""}, {"kind": "image", "width": 1}, {"kind": "vote", "votes": [""]}],
        [
            {"kind": "text", "width": 1},
            {"kind": "poll"},
            {"kind": "txt", "text": ""},
            {"kind": "text", "text": "", "w": 1},
        ],
    ),
    "objects with a tag and without a type": Case(
        {
            "oneOf": [
                {"properties": {"kind": {"const": "a"}, "a": TEXT}, "required": ["kind", "a"]},
                {"properties": {"kind": {"const": "b"}, "b": TEXT}, "required": ["kind", "b"]},
            ]
        },
        [{"kind": "a", "a": "", "c": 1}, {"kind": "b", "b": ""}],
        ["", 1, None, {"kind": "a", "b": ""}],
    ),
    "a tag beside common properties": Case(
        {
            **record("kind", kind={"enum": ["a", "b"]}, id=NUMBER),
            "oneOf": [
                {"properties": {"kind": {"const": "a"}, "a": TEXT}, "required": ["a"]},
                {"properties": {"kind": {"const": "b"}, "b": TEXT}},
            ],
            "unevaluatedProperties": False,
        },
        [{"kind": "a", "a": "", "id": 1}, {"kind": "b"}, {"kind": "b", "b": ""}],
        [{"kind": "a"}, {"kind": "c"}, {"kind": "a", "a": "", "b": ""}, {"kind": "b", "id": ""}],
    ),
    "a union inside a union": Case(
        {
            "$defs": {**TAGGED, "few": {"anyOf": [ref("text"), ref("image")]}},
            "anyOf": [ref("few"), ref("poll"), {"type": "null"}],
        },
        [None, {"kind": "text", "text": ""}, {"kind": "poll", "votes": []}],
        [{"kind": "text"}, 1],
    ),
    "alternatives that may both hold": Case(
        {**record(), "anyOf": [record("a", a=TEXT), record("b", b=TEXT)], "unevaluatedProperties": False},
        [{"a": ""}, {"b": ""}, {"a": "", "b": ""}],
        [{"a": 1}, {"a": "", "c": 1}],
    ),
    "alternatives of what is required": Case(
        {
            **closed(id=NUMBER, ids={"type": "array", "items": NUMBER}),
            "oneOf": [{"required": ["id"]}, {"required": ["ids"]}],
        },
        [{"id": 1}, {"ids": [1]}],
        [{"id": ""}, {"idd": 1}],
    ),
    "alternatives of formats": Case(
        {"type": "string", "anyOf": [{"format": "date"}, {"maxLength": 3}]}, ["2026-01-01", "abc"], [1]
    ),
    "one of several types": Case(
        {"oneOf": [TEXT, NUMBER, {"type": "array", "items": {"oneOf": [TEXT, NUMBER]}}]},
        ["", 1, ["", 1]],
        [True, [None]],
    ),
    "two unions": Case(
        {
            "type": "object",
            "allOf": [
                {"oneOf": [record("a", a={"const": 1}), record("a", a={"const": 2})]},
                {"oneOf": [record("b", b={"const": 1}), record("b", b={"const": 2})]},
            ],
        },
        [{"a": 1, "b": 2, "c": 1}, {"a": 2, "b": 1}],
        [{"a": 1}, {"a": 3, "b": 1}],
    ),
    # conditions
    "if, then and else": Case(
        {
            **record("kind", kind=TEXT),
            "if": {"properties": {"kind": {"const": "a"}}},
            "then": {"properties": {"x": TEXT}, "required": ["x"]},
            "else": {"properties": {"y": NUMBER}},
        },
        [{"kind": "a", "x": "", "y": ""}, {"kind": "b", "y": 1, "x": 5}],
        [{"kind": 1}],
    ),
    "if, then and else in a closed object": Case(
        {
            **record("kind", kind=TEXT),
            "if": {"properties": {"kind": {"const": "a"}}},
            "then": {"properties": {"x": TEXT}},
            "else": {"properties": {"x": NUMBER, "y": NUMBER}},
            "unevaluatedProperties": False,
        },
        [{"kind": "a", "x": ""}, {"kind": "b", "y": 1, "x": 5}],
        [{"kind": "a", "z": 1}, {"kind": "b", "x": None}],
    ),
    "dependentSchemas in a closed object": Case(
        {
            **record(card=TEXT),
            "dependentSchemas": {"card": {"properties": {"owner": TEXT}, "required": ["owner"]}},
            "unevaluatedProperties": False,
        },
        [{}, {"card": "", "owner": ""}],
        [{"card": "", "owner": "", "x": 1}],
    ),
    "a property that a pattern or a condition evaluates": Case(
        {
            "type": "object",
            "patternProperties": {"^x": NUMBER},
            "if": {"required": ["k"]},
            "then": {"properties": {"k": True, "x1": {"const": 1}}},
            "unevaluatedProperties": False,
        },
        [{"x1": 5}, {"k": "", "x1": 1}],
        [{"x1": ""}],
    ),
    "unevaluatedProperties with a schema": Case(
        {"allOf": [record(a=TEXT)], "type": "object", "unevaluatedProperties": NUMBER},
        [{"a": "", "b": 1}],
        [{"a": 1}, {"b": None}],
    ),
    "unevaluatedProperties does not see its neighbours": Case(
        {"allOf": [{**record(a=TEXT), "unevaluatedProperties": False}], **record(b=TEXT)}, [{"a": ""}], [{"b": ""}]
    ),
    "additionalProperties evaluates all": Case(
        {"allOf": [{"type": "object", "additionalProperties": True}], "unevaluatedProperties": False}, [{"a": 1}], [1]
    ),
    # no type
    "properties without a type say nothing of other values": Case(
        {"properties": {"a": TEXT}, "required": ["a"]}, [{"a": "", "b": 1}, 1, "", None, [1], True], [{"a": 1}, {}]
    ),
    "bounds without a type": Case({"minLength": 2, "minimum": 3}, ["ab", 3, None, [], {}, True], []),
    "items without a type": Case({"items": NUMBER}, [[1], "", {"a": 1}], [[""]]),
}
