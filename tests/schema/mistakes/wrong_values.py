"""Mistakes in values: defaults, enums, bounds, contradictions, sample rows."""

from __future__ import annotations

from typing import Any

from tests.schema.mistakes.application import (
    PEOPLE,
    PLACE,
    ROOM,
    SEED,
    SHIFTS,
    SWAP,
    Change,
    Wrong,
    add,
    both,
    drop,
    put,
)

NAME, REPORT, PLACES = "/properties/name", "/properties/report", "/properties/places"
STATUS, STARTS = "/properties/status", "/properties/starts_at"
BASE = "types/base.schema.json"


def report(**schema: Any) -> Change:
    return put(SHIFTS, REPORT, schema)


VALUES = {
    "a default that is not in the enum": Wrong(
        put(SHIFTS, f"{STATUS}/default", "opne"), SHIFTS, f"{STATUS}/default", ("does not fit", "each `create` without")
    ),
    "a default of another type": Wrong(
        put(SHIFTS, f"{PLACES}/default", "1"), SHIFTS, f"{PLACES}/default", ("does not fit", "integer")
    ),
    "a default out of bounds": Wrong(
        put(SHIFTS, f"{PLACES}/default", 51), SHIFTS, f"{PLACES}/default", ("does not fit", "50")
    ),
    "a default that is no date-time": Wrong(
        put(SHIFTS, f"{STARTS}/default", "tomorrow"), SHIFTS, f"{STARTS}/default", ("does not fit", "date-time")
    ),
    "a default null where null is not allowed": Wrong(
        put(SHIFTS, f"{STARTS}/default", None), SHIFTS, f"{STARTS}/default", ("does not fit", "null")
    ),
    "a default in a message": Wrong(
        put(SWAP, "/properties/shift/default", 7),
        SWAP,
        "/properties/shift/default",
        ("does not fit", "write a value that fits"),
    ),
    "a default in a type": Wrong(
        put(PLACE, "/properties/floor/default", "2"), PLACE, "/properties/floor/default", ("does not fit",)
    ),
    "an example": Wrong(
        put(PEOPLE, f"{NAME}/examples", ["Ann", ""]),
        PEOPLE,
        f"{NAME}/examples/1",
        ("example does not fit", "write one that fits"),
    ),
    "an empty enum": Wrong(
        put(SHIFTS, REPORT, {"enum": []}), SHIFTS, f"{REPORT}/enum", ("is empty", "list the values")
    ),
    "a value twice": Wrong(
        put(SHIFTS, f"{STATUS}/enum/-", "open"), SHIFTS, f"{STATUS}/enum/3", ('"open" stands twice', "remove one")
    ),
    "1 and 1.0 in an enum": Wrong(report(enum=[1, 2, 1.0]), SHIFTS, f"{REPORT}/enum/2", ("stands twice",)),
    "a value of another type": Wrong(
        put(SHIFTS, f"{STATUS}/enum/-", 3), SHIFTS, f"{STATUS}/enum/3", ("3 never fits", "string")
    ),
    "a value that is too long": Wrong(
        report(type="string", maxLength=2, enum=["a", "abc"]), SHIFTS, f"{REPORT}/enum/1", ('"abc" never fits', "2")
    ),
    "null in the type and not in the enum": Wrong(
        put(SHIFTS, f"{STATUS}/type", ["string", "null"]),
        SHIFTS,
        f"{STATUS}/type/1",
        ("add null to `enum`", "remove 'null'"),
    ),
    "a const of another type": Wrong(
        report(type="integer", const="1"), SHIFTS, f"{REPORT}/const", ("no value fits", "integer")
    ),
    "a const out of bounds": Wrong(report(const=5, maximum=4), SHIFTS, f"{REPORT}/const", ("no value fits", "4")),
    "a const that is no date": Wrong(
        report(type="string", format="date", const="31.1.2026"), SHIFTS, f"{REPORT}/const", ("no value fits", "date")
    ),
}
CODE = {
    "a default that calls a function": Wrong(
        report(type="string", default="now()"), SHIFTS, f"{REPORT}/default", ("plain text", 'write "readOnly": true')
    ),
    "a default that is a claim without a name": Wrong(
        report(type="string", default="$user"), SHIFTS, f"{REPORT}/default", ("plain text", 'written as "$user.id"')
    ),
    "a claim in a message of a room": Wrong(
        put(ROOM, "/properties/text/default", "$user.id"),
        ROOM,
        "/properties/text/default",
        ("plain text", "only a property of a resource"),
    ),
    "a claim of the token as a default": Wrong(
        report(type="string", default="$user.exp"), SHIFTS, f"{REPORT}/default", ("no claim of the user",)
    ),
    "a text as the default of a day": Wrong(
        report(type="string", format="date", default="$user.id"), SHIFTS, f"{REPORT}/default", ("never a value", "date")
    ),
    "true or false as the default of a text": Wrong(
        report(type="string", default="$user.anonymous"), SHIFTS, f"{REPORT}/default", ("never a value", "string")
    ),
    "roles as the default of a text": Wrong(
        report(type="string", default="$user.roles"), SHIFTS, f"{REPORT}/default", ("is a list",)
    ),
    "a claim as the default of a list": Wrong(
        put(SHIFTS, "/properties/tags/default", "$user.tags"),
        SHIFTS,
        "/properties/tags/default",
        ("a text, a number or a boolean", "array"),
    ),
    "a default now": Wrong(
        put(SHIFTS, f"{STARTS}/default", "now"), SHIFTS, f"{STARTS}/default", ("does not fit", '"readOnly": true')
    ),
    "a pattern of JavaScript": Wrong(
        report(type="string", pattern="/^[a-z]+$/i"), SHIFTS, f"{REPORT}/pattern", ("slashes", 'write "(?i)^[a-z]+$"')
    ),
    "a pattern of file names": Wrong(
        report(type="string", pattern="*.png"), SHIFTS, f"{REPORT}/pattern", ("not a regular", '"^.*\\\\.png$"')
    ),
    "a backslash twice": Wrong(
        report(type="string", pattern=r"^\\d+$"), SHIFTS, f"{REPORT}/pattern", ("stands for a backslash",), hint=True
    ),
}
ALTERNATIVES = {
    "an alternative of another type": Wrong(
        report(type="string", anyOf=[{"type": "integer"}, {"minLength": 1}]),
        SHIFTS,
        f"{REPORT}/anyOf/0",
        ("no value fits this alternative", "`type` beside `anyOf`"),
    ),
    "equal alternatives": Wrong(
        report(anyOf=[{"type": "string"}, {"type": "null"}, {"type": "string"}]),
        SHIFTS,
        f"{REPORT}/anyOf/2",
        ("equal to alternative 0", "remove one"),
    ),
    "equal alternatives of oneOf": Wrong(
        report(oneOf=[{"type": "string"}, {"type": "string"}]),
        SHIFTS,
        f"{REPORT}/oneOf/1",
        ("no value fits exactly one",),
    ),
    "an alternative inside another one": Wrong(
        report(oneOf=[{"type": "number"}, {"type": "integer"}]),
        SHIFTS,
        f"{REPORT}/oneOf/1",
        ("alternative 0", "`anyOf`"),
    ),
}
BOUNDS = {
    "minimum above maximum": Wrong(
        report(type="integer", minimum=5, maximum=1),
        SHIFTS,
        f"{REPORT}/minimum",
        ("`minimum` is above `maximum`", "swap"),
    ),
    "minLength above maxLength": Wrong(
        report(type="string", minLength=5, maxLength=1), SHIFTS, f"{REPORT}/minLength", ("above `maxLength`", "swap")
    ),
    "minItems above maxItems": Wrong(
        report(type="array", items={"type": "string"}, minItems=5, maxItems=1), SHIFTS, f"{REPORT}/minItems", ("above",)
    ),
    "minProperties above maxProperties": Wrong(
        report(type="object", minProperties=5, maxProperties=1), SHIFTS, f"{REPORT}/minProperties", ("above",)
    ),
    "minContains above maxContains": Wrong(
        report(type="array", contains={"type": "string"}, minContains=3, maxContains=2),
        SHIFTS,
        f"{REPORT}/minContains",
        ("above", "swap"),
    ),
    "exclusive bounds": Wrong(
        report(type="number", exclusiveMinimum=5, maximum=5),
        SHIFTS,
        REPORT,
        ("no value fits", "`exclusiveMinimum`", "`maximum`"),
    ),
    "no integer between": Wrong(
        report(type="integer", exclusiveMinimum=1, exclusiveMaximum=2),
        SHIFTS,
        REPORT,
        ("no value fits", "`type`"),
    ),
    "no multiple in the bounds": Wrong(
        report(type="integer", multipleOf=5, minimum=1, maximum=4), SHIFTS, REPORT, ("no value fits", "`multipleOf`")
    ),
    "two types in allOf": Wrong(
        report(allOf=[{"type": "string"}, {"type": "integer"}]), SHIFTS, f"{REPORT}/allOf", ("contradicts itself",)
    ),
    "another type beside a $ref": Wrong(
        put(ROOM, "/properties/place", {"$ref": "../types/user_id.schema.json", "type": "integer"}),
        ROOM,
        "/properties/place",
        ("no value fits", "`$ref`", "`type`"),
    ),
    "two lists of values": Wrong(
        report(allOf=[{"enum": ["a", "b"]}, {"enum": ["c"]}]), SHIFTS, f"{REPORT}/allOf", ("no value fits",)
    ),
    "a required property that can have no value": Wrong(
        put(ROOM, "/properties/text", {"type": "string", "allOf": [{"type": "integer"}]}),
        ROOM,
        "/properties/text",
        ("no value fits", "`type` and `allOf`"),
    ),
    "a type that can have no value, used twice": Wrong(
        both(
            add("types/never.schema.json", {"title": "Never", "type": "string", "allOf": [{"type": "integer"}]}),
            put(ROOM, "/properties/a", {"$ref": "../types/never.schema.json"}),
            put(ROOM, "/properties/b", {"$ref": "../types/never.schema.json"}),
            put(ROOM, "/required/-", "a"),
        ),
        "types/never.schema.json",
        "",
        ("no value fits", "`type` and `allOf`"),
    ),
    "minLength of an integer": Wrong(
        put(SHIFTS, f"{PLACES}/minLength", 1),
        SHIFTS,
        f"{PLACES}/minLength",
        ("of strings only", "did you mean 'minimum'?"),
    ),
    "maximum of a string": Wrong(
        put(PEOPLE, f"{NAME}/maximum", 9), PEOPLE, f"{NAME}/maximum", ("of numbers only", "did you mean 'maxLength'?")
    ),
    "items of a string": Wrong(
        report(type="string", items={"type": "string"}), SHIFTS, f"{REPORT}/items", ("of arrays only", "change `type`")
    ),
    "then without if": Wrong(
        put(SHIFTS, "/then", {"required": ["report"]}), SHIFTS, "/then", ("says nothing without `if`",)
    ),
    "a pattern that does not compile": Wrong(
        put(PEOPLE, f"{NAME}/pattern", "[a-"), PEOPLE, f"{NAME}/pattern", ("not a regular expression",)
    ),
    "a large pattern without maxLength": Wrong(
        report(type="string", pattern="^\\p{L}{1,50}$"), SHIFTS, f"{REPORT}/pattern", ("add `maxLength`",)
    ),
}
OBJECTS = {
    "a required name of a closed object": Wrong(
        put(SWAP, "/required/-", "shfit"), SWAP, "/required/2", ("there is no such property", "did you mean 'shift'?")
    ),
    "a required name of a row": Wrong(
        put(SHIFTS, "/required/-", "statsu"), SHIFTS, "/required/4", ("no property 'statsu'", "did you mean 'status'?")
    ),
    "a required name that no pattern matches": Wrong(
        both(put(PLACE, "/patternProperties", {"^x-": {}}), put(PLACE, "/required/-", "nmae")),
        PLACE,
        "/required/1",
        ("no property and no pattern", "did you mean 'name'?"),
    ),
    "a required name of an open object": Wrong(
        both(drop(PLACE, "/additionalProperties"), put(PLACE, "/required/-", "flor")),
        PLACE,
        "/required/1",
        ("no property is called 'flor'", "did you mean 'floor'?"),
        hint=True,
    ),
    "no type beside properties": Wrong(
        drop(ROOM, "/type"), ROOM, "", ("any other value is allowed", 'did you mean "type": "object"?'), hint=True
    ),
    "no type beside maxLength": Wrong(
        drop(PEOPLE, f"{NAME}/type"), PEOPLE, NAME, ("of strings only", '"type": "string"'), hint=True
    ),
    "no type beside items": Wrong(
        drop(SHIFTS, "/properties/tags/type"),
        SHIFTS,
        "/properties/tags",
        ("of arrays only", '"type": "array"'),
        hint=True,
    ),
    "a closed base in allOf": Wrong(
        both(
            add(
                BASE,
                {
                    "title": "Base",
                    "type": "object",
                    "properties": {"at": {"type": "integer"}},
                    "additionalProperties": False,
                },
            ),
            put(ROOM, "/allOf", [{"$ref": "../types/base.schema.json"}]),
            drop(ROOM, "/additionalProperties"),
            drop(ROOM, "/required"),
        ),
        ROOM,
        "/allOf/0/$ref",
        ("'text' of another part can never be there", '"unevaluatedProperties": false'),
    ),
    "a closed base in allOf, and a required name": Wrong(
        both(
            add(
                BASE,
                {
                    "title": "Base",
                    "type": "object",
                    "properties": {"at": {"type": "integer"}},
                    "additionalProperties": False,
                },
            ),
            put(ROOM, "/allOf", [{"$ref": "../types/base.schema.json"}]),
            drop(ROOM, "/additionalProperties"),
        ),
        ROOM,
        "/allOf/0/$ref",
        ("'text' of another part can never be there",),
    ),
    "a closed object that extends another one": Wrong(
        both(
            add(BASE, {"title": "Base", "type": "object", "properties": {"at": {"type": "integer"}}}),
            put(ROOM, "/$ref", "../types/base.schema.json"),
        ),
        ROOM,
        "",
        ("'at' of another part can never be there", "beside `$ref`"),
    ),
}
_ANN = {"id": 1, "name": "Ann", "email": "ann@example.com", "joined_at": "2026-01-31T12:00:00Z"}
ROWS = {
    "half of a character": Wrong(put(SEED, "/people/0/name", "\ud83d"), SEED, "/people/0/name", ("whole character",)),
    "an unknown resource": Wrong(
        put(SEED, "/person", []), SEED, "/person", ("no such resource", "the resources are 'people' and 'shifts'")
    ),
    "rows that are no list": Wrong(put(SEED, "/shifts", {}), SEED, "/shifts", ("must be a list of rows",)),
    "an unknown property": Wrong(
        put(SEED, "/people/0/nam", "Ann"), SEED, "/people/0/nam", ("no such property", "did you mean 'name'?")
    ),
    "a missing property": Wrong(
        put(SEED, "/people/-", {k: v for k, v in _ANN.items() if k not in {"id", "email"}}),
        SEED,
        "/people/2",
        ('lacks the property "email"',),
    ),
    "a value of another type": Wrong(put(SEED, "/people/0/name", 7), SEED, "/people/0/name", ("must be",)),
    "a date-time that is none": Wrong(
        put(SEED, "/shifts/0/starts_at", "tomorrow"), SEED, "/shifts/0/starts_at", ("date-time",)
    ),
    "a value that is not in the enum": Wrong(
        put(SEED, "/shifts/0/status", "opne"), SEED, "/shifts/0/status", ('"open"',)
    ),
    "a key twice": Wrong(
        put(SEED, "/people/1/id", 1),
        SEED,
        "/people/1/id",
        ("row 0 of 'people' has id = 1 already", "write another value"),
    ),
    "a unique value twice": Wrong(
        put(SEED, "/people/1/email", "ann@example.com"), SEED, "/people/1/email", ("has email =", "must be unique")
    ),
    "a reference to no row": Wrong(
        put(SEED, "/shifts/0/person_id", 3),
        SEED,
        "/shifts/0/person_id",
        ("no sample row of 'people' has id = 3", "add one"),
    ),
    "rows before those that they refer to": Wrong(
        lambda found: found.update({SEED: dict(reversed(found[SEED].items()))}),
        SEED,
        "/shifts",
        ("order of this file", "put 'people' before 'shifts'"),
    ),
    "rows that are no object": Wrong(add(SEED, [_ANN]), SEED, "", ("must be an object",)),
}
VALUE_MISTAKES = {**VALUES, **CODE, **ALTERNATIVES, **BOUNDS, **OBJECTS, **ROWS}
