"""An application whose rooms have rules about rows: what the tests of such rooms share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

MEMBER: dict[str, Any] = {
    "title": "Membership",
    "type": "object",
    "x-resource": {"key": "id", "indexes": [["doc_id", "user_id"]]},
    "x-access": {"read": "authenticated", "create": "authenticated", "delete": "authenticated"},
    "properties": {
        "id": {"type": "integer", "readOnly": True},
        "doc_id": {"type": "integer"},
        "user_id": {"type": "string", "maxLength": 40},
        "writer": {"type": "boolean", "default": True},
    },
    "required": ["id", "doc_id", "user_id"],
    "additionalProperties": False,
}
SHIFT: dict[str, Any] = {
    "title": "Shift",
    "type": "object",
    "x-resource": {"key": "id"},
    "x-access": {"read": "authenticated"},
    "properties": {"id": {"type": "integer"}, "name": {"type": "string", "maxLength": 40}},
    "required": ["id", "name"],
    "additionalProperties": False,
}
OF_DOC = {"doc_id": "$room.doc_id", "user_id": "$user.id"}
ROOMS: dict[str, dict[str, Any]] = {
    "doc": {
        "title": "DocMessage",
        "x-room": {"pattern": "doc-{doc_id}", "history": {"size": 50, "ttl": 3600}},
        "x-access": {
            "join": {"exists": {"resource": "members", "where": OF_DOC}},
            "send": {"exists": {"resource": "members", "where": {**OF_DOC, "writer": True}}},
        },
    },
    "shift": {
        "title": "ShiftMessage",
        "x-room": {"pattern": "shift-{id}"},
        "x-access": {
            "join": {"exists": {"resource": "shifts", "where": {"id": "$room.id"}}},
            "send": "authenticated",
        },
    },
    "plan": {
        "title": "PlanMessage",
        "x-room": {"pattern": "plan-{doc_id}"},
        "x-access": {
            "join": {
                "role": "lead",
                "where": {"$user.org": "acme"},
                "exists": {"resource": "members", "where": OF_DOC},
            },
            "send": "authenticated",
        },
    },
    "team": {
        "title": "TeamMessage",
        "x-room": {"pattern": "team-{team}-{part}", "history": {"size": 50, "ttl": 3600}},
        "x-access": {
            "join": [{"where": {"team": {"in": "$user.teams"}}}, "role:auditor"],
            "send": {"where": {"team": {"in": "$user.teams"}, "$user.plan": "paid"}},
            "presence": {"where": {"team": {"in": "$user.teams"}}},
            "history": {"role": "lead", "where": {"team": {"in": "$user.teams"}}},
        },
    },
}


def write_schema(folder: Path) -> None:
    """Write the files of the application into `folder`/schema."""
    for name, content in {
        "resources/members": MEMBER,
        "resources/shifts": SHIFT,
        **{f"rooms/{name}": content for name, content in ROOMS.items()},
    }.items():
        place = folder / "schema" / f"{name}.schema.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(json.dumps(content))
