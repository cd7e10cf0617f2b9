"""The meta-schemas of Tidegate's own annotations: x-resource, x-room, x-access, x-reply.

A typo in an annotation would silently deny or drop something, so each is checked against a closed schema. Rules that
are not implemented yet load all the same. The tables of codes are checked here too.
"""

from __future__ import annotations

from typing import Any

from tidegate.schema.definition import Kind
from tidegate.schema.resource import JsonSchema

RULE: JsonSchema = {
    "anyOf": [
        {"enum": ["anyone", "authenticated"]},
        {"type": "string", "pattern": "^role:.+$"},
        {
            "type": "object",
            "properties": {"where": {"type": "object"}},
            "required": ["where"],
            "additionalProperties": False,
        },
    ]
}
RULE_TEXT = 'must be "anyone", "authenticated", "role:NAME" or {"where": FILTER}'
"""What `RULE` says, in words."""
_NAME: JsonSchema = {"type": "string", "minLength": 1}
_NAMES: JsonSchema = {"type": "array", "items": _NAME, "minItems": 1, "uniqueItems": True}


def _closed(properties: dict[str, Any], required: tuple[str, ...] = ()) -> JsonSchema:
    return {
        "type": "object",
        "properties": properties,
        "required": list(required),
        "additionalProperties": False,
    }


RESOURCE = _closed(
    {
        "table": {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]{0,62}$"},
        "key": {"anyOf": [_NAME, _NAMES]},
        "unique": {"type": "array", "items": _NAMES},
        "indexes": {"type": "array", "items": _NAMES},
        "references": {
            "type": "object",
            "additionalProperties": {"type": "string", "pattern": "^[^.]+\\.[^.]+$"},
        },
    },
    ("key",),
)
ROOM = _closed(
    {
        "pattern": {"type": "string", "minLength": 1, "maxLength": 128},
        "history": _closed(
            {
                "size": {"type": "integer", "minimum": 0},
                "ttl": {"type": "number", "minimum": 0},
                "durable": {"type": "boolean"},
            }
        ),
        "presence": {"type": "boolean"},
        "slow": {"enum": ["disconnect", "drop_oldest", "conflate"]},
    },
    ("pattern",),
)
ERRORS: JsonSchema = {
    "type": "object",
    "additionalProperties": _closed(
        {"meaning": _NAME, "temporary": {"type": "boolean"}, "action": _NAME}, ("meaning", "temporary", "action")
    ),
}
CLOSES: JsonSchema = {
    "type": "object",
    "propertyNames": {"pattern": "^[1-4][0-9]{3}$"},
    "additionalProperties": _closed(
        {"name": _NAME, "meaning": _NAME, "reconnect": {"enum": ["never", "backoff", "resume"]}},
        ("name", "meaning", "reconnect"),
    ),
}


def _access(*actions: str) -> JsonSchema:
    return _closed(dict.fromkeys(actions, RULE))


ANNOTATIONS: dict[Kind, dict[str, JsonSchema]] = {
    "types": {"x-errors": ERRORS, "x-closes": CLOSES},
    "client": {"x-reply": _NAME, "x-access": _access("send")},
    "server": {},
    "resources": {"x-resource": RESOURCE, "x-access": _access("read", "create", "update", "delete")},
    "rooms": {"x-room": ROOM, "x-access": _access("join", "send")},
}
"""What each kind of file may carry at its root."""

KNOWN = frozenset(word for words in ANNOTATIONS.values() for word in words)
