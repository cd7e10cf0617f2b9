"""An application for tests of what its code may do: messages that run a function of the test, one push, one room.

The messages `plain`, `waits` and `parts` call `ACTIONS[what]`: `plain` in a thread, the others in the loop of handlers.
`parts` answers with one part before its reply.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from tests.support.postgres import PostgresServer
from tests.support.wire import Message
from tests.transport.inside import SECRET, Inside, running
from tidegate.auth import tokens
from tidegate.handlers import Call, Gateway

KEY = {"$ref": "../types/idempotency_key.schema.json"}
REF = {"$ref": "../types/ref.schema.json"}


def _request(name: str) -> dict[str, Any]:
    return {
        "title": name.title(),
        "type": "object",
        "x-reply": "done",
        "x-access": {"send": "anyone"},
        "properties": {"type": {"const": name}, "ref": REF, "what": {"type": "string"}, "with": {}, "key": KEY},
        "required": ["type", "what"],
        "additionalProperties": False,
    }


FILES: dict[str, dict[str, Any]] = {
    "client/plain": _request("plain"),
    "client/waits": _request("waits"),
    "client/parts": {**_request("parts"), "x-part": {"type": "string"}},
    "server/done": {
        "title": "Done",
        "type": "object",
        "properties": {"type": {"const": "done"}, "ref": REF, "result": {}},
        "required": ["type", "result"],
        "additionalProperties": False,
    },
    "server/news": {
        "title": "News",
        "type": "object",
        "properties": {"type": {"const": "news"}, "text": {"type": "string", "minLength": 1}},
        "required": ["type", "text"],
        "additionalProperties": False,
    },
    "resources/notes": {
        "title": "Note",
        "x-resource": {"table": "notes", "key": "id"},
        "x-access": {
            "read": [{"where": {"owner": "$user.id"}}, {"where": {"team": "$user.team"}}],
            "create": {"where": {"owner": "$user.id"}},
            "update": {"where": {"owner": "$user.id"}},
            "delete": {"where": {"owner": "$user.id"}},
        },
        "type": "object",
        "properties": {
            "id": {"type": "integer", "minimum": 1, "maximum": 9007199254740991, "readOnly": True},
            "owner": {"type": "string", "maxLength": 64},
            "team": {"type": "string", "maxLength": 64, "default": "none"},
            "text": {"type": "string", "minLength": 1, "maxLength": 100},
        },
        "required": ["id", "owner", "text"],
        "additionalProperties": False,
    },
    "rooms/chat": {
        "title": "ChatMessage",
        "x-room": {"pattern": "chat-*", "history": {"size": 10, "ttl": 60}, "presence": True},
        "x-access": {"join": "anyone", "send": "role:speaker"},
        "type": "object",
        "properties": {"text": {"type": "string", "minLength": 1}},
        "required": ["text"],
        "additionalProperties": False,
    },
}


class Shop:
    """The application's `Gateway`, and the functions that its two messages call."""

    def __init__(self) -> None:
        self.actions: dict[str, Callable[..., Any]] = {}
        self.gateway = Gateway()

        @self.gateway.on("plain")
        def plain(message: Message, call: Call) -> Message:
            return {"result": self.actions[message["what"]](message.get("with"), call)}

        @self.gateway.on("waits")
        async def waits(message: Message, call: Call) -> Message:
            return {"result": await self.actions[message["what"]](message.get("with"), call)}

        @self.gateway.on("parts")
        async def parts(message: Message, call: Call) -> AsyncIterator[Any]:
            yield "one part"
            yield {"type": "done", "result": await self.actions[message["what"]](message.get("with"), call)}

    def action(self, function: Callable[..., Any]) -> Callable[..., Any]:
        self.actions[function.__name__] = function
        return function


def schema(folder: Path) -> Path:
    """Write the schema files below `folder`; returns their folder."""
    for name, content in FILES.items():
        file = folder / "schema" / f"{name}.schema.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content))
    return folder / "schema"


@contextlib.asynccontextmanager
async def open_shop(folder: Path, shop: Shop, url: str | None = None, **chosen: object) -> AsyncIterator[Inside]:
    """A gateway that serves `shop`. `url`: of its database, by default an SQLite file."""
    settings: dict[str, Any] = {"schema": str(schema(folder)), **chosen}
    if url is not None:
        settings["database"] = url
    async with running(folder, added=shop.gateway, **settings) as inside:
        yield inside


@contextlib.contextmanager
def database(kind: str, folder: Path, postgres: Callable[[], PostgresServer]) -> Iterator[str]:
    """The URL of a new database."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'tidegate.db'}"
    else:
        with postgres().lent() as url:
            yield url


def token(user: str, *roles: str, **claims: Any) -> str:
    return tokens.sign(SECRET, user, user.title(), list(roles), time.time(), 86_400, claims)


def bearer(user: str, *roles: str, **claims: Any) -> dict[str, Any]:
    """Options of a client that is this user."""
    return {"additional_headers": {"Authorization": f"Bearer {token(user, *roles, **claims)}"}}
