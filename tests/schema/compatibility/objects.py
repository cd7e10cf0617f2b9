"""Pairs about objects: properties that come and go, closed and open objects, rules about several properties."""

from __future__ import annotations

from tests.schema.compatibility.pairs import (
    NUMBER,
    TEXT,
    Pair,
    Schema,
    ask,
    both,
    open_,
    pair,
    received,
    ref,
    room,
    sent,
    shut,
    told,
)

A, AB = {"a": TEXT}, {"a": TEXT, "b": TEXT}
SPLIT = {"type": "object", "allOf": [{"properties": {"a": TEXT}}, {"properties": {"b": TEXT}, "required": ["b"]}]}
HOW = {"how": {"enum": ["card", "cash"]}, "number": TEXT}
CARD = {"if": {"properties": {"how": {"const": "card"}}, "required": ["how"]}}
EXTRA = {"patternProperties": {"^x-": TEXT}, "additionalProperties": False}
INSIDE: tuple[Pair, ...] = (
    sent("an optional property", shut(A), shut(AB)),
    sent("a required property", shut(A), shut(AB, "b"), "breaking /required"),
    sent("a property is required now", shut(AB), shut(AB, "b"), "breaking /required"),
    sent("a property is optional now", shut(AB, "b"), shut(AB)),
    sent("a removed property", shut(AB), shut(A), "breaking /properties/b"),
    sent("a renamed property", shut(A), shut({"name": TEXT}), "breaking /properties/a"),
    sent("a removed property of an open object", open_(AB), open_(A)),
    sent("a property of an open object", open_(A), open_(AB), "note /properties/b"),
    sent("a property of an object that named none", {"type": "object"}, open_(A), "breaking /properties/a"),
    sent("an open object is closed", open_(A), shut(A), "breaking /additionalProperties"),
    sent("a closed object is open", shut(A), open_(A)),
    sent(
        "other properties are texts now",
        open_(A),
        open_(A, additionalProperties=TEXT),
        "breaking /additionalProperties",
    ),
    sent(
        "other properties are shorter",
        open_({}, additionalProperties=TEXT),
        open_({}, additionalProperties={"type": "string", "maxLength": 3}),
        "breaking /additionalProperties",
    ),
    received("an optional property", shut(A), shut(AB)),
    received("a required property", shut(A), shut(AB, "b")),
    received("a property is optional now", shut(AB, "b"), shut(AB), "breaking /required"),
    received("a property is always there now", shut(AB), shut(AB, "b")),
    received("an optional property is removed", shut(AB), shut(A)),
    received("an optional property of an open object is removed", open_(AB), open_(A), "note /properties/b"),
    received("a required property is removed", shut(AB, "b"), shut(A), "breaking /properties/b"),
    received("no property is named any more", open_(A), {"type": "object"}, "breaking /properties/a"),
    received("a renamed property", shut(A, "a"), shut({"name": TEXT}, "name"), "breaking /properties/a"),
    received("a closed object is open", shut(A), open_(A)),
    received("an open object is closed", open_(A), shut(A)),
    received(
        "a shorter text inside",
        shut({"a": {"type": "string", "maxLength": 5}}),
        shut({"a": {"type": "string", "maxLength": 3}}),
    ),
    received(
        "a longer text inside",
        shut({"a": {"type": "string", "maxLength": 3}}),
        shut({"a": {"type": "string", "maxLength": 5}}),
        "breaking /properties/a",
    ),
    received("listed objects with a property more", shut(A), {"enum": [{"a": "x", "b": "y"}]}),
    sent("listed objects with a property less", {"enum": [{"a": "x", "b": "y"}]}, shut(A), "breaking"),
    both("an optional property", shut(A), shut(AB)),
    both("a removed property", shut(AB), shut(A), "breaking /properties/b"),
    both("a required property", shut(A), shut(AB, "b"), "breaking /required"),
    both("another order", shut(AB, "a", "b"), shut({"b": TEXT, "a": TEXT}, "b", "a")),
    sent("a name that patterns allow", open_({}, **EXTRA), open_({"x-a": TEXT}, **EXTRA)),
    sent(
        "a named property is under a pattern now",
        shut({"x-a": {"type": "string", "maxLength": 3}}),
        open_({}, **EXTRA),
    ),
    sent(
        "shorter values under a pattern",
        open_({}, **EXTRA),
        open_({}, patternProperties={"^x-": {"type": "string", "maxLength": 3}}, additionalProperties=False),
        "breaking /patternProperties/^x-",
    ),
    sent(
        "another pattern of names",
        open_({}, **EXTRA),
        open_({}, patternProperties={"^y-": TEXT}, additionalProperties=False),
        "breaking /patternProperties/^x-",
    ),
    sent("names are longer", open_({}, propertyNames={"maxLength": 5}), open_({}, propertyNames={"maxLength": 9})),
    sent(
        "names are shorter",
        open_({}, propertyNames={"maxLength": 9}),
        open_({}, propertyNames={"maxLength": 5}),
        "breaking /propertyNames",
    ),
    sent("fewer properties", shut(AB), shut(AB, maxProperties=1), "breaking"),
    sent("as many properties as there are", shut(AB), shut(AB, maxProperties=2)),
    sent("a must come with b", shut(AB), shut(AB, dependentRequired={"a": ["b"]}), "breaking /dependentRequired"),
    sent("a must come with b, which is required", shut(AB, "b"), shut(AB, "b", dependentRequired={"a": ["b"]})),
    sent("a need not come with b", shut(AB, dependentRequired={"a": ["b"]}), shut(AB)),
    sent(
        "a card must have a number",
        shut(HOW),
        shut(HOW, **CARD, then={"required": ["number"]}),
        "breaking /then/required",
    ),
    sent("a card need not have a number", shut(HOW, **CARD, then={"required": ["number"]}), shut(HOW)),
    sent(
        "a card must have a number, as it did, and a name is new",
        shut(HOW, **CARD, then={"required": ["number"]}),
        shut({**HOW, "name": TEXT}, **CARD, then={"required": ["number"]}),
    ),
    sent(
        "a text is refused", shut(A), shut({"a": {"type": "string", "not": {"const": "x"}}}), "breaking /properties/a"
    ),
    sent("a text is no longer refused", shut({"a": {"type": "string", "not": {"const": "x"}}}), shut(A)),
    sent("properties in allOf", open_(AB, "b"), SPLIT),
    sent("properties no longer in allOf", SPLIT, open_(AB, "b")),
    both("properties in allOf, closed at the end", shut(AB, "b"), {**SPLIT, "unevaluatedProperties": False}),
    both("properties no longer in allOf, closed", {**SPLIT, "unevaluatedProperties": False}, shut(AB, "b")),
    sent(
        "an allOf requires more",
        SPLIT,
        {"type": "object", "allOf": [{"properties": {"a": TEXT}, "required": ["a"]}, SPLIT["allOf"][1]]},
        "breaking /allOf/0/required",
    ),
    sent(
        "a constant property of another kind",
        shut({"a": {"const": 1}}),
        shut({"a": {"const": "1"}}),
        "breaking /properties/a",
    ),
)
THING, LESS = shut(A, title="Thing"), shut({"a": {"type": "string", "maxLength": 3}}, title="Thing")
BASE = {"$ref": "../types/thing.schema.json"}
JOINED = {"allOf": [BASE], "properties": {"x": TEXT}, "unevaluatedProperties": False}
JOINED_MORE = {"allOf": [BASE], "properties": {"x": TEXT, "y": TEXT}, "unevaluatedProperties": False}
OPEN_THING, OPEN_LESS = {**open_(A), "title": "Thing"}, {**open_(LESS["properties"]), "title": "Thing"}
NEEDED: tuple[Schema, ...] = ({"required": ["a"]}, {"required": ["b"]})
ELSEWHERE: tuple[Pair, ...] = (
    pair(
        "a base in allOf has shorter texts",
        {**ask({"v": {"allOf": [BASE, open_({"x": TEXT})]}}), **told({"v": BASE}), "types/thing": OPEN_THING},
        {**ask({"v": {"allOf": [BASE, open_({"x": TEXT})]}}), **told({"v": BASE}), "types/thing": OPEN_LESS},
        "breaking thing /properties/a",
    ),
    pair(
        "a base in allOf has longer texts",
        {**ask({"v": {"allOf": [BASE, open_({"x": TEXT})]}}), **told({"v": BASE}), "types/thing": OPEN_LESS},
        {**ask({"v": {"allOf": [BASE, open_({"x": TEXT})]}}), **told({"v": BASE}), "types/thing": OPEN_THING},
        "breaking thing /properties/a",
    ),
    pair(
        "a property beside a base, in a room that unevaluatedProperties closes",
        {**room(JOINED), "types/thing": OPEN_THING},
        {**room(JOINED_MORE), "types/thing": OPEN_THING},
    ),
    pair(
        "a property less beside a base, in a room that unevaluatedProperties closes",
        {**room(JOINED_MORE), "types/thing": OPEN_THING},
        {**room(JOINED), "types/thing": OPEN_THING},
        "breaking room /properties/y",
    ),
    pair("at least one of two properties", ask(AB), ask(AB, anyOf=[*NEEDED]), "breaking ask /anyOf"),
    pair(
        "at least one of two properties, as before", ask(AB, anyOf=[*NEEDED]), ask({**AB, "c": TEXT}, anyOf=[*NEEDED])
    ),
    pair(
        "a property that comes with more",
        ask(AB, dependentSchemas={"a": {"required": ["b"]}}),
        ask({**AB, "c": TEXT}, dependentSchemas={"a": {"required": ["b", "c"]}}),
        "breaking ask /dependentSchemas/a/required",
    ),
    pair("a text becomes an object in a room", room(TEXT), room(shut(A)), "breaking room "),
    pair(
        "an inline object moves into $defs",
        room(shut({"v": shut(A)})),
        room({**shut({"v": ref("thing")}), "$defs": {"thing": THING}}),
    ),
    pair(
        "a definition becomes inline",
        ask({"v": ref("thing")}, **{"$defs": {"thing": THING}}),
        ask({"v": shut(A)}),
    ),
    pair(
        "a definition moves into types/",
        ask({"v": ref("thing")}, **{"$defs": {"thing": THING}}),
        {**ask({"v": {"$ref": "../types/thing.schema.json"}}), "types/thing": THING},
    ),
    pair(
        "a definition that two messages use, and one of them sends",
        {
            **ask({"v": {"$ref": "../types/thing.schema.json"}}),
            **told({"v": {"$ref": "../types/thing.schema.json"}}),
            "types/thing": THING,
        },
        {
            **ask({"v": {"$ref": "../types/thing.schema.json"}}),
            **told({"v": {"$ref": "../types/thing.schema.json"}}),
            "types/thing": LESS,
        },
        "breaking thing /properties/a",
    ),
    pair(
        "a definition is told where it stands",
        ask({"v": ref("thing"), "w": ref("thing")}, **{"$defs": {"thing": THING}}),
        ask({"v": ref("thing"), "w": ref("thing")}, **{"$defs": {"thing": LESS}}),
        "breaking ask /$defs/thing/properties/a",
    ),
    pair(
        "a message of another name",
        ask({}),
        {"client/ask": {**ask({})["client/ask"], "properties": {"type": {"const": "asked"}}}},
        "breaking ask ",
    ),
    pair("a file of another name", ask(A), {"client/other": ask(A)["client/ask"]}),
    pair(
        "a new message",
        ask(A),
        {**ask(A), "client/more": {"title": "More", **shut({"type": {"const": "more"}}, "type")}},
    ),
    pair("a removed message of the gateway", told(A), ask(A), "breaking told "),
    pair("a new message of the gateway", ask(A), {**ask(A), **told(A)}),
    pair(
        "a reply that names more",
        {**ask(A, **{"x-reply": "told"}), **told(A)},
        {**ask(A, **{"x-reply": "told"}), **told({**AB, "n": NUMBER})},
    ),
    pair(
        "another reply",
        {**ask(A, **{"x-reply": "told"}), **told(A)},
        {**ask(A, **{"x-reply": "pong"}), **told(A)},
        "breaking ask /x-reply",
    ),
    pair(
        "no reply any more",
        {**ask(A, **{"x-reply": "told"}), **told(A)},
        {**ask(A), **told(A)},
        "breaking ask /x-reply",
    ),
    pair(
        "a reply where none was",
        {**ask(A), **told(A)},
        {**ask(A, **{"x-reply": "told"}), **told(A)},
        "note ask /x-reply",
    ),
    pair(
        "parts that may lack what they had",
        ask(A, **{"x-part": {"type": "object", "properties": {"a": TEXT}, "required": ["a"]}}),
        ask(A, **{"x-part": {"type": "object", "properties": {"a": TEXT}}}),
        "breaking ask /x-part/required",
    ),
    pair("no parts any more", ask(A, **{"x-part": TEXT}), ask(A), "breaking ask "),
    pair("parts where none were", ask(A), ask(A, **{"x-part": TEXT}), "note ask /x-part"),
    pair("a new error", ask(A), ask(A, **{"x-refusals": {"late": {}}})),
    pair(
        "data of an error of another type",
        ask(A, **{"x-refusals": {"late": TEXT}}),
        ask(A, **{"x-refusals": {"late": NUMBER}}),
        "breaking ask /x-refusals/late",
    ),
    pair(
        "a default", ask({"v": TEXT}), ask({"v": {"type": "string", "default": "a"}}), "note ask /properties/v/default"
    ),
    pair(
        "a deprecated property",
        told({"v": TEXT}),
        told({"v": {"type": "string", "deprecated": True}}),
        "note told /properties/v/deprecated",
    ),
    pair("a deprecated message", ask(A), ask(A, deprecated=True), "note ask /deprecated"),
)
PAIRS = INSIDE + ELSEWHERE
