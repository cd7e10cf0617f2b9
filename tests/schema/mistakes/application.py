"""A small application without a mistake, and the changes that put one mistake into it."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any, NamedTuple

Files = dict[str, Any]
"""By path: the content of a JSON file, or its text."""
Change = Callable[[Files], object]

PEOPLE, SHIFTS = "resources/people.schema.json", "resources/shifts.schema.json"
ROOM, SWAP, SWAPPED = "rooms/shift.schema.json", "client/swap.schema.json", "server/swapped.schema.json"
PLACE, SEED = "types/place.schema.json", "seed.json"
REF = {"$ref": "../types/ref.schema.json"}

_FILES: Files = {
    PEOPLE: {
        "title": "Person",
        "x-resource": {"key": "id", "unique": [["email"]]},
        "x-access": {"read": "authenticated", "create": "role:coordinator", "update": {"where": {"id": "$user.id"}}},
        "type": "object",
        "properties": {
            "id": {"type": "integer", "readOnly": True},
            "name": {"type": "string", "minLength": 1, "maxLength": 100},
            "email": {"type": "string", "format": "email", "maxLength": 200},
            "joined_at": {"type": "string", "format": "date-time", "readOnly": True},
        },
        "required": ["id", "name", "email", "joined_at"],
        "additionalProperties": False,
    },
    SHIFTS: {
        "title": "Shift",
        "x-resource": {"key": "id", "references": {"person_id": "people.id"}, "indexes": [["person_id"]]},
        "x-access": {"read": "authenticated", "create": ["role:coordinator", "role:lead"]},
        "type": "object",
        "properties": {
            "id": {"type": "string", "format": "uuid", "readOnly": True},
            "person_id": {"type": ["integer", "null"]},
            "status": {"type": "string", "enum": ["open", "taken", "done"], "default": "open"},
            "starts_at": {"type": "string", "format": "date-time"},
            "places": {"type": "integer", "minimum": 1, "maximum": 50, "default": 1},
            "report": {"type": ["string", "null"], "maxLength": 2000},
            "paid": {"type": "boolean", "default": False},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 20}, "default": []},
            "place": {"$ref": "../types/place.schema.json"},
        },
        "required": ["id", "status", "starts_at", "places"],
        "additionalProperties": False,
    },
    ROOM: {
        "title": "ShiftMessage",
        "x-room": {"pattern": "shift-*", "history": {"size": 50, "ttl": 3600}},
        "x-access": {"join": "authenticated", "send": "authenticated"},
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1, "maxLength": 500}},
        "required": ["text"],
        "additionalProperties": False,
    },
    SWAP: {
        "title": "SwapRequest",
        "x-reply": "swapped",
        "x-access": {"send": "authenticated"},
        "type": "object",
        "properties": {"type": {"const": "swap"}, "ref": REF, "shift": {"type": "string", "maxLength": 36}},
        "required": ["type", "shift"],
        "additionalProperties": False,
    },
    SWAPPED: {
        "title": "Swapped",
        "type": "object",
        "properties": {"type": {"const": "swapped"}, "ref": REF, "left": {"type": "integer"}},
        "required": ["type", "left"],
        "additionalProperties": False,
    },
    PLACE: {
        "title": "Place",
        "type": ["object", "null"],
        "properties": {"name": {"type": "string", "maxLength": 80}, "floor": {"type": "integer"}},
        "required": ["name"],
        "additionalProperties": False,
    },
    SEED: {
        "people": [
            {"id": 1, "name": "Ann", "email": "ann@example.com", "joined_at": "2026-01-31T12:00:00Z"},
            {"id": 2, "name": "Bo", "email": "bo@example.com", "joined_at": "2026-01-31T12:00:00Z"},
        ],
        "shifts": [{"person_id": 1, "starts_at": "2026-02-01T08:00:00Z", "tags": ["harbour"]}],
    },
}


class Wrong(NamedTuple):
    """One mistake. The one problem is at `pointer` of `file`, and its text has every part of `says`."""

    change: Change
    file: str
    pointer: str
    says: tuple[str, ...]
    hint: bool = False


def files(*changes: Change) -> Files:
    """The files of the application with these changes."""
    found = deepcopy(_FILES)
    for change in changes:
        change(found)
    return found


def put(file: str, place: str, value: Any) -> Change:
    """Put `value` at the pointer `place`; `-` at its end appends to a list."""

    def change(found: Files) -> None:
        *way, last = place.split("/")[1:]
        inner = found[file]
        for step in way:
            inner = inner[int(step)] if isinstance(inner, list) else inner.setdefault(step, {})
        if isinstance(inner, list):
            inner[len(inner) : len(inner) + 1] = [value] if last == "-" else []
            if last != "-":
                inner[int(last)] = value
        else:
            inner[last] = value

    return change


def drop(file: str, place: str) -> Change:
    """Remove what is at the pointer `place`."""

    def change(found: Files) -> None:
        *way, last = place.split("/")[1:]
        inner = found[file]
        for step in way:
            inner = inner[int(step)] if isinstance(inner, list) else inner[step]
        del inner[last]

    return change


def rename(file: str, place: str, name: str) -> Change:
    """Give the last step of the pointer `place` another name."""

    def change(found: Files) -> None:
        *way, last = place.split("/")[1:]
        inner = found[file]
        for step in way:
            inner = inner[step]
        inner[name] = inner.pop(last)

    return change


def text(file: str, content: str) -> Change:
    """Replace or add the file `file`."""
    return lambda found: found.update({file: content})


def add(file: str, content: Any) -> Change:
    return lambda found: found.update({file: content})


def both(*changes: Change) -> Change:
    """Several changes that make one mistake."""
    return lambda found: [change(found) for change in changes]
