"""Families of chat programs: federated events (like Matrix), blocks (like Slack), opcodes (like Discord)."""

from __future__ import annotations

from tests.contract.families import FLAG, TEXT, Family, Json, Wrong, listed, thing

_USER = "^@[a-z0-9._=/-]+:.+$"
EVENTS = Family(
    name="events",
    types={
        "event_base": {
            "title": "EventBase",
            **thing("kind content", kind=TEXT, content={"type": "object"}),
        },
        "event_in_room": {
            "title": "EventInRoom",
            "allOf": [
                {"$ref": "event_base.schema.json"},
                thing(
                    "event_id sender origin_server_ts",
                    event_id={"type": "string", "pattern": "^[$]"},
                    sender={"type": "string", "pattern": _USER},
                    origin_server_ts={"type": "integer", "minimum": 0},
                    unsigned=thing("", age={"type": "integer"}, prev_content={"type": "object"}, transaction_id=TEXT),
                ),
            ],
        },
        "event_state": {
            "title": "EventState",
            "allOf": [{"$ref": "event_in_room.schema.json"}, thing("state_key", state_key=TEXT)],
        },
    },
    request={
        "allOf": [
            {"$ref": "../types/event_state.schema.json"},
            thing(
                "content",
                kind={"const": "m.power_levels"},
                state_key={"const": ""},
                content=thing(
                    "",
                    ban={"type": "integer", "default": 50},
                    events={"type": "object", "additionalProperties": {"type": "integer"}},
                    users={
                        "type": "object",
                        "patternProperties": {_USER: {"type": "integer"}},
                        "additionalProperties": False,
                    },
                ),
            ),
        ]
    },
    valid=[
        {
            "kind": "m.power_levels",
            "content": {},
            "event_id": "$1",
            "sender": "@a:b",
            "origin_server_ts": 0,
            "state_key": "",
        },
        {
            "kind": "m.power_levels",
            "content": {"ban": -1, "events": {"m.name": 50, "": 0}, "users": {"@a:b": 100}, "org.more": [None]},
            "event_id": "$a",
            "sender": "@a/b=c:d:8448",
            "origin_server_ts": 1767225600000,
            "state_key": "",
            "unsigned": {"age": 1, "prev_content": {"x": {}}, "redacted_because": {"kind": "m.redaction"}},
            "org.example.extra": {"a": 1},
        },
    ],
    invalid=[
        Wrong(
            {
                "kind": "m.name",
                "content": {},
                "event_id": "$1",
                "sender": "@a:b",
                "origin_server_ts": 0,
                "state_key": "",
            },
            "/kind",
        ),
        Wrong(
            {
                "kind": "m.power_levels",
                "content": {"users": {"a": 1}},
                "event_id": "$1",
                "sender": "@a:b",
                "origin_server_ts": 0,
                "state_key": "",
            },
            "/content/users/a",
        ),
        Wrong(
            {
                "kind": "m.power_levels",
                "content": {},
                "event_id": "1",
                "sender": "@a:b",
                "origin_server_ts": 0,
                "state_key": "",
            },
            "/event_id",
        ),
        Wrong({"kind": "m.power_levels", "content": {}, "event_id": "$1", "sender": "@a:b", "origin_server_ts": 0}, ""),
    ],
    room=thing(
        "receipts",
        receipts={
            "type": "object",
            "patternProperties": {
                "^[$]": {
                    "type": "object",
                    "patternProperties": {
                        "^m\\.": {
                            "type": "object",
                            "patternProperties": {_USER: thing("", ts={"type": "integer"}, thread_id=TEXT)},
                        }
                    },
                }
            },
            "additionalProperties": False,
        },
    ),
    in_room=[
        {"receipts": {}},
        {"receipts": {"$1": {"m.read": {"@a:b": {"ts": 1}, "other": 5}, "org.read": None}}, "more": 1},
    ],
    not_in_room=[
        Wrong({"receipts": {"1": {}}}, "/receipts/1"),
        Wrong({"receipts": {"$1": {"m.read": {"@a:b": {"ts": "1"}}}}}, "/receipts/$1/m.read/@a:b/ts"),
        Wrong({"receipts": {"$1": {"m.read": []}}}, "/receipts/$1/m.read"),
    ],
)

_PLAIN: Json = thing(
    "type text", closed=True, type={"const": "plain_text"}, text={"type": "string", "maxLength": 75}, emoji=FLAG
)
_BLOCK: Json = {
    "title": "Block",
    "oneOf": [
        {"$ref": "#/$defs/section"},
        {"$ref": "#/$defs/actions"},
        {"$ref": "#/$defs/divider"},
        {"$ref": "#/$defs/rich_text"},
    ],
    "$defs": {
        "plain": _PLAIN,
        "text": {
            "oneOf": [
                {"$ref": "#/$defs/plain"},
                thing(
                    "type text", closed=True, type={"const": "mrkdwn"}, text=TEXT, verbatim={**FLAG, "default": False}
                ),
            ]
        },
        "button": thing(
            "type text action_id",
            type={"const": "button"},
            text={"$ref": "#/$defs/plain"},
            action_id={"type": "string", "maxLength": 255},
            style={"enum": ["primary", "danger"]},
            confirm=thing("title text", title={"$ref": "#/$defs/plain"}, text={"$ref": "#/$defs/text"}),
        ),
        "select": {
            **thing(
                "type action_id options",
                type={"enum": ["static_select", "multi_static_select"]},
                action_id=TEXT,
                options=listed(
                    thing("text value", closed=True, text={"$ref": "#/$defs/plain"}, value=TEXT),
                    minItems=1,
                    maxItems=100,
                ),
                max_selected_items={"type": "integer", "minimum": 1},
            )
        },
        "element": {"oneOf": [{"$ref": "#/$defs/button"}, {"$ref": "#/$defs/select"}]},
        "section": {
            **thing(
                "type",
                closed=True,
                type={"const": "section"},
                block_id=TEXT,
                text={"$ref": "#/$defs/text"},
                fields=listed({"$ref": "#/$defs/text"}, maxItems=10),
                accessory={"$ref": "#/$defs/element"},
            ),
            "anyOf": [{"required": ["text"]}, {"required": ["fields"]}],
        },
        "actions": thing(
            "type elements",
            closed=True,
            type={"const": "actions"},
            block_id=TEXT,
            elements=listed({"$ref": "#/$defs/element"}, maxItems=25),
        ),
        "divider": thing("type", closed=True, type={"const": "divider"}, block_id=TEXT),
        "rich_text": thing(
            "type elements", closed=True, type={"const": "rich_text"}, elements=listed({"$ref": "#/$defs/rich"})
        ),
        "rich": {
            "oneOf": [
                thing(
                    "type text",
                    type={"const": "text"},
                    text=TEXT,
                    style={"type": "object", "additionalProperties": FLAG},
                ),
                thing("type elements", type={"const": "rich_text_section"}, elements=listed({"$ref": "#/$defs/rich"})),
                thing(
                    "type elements style",
                    type={"const": "rich_text_list"},
                    style={"enum": ["ordered", "bullet"]},
                    elements=listed({"$ref": "#/$defs/rich"}),
                ),
            ]
        },
    },
}
_OK: Json = {"type": "plain_text", "text": "OK"}
BLOCKS = Family(
    name="blocks",
    types={"block": _BLOCK},
    request={
        "properties": {
            "channel": {"type": "string", "pattern": "^[CDG][A-Z0-9]+$"},
            "text": TEXT,
            "blocks": listed({"$ref": "../types/block.schema.json"}, maxItems=50),
            "attachments": {**listed({"type": "object"}), "deprecated": True, "description": "Use blocks."},
            "thread_ts": {"type": ["string", "null"], "pattern": r"^\d+\.\d{6}$"},
        },
        "required": ["channel"],
        "anyOf": [{"required": ["text"]}, {"required": ["blocks"]}, {"required": ["attachments"]}],
        "additionalProperties": False,
    },
    valid=[
        {"channel": "C1", "text": ""},
        {"channel": "G1", "attachments": [{"a": 1}], "thread_ts": None},
        {
            "channel": "D9",
            "thread_ts": "1.000001",
            "blocks": [
                {"type": "divider"},
                {
                    "type": "section",
                    "text": {"type": "mrkdwn", "text": "*a*"},
                    "accessory": {"type": "static_select", "action_id": "", "options": [{"text": _OK, "value": "1"}]},
                },
                {
                    "type": "actions",
                    "elements": [
                        {"type": "button", "text": _OK, "action_id": "a", "value": "more"},
                        {"type": "multi_static_select", "action_id": "b", "options": [{"text": _OK, "value": ""}]},
                    ],
                },
            ],
        },
        {
            "channel": "C2",
            "blocks": [
                {
                    "type": "rich_text",
                    "elements": [
                        {
                            "type": "rich_text_list",
                            "style": "bullet",
                            "elements": [
                                {
                                    "type": "rich_text_section",
                                    "elements": [{"type": "text", "text": "", "style": {"bold": True}}],
                                }
                            ],
                        }
                    ],
                }
            ],
        },
    ],
    invalid=[
        Wrong({"channel": "C1"}, ""),
        Wrong({"channel": "C1", "blocks": [{"type": "section"}]}, "/blocks/0"),
        Wrong({"channel": "C1", "blocks": [{"type": "divider", "text": "x"}]}, "/blocks/0/text"),
        Wrong(
            {
                "channel": "C1",
                "blocks": [
                    {
                        "type": "actions",
                        "elements": [{"type": "button", "action_id": "a", "text": {"type": "mrkdwn", "text": ""}}],
                    }
                ],
            },
            "/blocks/0/elements/0/text/type",
        ),
        Wrong(
            {
                "channel": "C1",
                "blocks": [
                    {"type": "actions", "elements": [{"type": "static_select", "action_id": "a", "options": []}]}
                ],
            },
            "/blocks/0/elements/0/options",
        ),
        Wrong({"channel": "C1", "blocks": [{"type": "image"}]}, "/blocks/0/type"),
    ],
    room={"$ref": "../types/block.schema.json"},
    in_room=[
        {"type": "divider", "block_id": "b"},
        {
            "type": "section",
            "fields": [{"type": "plain_text", "text": "a", "emoji": True}, {"type": "mrkdwn", "text": ""}],
        },
    ],
    not_in_room=[
        Wrong({"type": "section", "text": {"type": "plain_text", "text": "x" * 76}}, "/text/text"),
        Wrong(
            {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "x", "elements": []}]},
            "/elements/0/style",
        ),
        Wrong({}, ""),
    ],
)

_SNOWFLAKE: Json = {"type": "string", "format": "int64"}
_NAMELESS: Json = {"type": ["string", "null"]}
OPCODES = Family(
    name="opcodes",
    request={
        "properties": {
            "payload": {
                "oneOf": [
                    thing("op d", closed=True, op={"const": 1}, d={"type": ["integer", "null"]}),
                    thing(
                        "op d",
                        closed=True,
                        op={"const": 2},
                        d=thing(
                            "token intents",
                            token=TEXT,
                            intents={"type": "integer", "minimum": 0},
                            shard={
                                "type": "array",
                                "prefixItems": [{"type": "integer"}, {"type": "integer"}],
                                "items": False,
                                "minItems": 2,
                            },
                            presence={
                                "anyOf": [thing("status", status={"enum": ["online", "idle"]}), {"type": "null"}]
                            },
                        ),
                    ),
                    thing(
                        "op d",
                        closed=True,
                        op={"const": 4},
                        d=thing(
                            "guild_id channel_id",
                            closed=True,
                            guild_id=_SNOWFLAKE,
                            channel_id={"type": ["string", "null"], "format": "int64"},
                            self_mute=FLAG,
                        ),
                    ),
                ]
            }
        },
        "required": ["payload"],
        "additionalProperties": False,
    },
    valid=[
        {"payload": {"op": 1, "d": None}},
        {"payload": {"op": 1, "d": 251}},
        {
            "payload": {
                "op": 2,
                "d": {"token": "", "intents": 513, "shard": [0, 1], "presence": None, "properties": {"os": "x"}},
            }
        },
        {"payload": {"op": 4, "d": {"guild_id": "9007199254740993", "channel_id": None}}},
        {
            "payload": {
                "op": 4,
                "d": {"guild_id": "9007199254740993", "channel_id": "9007199254740993", "self_mute": False},
            }
        },
    ],
    invalid=[
        Wrong({"payload": {"op": 3, "d": None}}, "/payload/op"),
        Wrong({"payload": {"op": "1", "d": None}}, "/payload/op"),
        Wrong({"payload": {"op": 2, "d": {"token": "", "intents": -1}}}, "/payload/d/intents"),
        Wrong({"payload": {"op": 2, "d": {"token": "", "intents": 1, "shard": [0, 1, 2]}}}, "/payload/d/shard/2"),
        Wrong({"payload": {"op": 4, "d": {"guild_id": 9007199254740991, "channel_id": None}}}, "/payload/d/guild_id"),
        Wrong({"payload": {"op": 4, "d": {"guild_id": "x", "channel_id": None}}}, "/payload/d/guild_id"),
    ],
    room={
        **thing(
            "op s t d",
            closed=True,
            op={"const": 0},
            s={"type": "integer", "minimum": 0},
            t={"enum": ["MESSAGE_CREATE", "TYPING_START"]},
            d=thing(
                "id author",
                id=_SNOWFLAKE,
                author=thing("id", id=_SNOWFLAKE, nick=_NAMELESS, avatar=_NAMELESS, bot=FLAG),
            ),
        )
    },
    in_room=[
        {
            "op": 0,
            "s": 1,
            "t": "TYPING_START",
            "d": {"id": "9007199254740993", "author": {"id": "-9223372036854775808", "nick": None}},
        },
        {
            "op": 0,
            "s": 2,
            "t": "MESSAGE_CREATE",
            "d": {
                "id": "9007199254740993",
                "author": {"id": "9007199254740993", "avatar": "a", "flags": 1},
                "embeds": [{"a": {}}],
            },
        },
    ],
    not_in_room=[
        Wrong({"op": 0, "s": None, "t": "TYPING_START", "d": {}}, "/s"),
        Wrong(
            {"op": 0, "s": 1, "t": "TYPING_START", "d": {"id": "1", "author": {"id": "9223372036854775808"}}},
            "/d/author/id",
        ),
        Wrong({"op": 1, "s": 1, "t": "TYPING_START", "d": {"id": "1", "author": {"id": "1"}}}, "/op"),
    ],
)
