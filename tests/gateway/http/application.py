"""An application for the tests of HTTP: rows with odd values and keys, rooms for roles, and messages with handlers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

from tidegate.handlers import Call, Gateway, Refused

ANYONE = {action: "anyone" for action in ("read", "create", "update", "delete")}
REF = {"$ref": "../types/ref.schema.json"}

FILES: Mapping[str, Any] = {
    "resources/things": {
        "title": "Thing",
        "x-resource": {"key": "id", "unique": [["code"]]},
        "x-access": {**ANYONE, "update": "authenticated"},
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": 9007199254740991, "readOnly": True},
            "code": {"type": "string", "maxLength": 100},
            "price": {"type": "number"},
            "amount": {"type": "integer"},
            "done": {"type": "boolean", "default": False},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "big": {"type": "string", "format": "int64"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "about": {"type": "object"},
            "secret": {"type": "string", "writeOnly": True},
            "limit": {"type": "integer"},
        },
        "required": ["id", "code"],
        "additionalProperties": False,
    },
    "resources/places": {
        "title": "Place",
        "x-resource": {"key": ["zone", "slug"]},
        "x-access": ANYONE,
        "type": "object",
        "properties": {
            "zone": {"type": "integer", "minimum": 0, "maximum": 9},
            "slug": {"type": "string", "minLength": 1, "maxLength": 20},
            "label": {"type": "string", "maxLength": 20},
        },
        "required": ["zone", "slug"],
        "additionalProperties": False,
    },
    "resources/diaries": {
        "title": "Diary",
        "x-resource": {"key": "id"},
        "x-access": {**{action: {"where": {"owner": "$user.id"}} for action in ANYONE}, "create": "authenticated"},
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": 9007199254740991, "readOnly": True},
            "owner": {"type": "string", "maxLength": 128},
            "text": {"type": "string", "maxLength": 100},
        },
        "required": ["id", "owner"],
        "additionalProperties": False,
    },
    "rooms/log": {
        "title": "LogLine",
        "x-room": {"pattern": "log-*", "history": {"size": 10, "ttl": 60}},
        "x-access": {"join": ["authenticated", "role:service"], "send": "role:service"},
        "type": "object",
        "properties": {"text": {"type": "string", "maxLength": 100}},
        "required": ["text"],
        "additionalProperties": False,
    },
    "rooms/chat": {
        "title": "ChatLine",
        "x-room": {"pattern": "chat-*"},
        "x-access": {"join": "anyone", "send": "anyone"},
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
    },
    "client/buy": {
        "title": "Buy",
        "x-access": {"send": "authenticated"},
        "x-reply": "bought",
        "type": "object",
        "properties": {
            "type": {"const": "buy"},
            "ref": REF,
            "amount": {"type": "integer", "minimum": 1, "maximum": 10},
            "key": {"$ref": "../types/idempotency_key.schema.json", "description": "Buys once."},
        },
        "required": ["type", "amount"],
        "additionalProperties": False,
    },
    "client/note": {
        "title": "Note",
        "x-access": {"send": "anyone"},
        "type": "object",
        "properties": {"type": {"const": "note"}, "ref": REF, "text": {"type": "string"}},
        "required": ["type", "text"],
        "additionalProperties": False,
    },
    "client/play": {
        "title": "Play",
        "x-access": {"send": "anyone"},
        "type": "object",
        "properties": {"type": {"const": "play"}, "ref": REF, "key": {"type": "string", "enum": ["c", "d"]}},
        "required": ["type"],
        "additionalProperties": False,
    },
    "types/tick": {"title": "Tick", "type": "integer"},
    "client/count": {
        "title": "Count",
        "x-access": {"send": "anyone"},
        "x-part": {"$ref": "../types/tick.schema.json"},
        "type": "object",
        "properties": {
            "type": {"const": "count"},
            "ref": REF,
            "to": {"type": "integer", "minimum": -1, "maximum": 100000},
        },
        "required": ["type", "to"],
        "additionalProperties": False,
    },
    "server/bought": {
        "title": "Bought",
        "type": "object",
        "properties": {"type": {"const": "bought"}, "ref": REF, "left": {"type": "integer"}, "by": {"type": "string"}},
        "required": ["type", "left", "by"],
        "additionalProperties": False,
    },
}


def write(folder: Path) -> Path:
    """The schema folder of the application, made in `folder`."""
    for name, content in FILES.items():
        file = folder / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return folder / "schema"


def handlers() -> Gateway:
    gateway = Gateway()

    @gateway.on("buy")
    def buy(message: dict[str, Any], call: Call) -> dict[str, Any]:
        if message["amount"] > 5:
            raise Refused("conflict", "not that many are left", pointer="/amount")
        return {"left": 5 - message["amount"], "by": call.user.id}

    @gateway.on("note")
    def note(message: dict[str, Any]) -> None:
        if message["text"] == "fail":
            raise RuntimeError("the handler fails")

    @gateway.on("play")
    def play(message: dict[str, Any]) -> None:
        """The key of a piano."""

    @gateway.on("count")
    async def count(message: dict[str, Any]) -> AsyncIterator[int]:
        for number in range(int(message["to"])):  # 3.0 is an integer of JSON Schema, too
            yield number
        if message["to"] < 0:
            raise Refused("conflict", "it cannot be counted")
        if message["to"] == 7:
            raise Refused("conflict", "seven is enough")

    return gateway
