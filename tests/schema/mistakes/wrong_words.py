"""Mistakes in words: keywords, types, formats, annotations, actions, rules, references to files, JSON."""

from __future__ import annotations

from tests.schema.mistakes.application import (
    PEOPLE,
    PLACE,
    ROOM,
    SEED,
    SHIFTS,
    SWAP,
    SWAPPED,
    Wrong,
    add,
    both,
    drop,
    put,
    rename,
    text,
)

NAME, REPORT, PLACES = "/properties/name", "/properties/report", "/properties/places"
STATUS, STARTS = "/properties/status", "/properties/starts_at"

JSON = {
    "a comma before a bracket": Wrong(
        text(PLACE, '{"title": "Place",\n "type": "object",\n}'),
        PLACE,
        "",
        ("line 2, column 18", "a comma", "remove it"),
    ),
    "a comma is missing": Wrong(
        text(PLACE, '{"title": "Place"\n "type": "object"}'), PLACE, "", ("line 2, column 2", "comma", "is missing")
    ),
    "a comment": Wrong(
        text(PLACE, '{\n  // a place\n  "title": "Place"}'), PLACE, "", ("line 2, column 3", "no comments", "$comment")
    ),
    "single quotation marks": Wrong(
        text(PLACE, "{'title': 'Place'}"), PLACE, "", ("line 1, column 2", "double quotation marks")
    ),
    "a bracket is missing": Wrong(
        text(PLACE, '{"title": "Place", "properties": {"a": {}'), PLACE, "", ("line 1", "bracket is missing")
    ),
    "an empty file": Wrong(text(PLACE, ""), PLACE, "", ("the file is empty",)),
    "NaN": Wrong(text(PLACE, '{"title": "Place", "default": NaN}'), PLACE, "", ("NaN", "not a number of JSON")),
    "a number that is too large": Wrong(
        text(PLACE, '{"title": "Place", "maximum": 1e999}'), PLACE, "", ("1e999", "too large")
    ),
    "half of a character": Wrong(
        text(PLACE, '{"title": "Place", "description": "\\ud83d"}'),
        PLACE,
        "/description",
        ("surrogate pair", "whole character"),
    ),
    "a broken message that a request names": Wrong(
        text(SWAPPED, '{"title": "Swapped",}'), SWAPPED, "", ("line 1, column 20", "a comma before a closing bracket")
    ),
    "a broken resource that another one refers to": Wrong(
        text(PEOPLE, '{"title": "Person"'), PEOPLE, "", ("line 1", "a closing bracket is missing")
    ),
    "a file that is no object": Wrong(add(PLACE, ["Place"]), PLACE, "", ("one JSON object",)),
    "broken sample rows": Wrong(text(SEED, '{"people": [}'), SEED, "", ("line 1, column 13",)),
}
KEYWORDS = {
    "propertis": Wrong(
        rename(PEOPLE, "/properties", "propertis"), PEOPLE, "/propertis", ("did you mean 'properties'?",)
    ),
    "propertis of a reply": Wrong(
        rename(SWAPPED, "/properties", "propertis"), SWAPPED, "/propertis", ("did you mean 'properties'?",)
    ),
    "propertis of a type": Wrong(
        rename(PLACE, "/properties", "propertis"), PLACE, "/propertis", ("did you mean 'properties'?",)
    ),
    "requierd": Wrong(rename(SWAP, "/required", "requierd"), SWAP, "/requierd", ("did you mean 'required'?",)),
    "additionalproperties": Wrong(
        rename(ROOM, "/additionalProperties", "additionalproperties"),
        ROOM,
        "/additionalproperties",
        ("did you mean 'additionalProperties'?",),
    ),
    "minLenght": Wrong(
        rename(PEOPLE, f"{NAME}/minLength", "minLenght"), PEOPLE, f"{NAME}/minLenght", ("'minLength'?",)
    ),
    "emum": Wrong(rename(SHIFTS, f"{STATUS}/enum", "emum"), SHIFTS, f"{STATUS}/emum", ("did you mean 'enum'?",)),
    "max_length": Wrong(
        rename(PEOPLE, f"{NAME}/maxLength", "max_length"), PEOPLE, f"{NAME}/max_length", ("'maxLength'?",)
    ),
    "read_only": Wrong(
        rename(PEOPLE, "/properties/id/readOnly", "read_only"),
        PEOPLE,
        "/properties/id/read_only",
        ('write "readOnly": true',),
    ),
    "min of a string": Wrong(rename(PEOPLE, f"{NAME}/minLength", "min"), PEOPLE, f"{NAME}/min", ("'minLength'?",)),
    "max of an integer": Wrong(rename(SHIFTS, f"{PLACES}/maximum", "max"), SHIFTS, f"{PLACES}/max", ("'maximum'?",)),
    "choices": Wrong(rename(SHIFTS, f"{STATUS}/enum", "choices"), SHIFTS, f"{STATUS}/choices", ('write "enum"',)),
    "regex": Wrong(put(PEOPLE, f"{NAME}/regex", "^A"), PEOPLE, f"{NAME}/regex", ('write "pattern"',)),
    "unique at a property": Wrong(
        put(PEOPLE, f"{NAME}/unique", True), PEOPLE, f"{NAME}/unique", ('"unique": [["NAME"]]', "x-resource")
    ),
    "a primary key at a property": Wrong(
        put(PEOPLE, "/properties/id/primary_key", True),
        PEOPLE,
        "/properties/id/primary_key",
        ('"key": "NAME"', "x-resource"),
    ),
    "optional": Wrong(put(SHIFTS, f"{REPORT}/optional", True), SHIFTS, f"{REPORT}/optional", ("is optional",)),
    "properties beside type": Wrong(
        both(
            drop(SWAPPED, "/properties"),
            put(SWAPPED, "/left", {"type": "integer"}),
            put(SWAPPED, "/n", {"type": "string"}),
        ),
        SWAPPED,
        "",
        ("'left', 'n'", 'write "properties": {"left": ...}'),
    ),
    "required in a property": Wrong(
        put(SHIFTS, f"{REPORT}/required", True),
        SHIFTS,
        f"{REPORT}/required",
        ("beside `properties`", '"required": ["report"]'),
    ),
    "required as a text": Wrong(put(SWAP, "/required", "type"), SWAP, "/required", ('write ["type"]',)),
    "an enum that is no list": Wrong(
        put(SHIFTS, f"{STATUS}/enum", "open"), SHIFTS, f"{STATUS}/enum", ('write ["open"]',)
    ),
    "a number in quotation marks": Wrong(
        put(SHIFTS, f"{PLACES}/minimum", "1"), SHIFTS, f"{PLACES}/minimum", ("write 1 without quotation marks",)
    ),
    "true in quotation marks": Wrong(
        put(PEOPLE, "/properties/id/readOnly", "true"), PEOPLE, "/properties/id/readOnly", ("true or false",)
    ),
    "false in quotation marks": Wrong(
        put(ROOM, "/additionalProperties", "false"),
        ROOM,
        "/additionalProperties",
        ("write false without quotation marks",),
    ),
    "a negative length": Wrong(
        put(PEOPLE, f"{NAME}/maxLength", -1), PEOPLE, f"{NAME}/maxLength", ("whole number from 0",)
    ),
    "a type in place of a schema": Wrong(put(SHIFTS, REPORT, "string"), SHIFTS, REPORT, ('write {"type": "string"}',)),
    "keywords among the properties": Wrong(
        both(put(PLACE, "/properties/type", "object"), put(PLACE, "/properties/properties", {"a": {"type": "string"}})),
        PLACE,
        "/properties/type",
        ("names of properties stand in `properties`",),
    ),
    "properties as a list": Wrong(
        put(PLACE, "/properties", [{"name": "x"}]), PLACE, "/properties", ("an object with a schema for each name",)
    ),
    "anyOf as an object": Wrong(
        put(SHIFTS, f"{REPORT}/anyOf", {}), SHIFTS, f"{REPORT}/anyOf", ("list with at least one",)
    ),
    "an example that is no list": Wrong(
        put(PEOPLE, f"{NAME}/examples", "Ann"), PEOPLE, f"{NAME}/examples", ('write ["Ann"]',)
    ),
}
TYPES = {
    f"type {written!r}": Wrong(
        put(SHIFTS, f"{REPORT}/type", written), SHIFTS, f"{REPORT}/type", ("is not a type", right)
    )
    for written, right in {
        "strin": "did you mean 'string'?",
        "String": 'write "string"',
        "str": 'write "string"',
        "text": 'write "string"',
        "int": 'write "integer"',
        "float": 'write "number"',
        "bool": 'write "boolean"',
        "dict": 'write "object"',
        "list": 'write "array"',
        "array<string>": '{"type": "array", "items"',
        "string[]": '{"type": "array", "items"',
        "datetime": '{"type": "string", "format": "date-time"}',
        "uuid": '{"type": "string", "format": "uuid"}',
        "any": "no `type` at all",
        "None": 'write "null"',
        "string?": 'write ["string", "null"]',
        "string | null": 'write ["string", "null"]',
    }.items()
} | {
    "a type in a list": Wrong(
        put(SHIFTS, f"{REPORT}/type", ["string", "nul"]),
        SHIFTS,
        f"{REPORT}/type",
        ('"nul" is not', "did you mean 'null'?"),
    ),
    "a type twice": Wrong(put(SHIFTS, f"{REPORT}/type", ["null", "null"]), SHIFTS, f"{REPORT}/type", ("a type twice",)),
    "no type in the list": Wrong(put(SHIFTS, f"{REPORT}/type", []), SHIFTS, f"{REPORT}/type", ("names no type",)),
}
FORMATS = {
    f"format {written!r}": Wrong(
        put(SHIFTS, f"{STARTS}/format", written),
        SHIFTS,
        f"{STARTS}/format",
        ("nothing checks the format", right, "the formats are date, date-time, duration"),
    )
    for written, right in {
        "datetime": "did you mean 'date-time'?",
        "dateTime": "did you mean 'date-time'?",
        "date_time": "did you mean 'date-time'?",
        "Date-Time": "did you mean 'date-time'?",
        "timestamp": "did you mean 'date-time'?",
        "Email": "did you mean 'email'?",
        "e-mail": "did you mean 'email'?",
        "guid": "did you mean 'uuid'?",
        "UUID": "did you mean 'uuid'?",
        "url": "did you mean 'uri'?",
        "ip": '"format": "ipv4"',
        "password": '"writeOnly": true',
        "byte": '"contentEncoding": "base64"',
        "phone": "write a `pattern`",
        "emial": "did you mean 'email'?",
        "nonsense": "`x-format`",
    }.items()
} | {
    "format 'int32'": Wrong(
        put(SHIFTS, f"{PLACES}/format", "int32"), SHIFTS, f"{PLACES}/format", ("-2147483648", '"type": "integer"')
    ),
    "format 'double'": Wrong(
        put(SHIFTS, f"{PLACES}/format", "double"), SHIFTS, f"{PLACES}/format", ('"type": "number"',)
    ),
    "a format deep inside": Wrong(
        put(ROOM, "/properties/at", {"type": "array", "items": {"type": "string", "format": "datetime"}}),
        ROOM,
        "/properties/at/items/format",
        ("did you mean 'date-time'?",),
    ),
    "int64 of an integer": Wrong(
        put(SHIFTS, f"{PLACES}/format", "int64"), SHIFTS, f"{PLACES}/format", ("is for strings",)
    ),
    "date-time of an integer": Wrong(
        put(SHIFTS, f"{PLACES}/format", "date-time"), SHIFTS, f"{PLACES}/format", ("of strings only",)
    ),
}
REFERENCES = {
    "a file that is not there": Wrong(
        put(SHIFTS, "/properties/place/$ref", "../types/plaec.schema.json"),
        SHIFTS,
        "/properties/place/$ref",
        ("no schema at", "did you mean '../types/place.schema.json'?"),
    ),
    "a path without ..": Wrong(
        put(SHIFTS, "/properties/place/$ref", "types/place.schema.json"),
        SHIFTS,
        "/properties/place/$ref",
        ("did you mean '../types/place.schema.json'?",),
    ),
    "a file without its ending": Wrong(
        put(SHIFTS, "/properties/place/$ref", "../types/place"),
        SHIFTS,
        "/properties/place/$ref",
        ("did you mean '../types/place.schema.json'?",),
    ),
    "a title in place of a file": Wrong(
        put(SHIFTS, "/properties/place/$ref", "Place"),
        SHIFTS,
        "/properties/place/$ref",
        ("did you mean '../types/place.schema.json'?",),
    ),
    "an address": Wrong(
        put(SHIFTS, "/properties/place/$ref", "https://example.com/place.json"),
        SHIFTS,
        "/properties/place/$ref",
        ("fetches nothing", "put the schema into types/"),
    ),
    "a definition that is not there": Wrong(
        both(
            put(ROOM, "/$defs", {"line": {"type": "string"}}), put(ROOM, "/properties/text", {"$ref": "#/$defs/lien"})
        ),
        ROOM,
        "/properties/text/$ref",
        ("did you mean '#/$defs/line'?",),
    ),
    "a place in a file that is not there": Wrong(
        put(SHIFTS, "/properties/place/$ref", "../types/place.schema.json#/$defs/x"),
        SHIFTS,
        "/properties/place/$ref",
        ("the file has no '/$defs/x'",),
    ),
    "an anchor": Wrong(
        put(SHIFTS, "/properties/place/$ref", "#place"), SHIFTS, "/properties/place/$ref", ("no schema at '#place'",)
    ),
    "a title twice": Wrong(
        add("types/again.schema.json", {"title": "Shift", "type": "string"}),
        "types/again.schema.json",
        "/title",
        ("already the title of resources/shifts.schema.json",),
    ),
    "a title twice, and a reference to it": Wrong(
        both(
            add("types/lace.schema.json", {"title": "Place", "type": "string"}),
            put(ROOM, "/properties/place", {"$ref": "../types/place.schema.json"}),
        ),
        PLACE,
        "/title",
        ("already the title of types/lace.schema.json",),
    ),
}
WORDS = {**JSON, **KEYWORDS, **TYPES, **FORMATS, **REFERENCES}
