"""What is right, though it looks like a mistake to a hasty rule."""

from __future__ import annotations

from typing import Any

from tests.schema.mistakes.application import (
    PEOPLE,
    PLACE,
    ROOM,
    SEED,
    SHIFTS,
    SWAP,
    SWAPPED,
    Change,
    add,
    both,
    drop,
    put,
)


def report(**schema: Any) -> Change:
    return put(SHIFTS, "/properties/report", schema)


def room(**properties: Any) -> Change:
    return put(ROOM, "/properties", {"text": {"type": "string"}, **properties})


def access(file: str, **rules: Any) -> Change:
    return put(file, "/x-access", rules)


BASE = {"title": "Base", "properties": {"at": {"type": "integer"}}, "required": ["at"]}

RIGHT: dict[str, Change] = {
    "a message that the application pushes": add(
        "server/news.schema.json",
        {"title": "News", "type": "object", "properties": {"type": {"const": "news"}}, "required": ["type"]},
    ),
    "the application": lambda found: None,
    "no sample rows": lambda found: found.pop(SEED),
    "a claim that fills a text": report(type="string", maxLength=64, default="$user.id"),
    "a claim that fills what clients cannot send": report(
        type="string", maxLength=64, readOnly=True, default="$user.org"
    ),
    "every format": room(
        **{
            name: {"type": "string", "format": name}
            for name in (
                "date",
                "date-time",
                "duration",
                "email",
                "hostname",
                "idn-email",
                "idn-hostname",
                "int64",
                "ipv4",
            )
        },
        **{
            name: {"type": "string", "format": name}
            for name in (
                "ipv6",
                "iri",
                "iri-reference",
                "json-pointer",
                "regex",
                "time",
                "uri",
                "uri-reference",
                "uuid",
            )
        },
    ),
    "a format of a string or null": report(type=["string", "null"], format="date"),
    "a property called format": room(format={"type": "string"}),
    "properties with the names of keywords": room(
        **{name: {"type": "string"} for name in ("type", "properties", "required", "$ref", "enum", "allOf", "x-access")}
    ),
    "a default with words of schemas in it": put(
        ROOM,
        "/properties/at",
        {"type": "object", "default": {"format": "datetime", "type": "strin", "$ref": "nowhere"}},
    ),
    "examples and const with words of schemas": room(
        at={"const": {"format": "datetime"}, "examples": [{"format": "datetime"}]}
    ),
    "a default null": report(type=["string", "null"], default=None),
    "a default that a $ref allows": put(SHIFTS, "/properties/place/default", {"name": "pier"}),
    "a default in another spelling": put(SHIFTS, "/properties/starts_at/default", "2026-12-01T08:00:00+02:00"),
    "an enum with null": report(type=["string", "null"], enum=["a", None]),
    "an enum of numbers": report(type="number", enum=[1, 2.5]),
    "an enum of several types": report(enum=["a", 1, True, None]),
    "1 and true in an enum": report(enum=[1, True, 0, False]),
    "equal bounds": report(type="integer", minimum=3, maximum=3),
    "a list without items": report(type="array", maxItems=0),
    "a value that must not be there": room(never=False, none={"not": {}}),
    "then false": room(at={"type": "object", "if": {"required": ["a"]}, "then": False}),
    "not required": room(at={"type": "object", "properties": {"a": {}}, "not": {"required": ["a"]}}),
    "rules for whole rows": both(
        put(SHIFTS, "/if", {"properties": {"status": {"const": "done"}}, "required": ["status"]}),
        put(SHIFTS, "/then", {"properties": {"report": {"type": "string", "minLength": 1}}, "required": ["report"]}),
    ),
    "minLength in then, without a type": both(
        put(SHIFTS, "/if", {"properties": {"status": {"const": "done"}}}),
        put(SHIFTS, "/then", {"properties": {"report": {"minLength": 1}}}),
    ),
    "maxLength beside a $ref": put(ROOM, "/properties/by", {"$ref": "../types/user_id.schema.json", "maxLength": 20}),
    "an open base in allOf": both(
        add("types/base.schema.json", BASE),
        put(ROOM, "/allOf", [{"$ref": "../types/base.schema.json"}]),
        put(ROOM, "/unevaluatedProperties", False),
        drop(ROOM, "/additionalProperties"),
    ),
    "a closed object that names what it extends": both(
        add("types/base.schema.json", BASE),
        put(ROOM, "/$ref", "../types/base.schema.json"),
        put(ROOM, "/properties/at", True),
    ),
    "a tagged union of closed objects": put(
        ROOM,
        "/properties/what",
        {
            "oneOf": [
                {
                    "type": "object",
                    "properties": {"kind": {"const": kind}, kind: {"type": "string"}},
                    "required": ["kind"],
                    "additionalProperties": False,
                }
                for kind in ("text", "image")
            ]
        },
    ),
    "alternatives without a type": put(
        ROOM, "/properties/what", {"type": "object", "anyOf": [{"required": ["a"]}, {"required": ["b"]}]}
    ),
    "alternatives that exclude each other": report(
        oneOf=[{"type": "string", "maxLength": 3}, {"type": "string", "minLength": 4}, {"type": "null"}]
    ),
    "alternatives that overlap in part": report(oneOf=[{"enum": [1, 2]}, {"enum": [2, 3]}]),
    "anyOf with a wider alternative": report(anyOf=[{"type": "number"}, {"type": "integer"}]),
    "a pattern for paths": report(type="string", pattern="^/[a-z]+/$"),
    "a pattern with slashes inside": report(type="string", pattern="/[a-z]+/"),
    "a pattern for a backslash": report(type="string", pattern=r"^C:\\\\[a-z]+$"),
    "a default that looks like a word": report(type="string", default="now"),
    "readOnly in a type": put(PLACE, "/properties/floor/readOnly", True),
    "the meta-schema": put(SHIFTS, "/$schema", "../../meta/resource.schema.json"),
    "a tree": both(
        add(
            "types/tree.schema.json",
            {
                "title": "Tree",
                "type": "object",
                "properties": {"name": {"type": "string"}, "below": {"type": "array", "items": {"$ref": "#"}}},
                "required": ["name"],
            },
        ),
        put(ROOM, "/properties/tree", {"$ref": "../types/tree.schema.json"}),
    ),
    "any value": room(at={}, all=True),
    "an open object that requires what a pattern allows": room(
        at={"type": "object", "patternProperties": {"^x-": {}}, "required": ["x-a"], "additionalProperties": False}
    ),
    "an open object without properties that requires one": room(at={"type": "object", "required": ["a"]}),
    "a room for any message": both(
        add("rooms/any.schema.json", {"title": "Anything", "x-room": {"pattern": "*"}, "x-access": {"join": "anyone"}}),
    ),
    "no client may": both(access(ROOM), access(SWAP), access(PEOPLE)),
    "create only": access(SHIFTS, create="anyone"),
    "a room to listen": access(ROOM, join="anyone"),
    "rules in a list": access(SHIFTS, read=["role:lead", "role:boss", {"where": {"person_id": "$user.id"}}]),
    "signed-in users, and some rows for all": access(SHIFTS, read=["authenticated", {"where": {"status": "open"}}]),
    "all rows by a rule": access(SHIFTS, read={"where": {}}),
    "roles with points and colons": access(SHIFTS, read=["role:shop.admin", "role:a:b", "role:team-1", "role:Büro"]),
    "claims": access(
        SHIFTS,
        read={
            "where": {
                "person_id": "$user.id",
                "report": {"in": "$user.roles"},
                "paid": "$user.paid",
                "tags": {"ina": "$user.roles"},
                "starts_at": {"gt": "$user.since"},
                "or": [{"paid": "$user.anonymous"}, {"report": {"contains": "user"}}, {"report": "me"}],
            }
        },
    ),
    "a rule about null": access(SHIFTS, read={"where": {"report": None, "person_id": {"nnull": True}}}),
    "patterns of rooms": both(
        *(
            add(
                f"rooms/r{number}.schema.json",
                {"title": f"R{number}", "x-room": {"pattern": pattern}, "x-access": {"join": "anyone"}},
            )
            for number, pattern in enumerate(
                (
                    "lobby",
                    "#general",
                    "room:*",
                    "doc/*/edit",
                    "a.b.*",
                    "user@*",
                    "price-in-$",
                    "what?",
                    "c++",
                    "日本-*",
                    "1+1=2",
                )
            )
        )
    ),
    "no history": put(ROOM, "/x-room/history", {"size": 0, "ttl": 0}),
    "a history that is off for now": put(ROOM, "/x-room/history", {"size": 0, "ttl": 3600}),
    "not durable": put(ROOM, "/x-room/history/durable", False),
    "durable": put(ROOM, "/x-room/history/durable", True),
    "annotations of other tools": both(
        put(PEOPLE, "/x-faker", "person"), put(SHIFTS, "/properties/report/x-format", "phone"), put(PLACE, "/x-key", 1)
    ),
    "a message without a reply and without ref": both(
        add(
            "client/note.schema.json",
            {
                "title": "Note",
                "type": "object",
                "x-access": {"send": "anyone"},
                "properties": {"type": {"const": "note"}},
                "required": ["type"],
                "additionalProperties": False,
            },
        )
    ),
    "an open request and an open reply without ref": both(
        drop(SWAP, "/properties/ref"),
        drop(SWAP, "/additionalProperties"),
        drop(SWAPPED, "/properties/ref"),
        drop(SWAPPED, "/additionalProperties"),
    ),
    "a ref with any text or integer": put(SWAP, "/properties/ref", {"type": ["string", "integer"]}),
    "a reply of the protocol": both(put(SWAP, "/x-reply", "rows"), lambda found: found.pop(SWAPPED)),
    "a reference of the same type": both(
        put(SHIFTS, "/properties/before", {"type": ["string", "null"], "format": "uuid"}),
        put(SHIFTS, "/x-resource/references/before", "shifts.id"),
    ),
    "a reference of several types": put(SHIFTS, "/properties/person_id", {"type": ["integer", "string", "null"]}),
    "a reference to a unique text": both(
        put(SHIFTS, "/properties/mail", {"type": ["string", "null"]}),
        put(SHIFTS, "/x-resource/references/mail", "people.email"),
    ),
    "several keys and unique values": both(
        put(SHIFTS, "/x-resource/unique", [["starts_at", "person_id"]]),
        put(
            SEED,
            "/shifts",
            [{"person_id": person, "starts_at": "2026-02-01T08:00:00Z"} for person in (1, 2, None, None)],
        ),
    ),
    "rows whose keys the database counts": both(
        lambda found: [row.pop("id") for row in found[SEED]["people"]], put(SEED, "/shifts/0/person_id", 7)
    ),
    "rows that refer to a resource without sample rows": lambda found: found[SEED].pop("people"),
    "$comment, deprecated, contentEncoding": room(
        at={
            "type": "string",
            "$comment": "later",
            "deprecated": True,
            "contentEncoding": "base64",
            "contentMediaType": "image/png",
        }
    ),
    "a byte order mark": lambda found: found.update({PLACE: "\ufeff" + '{"title": "Place", "type": "object"}'}),
}
