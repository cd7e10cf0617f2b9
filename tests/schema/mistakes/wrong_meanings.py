"""Mistakes in what annotations mean: x-access, x-resource, x-room, x-reply, row rules."""

from __future__ import annotations

from typing import Any

from tests.schema.mistakes.application import (
    PEOPLE,
    PLACE,
    ROOM,
    SHIFTS,
    SWAP,
    SWAPPED,
    Wrong,
    add,
    both,
    drop,
    put,
    rename,
)
from tests.schema.mistakes.wrong_rules import RULES
from tests.schema.mistakes.wrong_values import VALUE_MISTAKES


def access(file: str, action: str, rule: Any, *says: str, below: str = "") -> Wrong:
    return Wrong(put(file, f"/x-access/{action}", rule), file, f"/x-access/{action}{below}", says)


def action(file: str, name: str, *says: str) -> Wrong:
    return Wrong(put(file, f"/x-access/{name}", "anyone"), file, "/x-access", (repr(name), *says))


def pattern(written: str, *says: str) -> Wrong:
    return Wrong(put(ROOM, "/x-room/pattern", written), ROOM, "/x-room/pattern", says)


ACCESS = {
    "a resource without x-access": Wrong(
        drop(SHIFTS, "/x-access"),
        SHIFTS,
        "",
        ("no client may read or change", 'add "x-access": {"read"', '"x-access": {} if'),
    ),
    "a room without x-access": Wrong(
        drop(ROOM, "/x-access"), ROOM, "", ("no client may enter", 'add "x-access": {"join"')
    ),
    "a message without x-access": Wrong(
        drop(SWAP, "/x-access"), SWAP, "", ("no client may send", 'add "x-access": {"send": "authenticated"}')
    ),
    "x-access as a text": Wrong(
        put(ROOM, "/x-access", "anyone"), ROOM, "/x-access", ('write {"join": "anyone", "send": "anyone"}',)
    ),
    "x-access as a list": Wrong(
        put(SWAP, "/x-access", ["role:lead"]), SWAP, "/x-access", ('write {"send": ["role:lead"]}',)
    ),
    "send without join": Wrong(
        drop(ROOM, "/x-access/join"), ROOM, "/x-access", ("add `join`", '"join": "authenticated"')
    ),
    "update without read": Wrong(
        drop(PEOPLE, "/x-access/read"), PEOPLE, "/x-access/update", ("no client may read", "add `read`")
    ),
    "write": action(SHIFTS, "write", "'read', 'create', 'update' and 'delete'", "name each of 'create'"),
    "insert": action(SHIFTS, "insert", "did you mean 'create'?"),
    "subscribe": action(SHIFTS, "subscribe", "did you mean 'read'?"),
    "join of rows": action(SHIFTS, "join", "the actions are"),
    "raed": action(SHIFTS, "raed", "did you mean 'read'?"),
    "read of a room": action(ROOM, "read", "'presence' and 'history'", "did you mean 'join'?"),
    "publish": action(ROOM, "publish", "did you mean 'send'?"),
    "read of a message": action(SWAP, "read", "the action is 'send'"),
    "authentificated": access(SHIFTS, "read", "authentificated", "did you mean 'authenticated'?"),
    "everyone": access(ROOM, "join", "everyone", "did you mean 'anyone'?"),
    "any": access(SWAP, "send", "any", "did you mean 'anyone'?"),
    "true": access(ROOM, "join", True, "did you mean 'anyone'?"),
    "role admin": access(SHIFTS, "read", "role admin", "did you mean 'role:admin'?"),
    "roles:admin": access(SHIFTS, "read", "roles:admin", "did you mean 'role:admin'?"),
    "admin": access(SWAP, "send", "admin", "did you mean 'role:admin'?"),
    "nobody": access(SWAP, "send", "nobody", "remove `send`"),
    "false": access(SHIFTS, "update", False, "remove `update`"),
    "owner": access(SHIFTS, "update", "owner", '{"where": {"PROPERTY": "$user.id"}}'),
    "a role as an object": access(SHIFTS, "read", {"role": "lead"}, "did you mean 'role:lead'?"),
    "roles as an object": access(SHIFTS, "read", {"roles": ["lead", "boss"]}, "['role:lead', 'role:boss']"),
    "a role beside where that is two": access(
        SHIFTS, "read", {"role": "lead, boss", "where": {"paid": True}}, '["role:lead", "role:boss"]', below="/role"
    ),
    "where and another word": access(SHIFTS, "read", {"roles": "lead", "where": {}}, "only `role` may stand"),
    "a role without where": access(SHIFTS, "read", {"role": "lead"}, "did you mean 'role:lead'?"),
    "where as a text": access(SHIFTS, "read", {"where": "person_id = 1"}, "`where` takes a filter"),
    "rules with a comma": access(SHIFTS, "read", "authenticated, role:boss", '["authenticated", "role:boss"]'),
    "several roles in one": access(SHIFTS, "read", "role:lead,coordinator", '["role:lead", "role:coordinator"]'),
    "or between roles": access(SHIFTS, "read", "role:lead or role:boss", '["role:lead", "role:boss"]'),
    "a space before the role": access(SHIFTS, "read", "role: lead", 'write "role:lead"'),
    "any role": access(SHIFTS, "read", "role:*", '"authenticated"'),
    "anyone beside others": access(SHIFTS, "read", ["anyone", "role:lead"], "says nothing", 'remove "anyone"'),
    "authenticated beside a role": access(SHIFTS, "read", ["role:lead", "authenticated"], "says nothing"),
    "a rule twice": access(SHIFTS, "read", ["role:lead", "role:lead"], "stands twice", below="/1"),
    "a row rule of a room": access(
        ROOM, "join", {"where": {"id": "$user.id"}}, "neither a parameter", "for rows write `exists`", below="/where/id"
    ),
    "history without join": Wrong(
        put(ROOM, "/x-access", {"history": "role:lead"}), ROOM, "/x-access", ("read the history", '"join": "role:lead"')
    ),
    "a room rule that is a text in an object": access(ROOM, "join", {"exists": "shifts"}, '{"exists": {"resource"'),
    "a row rule of a message": access(SWAP, "send", ["role:a", {"where": {}}], "a message has no row", below="/1"),
    "a row rule without where": access(SHIFTS, "read", {"person_id": "$user.id"}, "did you mean {'where': ...}?"),
    "x-access of a property": Wrong(
        put(PEOPLE, "/properties/email/x-access", {"read": "role:lead"}),
        PEOPLE,
        "/properties/email/x-access",
        ("no meaning here", "a separate resource", "`writeOnly`"),
    ),
    "x-access of a reply": Wrong(
        put(SWAPPED, "/x-access", {"send": "anyone"}),
        SWAPPED,
        "/x-access",
        ("no meaning here", "the client whose request"),
    ),
    "x-access of a type": Wrong(
        put(PLACE, "/x-access", {"read": "anyone"}),
        PLACE,
        "/x-access",
        ("no meaning here", "the top of a file in resources/"),
    ),
    "x-acces": Wrong(rename(SHIFTS, "/x-access", "x-acces"), SHIFTS, "/x-acces", ("did you mean 'x-access'?",)),
    "x-permissions": Wrong(
        put(SHIFTS, "/x-permissions", {}), SHIFTS, "/x-permissions", ("does not read", 'write "x-access"')
    ),
}
RESOURCES = {
    "a reference as a call": Wrong(
        put(SHIFTS, "/x-resource/references/person_id", "people(id)"),
        SHIFTS,
        "/x-resource/references/person_id",
        ('write "people.id"',),
    ),
    "unique as a flag": Wrong(
        put(PEOPLE, "/x-resource/unique", True), PEOPLE, "/x-resource/unique", ('write [["NAME"]]',)
    ),
    "a row without a type": Wrong(drop(SHIFTS, "/type"), SHIFTS, "/type", ('write "type": "object"',)),
    "a row without properties": Wrong(
        put(SHIFTS, "/properties", {}), SHIFTS, "/properties", ('write "properties": {"id"',)
    ),
    "the meta-schema of another kind": Wrong(
        put(SHIFTS, "/$schema", "../meta/room.schema.json"),
        SHIFTS,
        "/$schema",
        ('write "../meta/resource.schema.json"',),
    ),
    "no title": Wrong(drop(PEOPLE, "/title"), PEOPLE, "", ("has no `title`", 'write "title": "People"')),
    "a room without a title, whose name is taken": Wrong(
        drop(ROOM, "/title"), ROOM, "", ("has no `title`", 'write "title": "Shift"')
    ),
    "a row that allows more properties": Wrong(
        put(SHIFTS, "/additionalProperties", True), SHIFTS, "/additionalProperties", ("are columns", "write false")
    ),
    "a room among the resources": Wrong(
        add("resources/talk.schema.json", {"title": "Talk", "x-room": {"pattern": "talk-*"}}),
        "resources/talk.schema.json",
        "/x-room",
        ("belongs into rooms/", "move it there"),
    ),
    "a resource among the types": Wrong(
        put(PLACE, "/x-resource", {"key": "name"}), PLACE, "/x-resource", ("belongs into resources/",)
    ),
    "no x-resource": Wrong(drop(PEOPLE, "/x-resource"), PEOPLE, "", ("has no `x-resource`", '{"key": "NAME"}')),
    "x-resourc": Wrong(
        rename(PEOPLE, "/x-resource", "x-resourc"), PEOPLE, "/x-resourc", ("did you mean 'x-resource'?",)
    ),
    "no key": Wrong(drop(PEOPLE, "/x-resource/key"), PEOPLE, "/x-resource", ("lacks `key`", '"key": "NAME"')),
    "primaryKey": Wrong(
        put(PEOPLE, "/x-resource/primaryKey", "id"), PEOPLE, "/x-resource", ("'primaryKey'", "did you mean 'key'?")
    ),
    "foreign_keys": Wrong(
        put(PEOPLE, "/x-resource/foreign_keys", {}), PEOPLE, "/x-resource", ("did you mean 'references'?",)
    ),
    "a key that is no property": Wrong(
        put(PEOPLE, "/x-resource/key", "ids"), PEOPLE, "/x-resource/key", ("no property 'ids'", "did you mean 'id'?")
    ),
    "a unique name that is no property": Wrong(
        put(PEOPLE, "/x-resource/unique", [["emial"]]), PEOPLE, "/x-resource/unique/0/0", ("did you mean 'email'?",)
    ),
    "unique as a flat list": Wrong(
        put(PEOPLE, "/x-resource/unique", ["email", "name"]),
        PEOPLE,
        "/x-resource/unique",
        ('write [["email"], ["name"]]',),
    ),
    "unique as a text": Wrong(
        put(PEOPLE, "/x-resource/unique", "email"), PEOPLE, "/x-resource/unique", ('write [["email"]]',)
    ),
    "x-unique": Wrong(
        put(PEOPLE, "/x-unique", ["email"]), PEOPLE, "/x-unique", ("does not read", '"unique": [["NAME"]]')
    ),
    "x-key": Wrong(put(PEOPLE, "/x-key", "id"), PEOPLE, "/x-key", ("does not read", '"x-resource": {"key": "NAME"}')),
    "a reference without a property": Wrong(
        put(SHIFTS, "/x-resource/references/person_id", "people"),
        SHIFTS,
        "/x-resource/references/person_id",
        ('write "people.id"',),
    ),
    "a reference as an object": Wrong(
        put(SHIFTS, "/x-resource/references/person_id", {"resource": "people"}),
        SHIFTS,
        "/x-resource/references/person_id",
        ("RESOURCE.id",),
    ),
    "a reference to no resource": Wrong(
        put(SHIFTS, "/x-resource/references/person_id", "peple.id"),
        SHIFTS,
        "/x-resource/references/person_id",
        ("no resource 'peple'", "did you mean 'people'?"),
    ),
    "a reference to no property": Wrong(
        put(SHIFTS, "/x-resource/references/person_id", "people.uid"),
        SHIFTS,
        "/x-resource/references/person_id",
        ("no property 'uid'", "did you mean 'id'?"),
    ),
    "a reference of text to integers": Wrong(
        put(SHIFTS, "/properties/person_id", {"type": "string"}),
        SHIFTS,
        "/properties/person_id",
        ("people.id, whose values are of the type integer", 'write "type": "integer"'),
    ),
    "a reference of numbers to integers": Wrong(
        put(SHIFTS, "/properties/person_id/type", ["number", "null"]),
        SHIFTS,
        "/properties/person_id",
        ('write "type": ["integer", "null"]',),
    ),
    "a reference of text to UUIDs": Wrong(
        both(
            put(SHIFTS, "/properties/before", {"type": ["string", "null"]}),
            put(SHIFTS, "/x-resource/references/before", "shifts.id"),
        ),
        SHIFTS,
        "/properties/before",
        ("shifts.id", '"format": "uuid"'),
    ),
    "a list of references": Wrong(
        put(SHIFTS, "/properties/person_id", {"type": "array", "items": {"type": "integer"}}),
        SHIFTS,
        "/properties/person_id",
        ("is a list", "a resource with a row for each pair"),
    ),
    "readOnly and writeOnly": Wrong(
        both(put(SHIFTS, "/properties/report/readOnly", True), put(SHIFTS, "/properties/report/writeOnly", True)),
        SHIFTS,
        "/properties/report/writeOnly",
        ("no client can read it or set it", "remove one"),
    ),
    "columns that differ in capital letters": Wrong(
        put(SHIFTS, "/properties/Report", {"type": ["string", "null"]}),
        SHIFTS,
        "/properties/Report",
        ("differ only in capital letters", "rename one"),
    ),
    "a required property that nothing fills": Wrong(
        both(
            put(SHIFTS, "/properties/by", {"type": "string", "readOnly": True}),
            put(SHIFTS, "/required/-", "by"),
            drop("seed.json", "/shifts"),
        ),
        SHIFTS,
        "/properties/by",
        ("cannot send 'by'", "unless the database fills it"),
        hint=True,
    ),
}
ROOMS = {
    "a literal brace": pattern("shift-{", "'{' is no parameter", "'{id}'"),
    "an empty parameter": pattern("shift-{}", "'{}' is no parameter", "'{id}'"),
    "a parameter with a space": pattern("shift-{shift id}", "'{shift_id}'"),
    "a parameter twice": pattern("shift-{id}-{id}", "'id' stands twice"),
    "parameters side by side": pattern("shift-{id}{day}", "nothing stands between '{id}{day}'"),
    "a star before a parameter": pattern("*-{id}", "write another parameter in place of `*`"),
    "shift-${id}": pattern("shift-${id}", 'write "shift-*"'),
    "shifts/:id/chat": pattern("shifts/:id/chat", "':id' is plain text", 'write "shifts/*/chat"'),
    "shift-<id>": pattern("shift-<id>", 'write "shift-*"'),
    "shift-%s": pattern("shift-%s", 'write "shift-*"'),
    "shift-[0-9]+": pattern("shift-[0-9]+", "no regular expression", 'write "shift-*"'),
    "^shift-.*$": pattern("^shift-.*$", "no regular expression", 'write "shift-'),
    r"shift-\d+": pattern(r"shift-\d+", "no regular expression", 'write "shift-*"'),
    "a wildcard of MQTT": pattern("shifts/+/chat", "'+' is plain text", 'write "shifts/*/chat"'),
    "a space at the end": pattern("shift-* ", "ends with a space", 'write "shift-*"'),
    "no pattern": Wrong(drop(ROOM, "/x-room/pattern"), ROOM, "/x-room", ("lacks `pattern`", '"pattern": "NAME-*"')),
    "x-room as a text": Wrong(put(ROOM, "/x-room", "shift-*"), ROOM, "/x-room", ('write {"pattern": "shift-*"}',)),
    "name in place of pattern": Wrong(
        put(ROOM, "/x-room/name", "shift-*"), ROOM, "/x-room", ("did you mean 'pattern'?",)
    ),
    "rooms that overlap": Wrong(
        add("rooms/talk.schema.json", {"title": "Talk", "x-room": {"pattern": "*-1"}, "x-access": {"join": "anyone"}}),
        "rooms/talk.schema.json",
        "/x-room/pattern",
        ("overlaps 'shift-*'", "no name may match both"),
    ),
    "a durable history that keeps nothing": Wrong(
        put(ROOM, "/x-room/history", {"durable": True}),
        ROOM,
        "/x-room/history",
        ("keeps no message", 'add "size": 100'),
    ),
    "a durable history of size 0": Wrong(
        put(ROOM, "/x-room/history", {"durable": True, "size": 0, "ttl": 60}),
        ROOM,
        "/x-room/history/size",
        ("keeps no message", 'write "size": 100'),
    ),
    "a history without ttl": Wrong(
        drop(ROOM, "/x-room/history/ttl"), ROOM, "/x-room/history", ("keeps no message", 'add "ttl": 3600')
    ),
    "a history without size": Wrong(
        drop(ROOM, "/x-room/history/size"), ROOM, "/x-room/history", ("keeps no message", 'add "size": 100')
    ),
    "a history for no time": Wrong(
        put(ROOM, "/x-room/history/ttl", 0), ROOM, "/x-room/history/ttl", ("for 0 seconds",)
    ),
    "a history as a number": Wrong(
        put(ROOM, "/x-room/history", 100), ROOM, "/x-room/history", ('write {"size": 100, "ttl": 3600}',)
    ),
    "limit of a history": Wrong(
        rename(ROOM, "/x-room/history/size", "limit"), ROOM, "/x-room/history", ("did you mean 'size'?",)
    ),
    "presence as a text": Wrong(put(ROOM, "/x-room/presence", "yes"), ROOM, "/x-room/presence", ("true or false",)),
    "a way to be slow": Wrong(
        put(ROOM, "/x-room/slow", "drop"), ROOM, "/x-room/slow", ('"disconnect", "drop_oldest" or "conflate"',)
    ),
    "a way to be slow as a list": Wrong(
        put(ROOM, "/x-room/slow", ["conflate"]), ROOM, "/x-room/slow", ('"disconnect", "drop_oldest" or "conflate"',)
    ),
    "a misspelled way to be slow": Wrong(
        put(ROOM, "/x-room/slow", {"conflat": "/text"}), ROOM, "/x-room/slow", ('{"conflate": "/PROPERTY"}',)
    ),
    "a property beside the pointer": Wrong(
        put(ROOM, "/x-room/slow", {"conflate": "/text", "keep": 1}),
        ROOM,
        "/x-room/slow",
        ('{"conflate": "/PROPERTY"}',),
    ),
    "a pointer without a slash": Wrong(
        put(ROOM, "/x-room/slow", {"conflate": "text"}), ROOM, "/x-room/slow/conflate", ("a JSON pointer into",)
    ),
    "a pointer to a property that no message has": Wrong(
        put(ROOM, "/x-room/slow", {"conflate": "/texd"}), ROOM, "/x-room/slow/conflate", ("did you mean 'text'",)
    ),
    "x-history": Wrong(put(ROOM, "/x-history", {}), ROOM, "/x-history", ("does not read", '"x-room": {"history"')),
    "x-room in a resource": Wrong(
        put(PEOPLE, "/x-room", {"pattern": "a"}), PEOPLE, "/x-room", ("no meaning here", "the top of a file in rooms/")
    ),
}
MESSAGES = {
    "a reply that is not there": Wrong(put(SWAP, "/x-reply", "swaped"), SWAP, "/x-reply", ("did you mean 'swapped'?",)),
    "the title of a reply": Wrong(put(SWAP, "/x-reply", "Swapped"), SWAP, "/x-reply", ("did you mean 'swapped'?",)),
    "the file of a reply": Wrong(
        put(SWAP, "/x-reply", "../server/swapped.schema.json"), SWAP, "/x-reply", ("did you mean 'swapped'?",)
    ),
    "x-reply of a reply": Wrong(
        put(SWAPPED, "/x-reply", "swapped"), SWAPPED, "/x-reply", ("no meaning here", "a file in client/")
    ),
    "a type as an enum": Wrong(
        put(SWAP, "/properties/type", {"enum": ["swap"]}),
        SWAP,
        "/properties/type",
        ('write "type": {"const": "swap"}',),
    ),
    "a type as a string": Wrong(
        put(SWAP, "/properties/type", {"type": "string"}),
        SWAP,
        "/properties/type",
        ('write "type": {"const": "swap"}',),
    ),
    "a type that is not required": Wrong(
        put(SWAP, "/required", ["shift"]), SWAP, "/required", ("must require `type`",)
    ),
    "no type": Wrong(drop(SWAP, "/properties/type"), SWAP, "/properties", ('write "type": {"const": "swap"}',)),
    "a type that is too long": Wrong(
        put(SWAP, "/properties/type/const", "swap" * 20), SWAP, "/properties/type/const", ("1 to 64 characters",)
    ),
    "a message that is a list": Wrong(put(SWAP, "/type", "array"), SWAP, "/type", ('write "type": "object"',)),
    "readOnly in a request": Wrong(
        put(SWAP, "/properties/shift/readOnly", True),
        SWAP,
        "/properties/shift/readOnly",
        ("says nothing here", "remove it"),
        hint=True,
    ),
    "a type of the protocol": Wrong(
        put(SWAP, "/properties/type/const", "join"),
        SWAP,
        "/properties/type/const",
        ("already a message type of the protocol",),
    ),
    "a request without ref": Wrong(
        drop(SWAP, "/properties/ref"),
        SWAP,
        "/properties",
        ("does not allow one", '"ref": {"$ref": "../types/ref.schema.json"}'),
    ),
    "a reply without ref": Wrong(
        drop(SWAPPED, "/properties/ref"), SWAPPED, "/properties", ("into this reply", '"ref": {"$ref"')
    ),
    "a ref of integers": Wrong(
        put(SWAP, "/properties/ref", {"type": "integer"}),
        SWAP,
        "/properties/ref",
        ("does not allow texts", "ref.schema.json"),
    ),
    "a reply to no request": Wrong(
        add(
            "server/news.schema.json",
            {
                "title": "News",
                "type": "object",
                "properties": {"type": {"const": "news"}, "ref": {"$ref": "../types/ref.schema.json"}},
                "required": ["type"],
            },
        ),
        "server/news.schema.json",
        "",
        ("no request has it as its reply", '"x-reply": "news"'),
        hint=True,
    ),
}
MEANINGS = {
    f"{kind}: {name}": wrong
    for kind, table in {
        "access": ACCESS,
        "rules": RULES,
        "resources": RESOURCES,
        "rooms": ROOMS,
        "messages": MESSAGES,
        "values": VALUE_MISTAKES,
    }.items()
    for name, wrong in table.items()
}
