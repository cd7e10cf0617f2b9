"""An application whose messages are answered in every way: own errors, parts, replies, acknowledgements."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from tests.transport.inside import Inside, running
from tidegate.handlers import Gateway

REF = {"$ref": "../types/ref.schema.json"}
LEFT = {"type": "object", "properties": {"left": {"type": "integer"}}, "required": ["left"]}


def request(kind: str, title: str, **more: Any) -> dict[str, Any]:
    return {
        "title": title,
        "type": "object",
        "x-access": {"send": "anyone"},
        "properties": {"type": {"const": kind}, "ref": REF, "how": {}},
        "required": ["type"],
        "additionalProperties": False,
        **more,
    }


FILES: dict[str, dict[str, Any]] = {
    "client/buy": request(
        "buy",
        "BuyRequest",
        **{"x-reply": "bought", "x-refusals": {"sold_out": LEFT, "closed": {"$ref": "../types/day.schema.json"}}},
    ),
    "client/note": request("note", "NoteRequest"),
    "client/count": request(
        "count", "CountRequest", **{"x-reply": "counted", "x-part": {"type": "object", "required": ["n"]}}
    ),
    "client/hurry": request("hurry", "HurryRequest", **{"x-part": {"type": "string"}, "x-timeout": 0.2}),
    "server/bought": {
        "title": "Bought",
        "type": "object",
        "properties": {"type": {"const": "bought"}, "ref": REF, "left": {"type": "integer"}},
        "required": ["type", "left"],
        "additionalProperties": False,
    },
    "server/counted": {
        "title": "Counted",
        "type": "object",
        "properties": {"type": {"const": "counted"}, "ref": REF, "total": {"type": "integer"}},
        "required": ["type"],
        "additionalProperties": False,
    },
    "types/day": {"title": "Day", "type": "object", "properties": {"day": {"type": "string"}}},
}


def write(folder: Path) -> Path:
    """The application's schema folder."""
    for name, content in FILES.items():
        file = folder / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return folder / "schema"


@asynccontextmanager
async def serving(folder: Path, added: Gateway, **chosen: Any) -> AsyncIterator[Inside]:
    """A gateway with this application and the handlers `added`."""
    async with running(folder, added=added, schema=str(write(folder)), **chosen) as inside:
        yield inside
