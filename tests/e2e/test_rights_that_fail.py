"""The permissions of a user cannot be computed: a Python rule fails, or the rows cannot be read again."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.e2e.test_rooms_live import bearer
from tests.e2e.test_row_rules import NOTE, ROWS
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.wire import Wire, wire
from tests.transport.inside import SECRET, running
from tidegate.auth.tokens import sign
from tidegate.config import DEVELOPMENT_SECRET

HANDLERS = """
from tidegate.handlers import Gateway

gateway = Gateway()

async def later():
    return True

SAYS = {
    "an empty list": [],
    "an empty text": "",
    "pairs": [("team", "red")],
    "nothing": None,
    "a number": 1,
    "a set": {"team"},
    "a surrogate": {"team": "\\ud800"},
    "a NUL": {"team": {"ne": "a\\0"}},
    "not a number": {"owner": {"ne": float("nan")}},
    "a huge number": {"owner": {"lt": 10 ** 30}},
    "a claim": {"owner": "$user.id"},
    "null in a list": {"team": {"nin": [None]}},
    "too much": {"owner": {"nin": list(range(1001))}},
}

@gateway.rule("notes", "read")
def says(user, claims):
    return later() if user.id == "a coroutine" else SAYS[user.id]
"""
ODD = ["an empty list", "an empty text", "pairs", "nothing", "a number", "a set", "a surrogate", "a NUL", "a claim"]
ODD += ["not a number", "a huge number", "null in a list", "too much", "a coroutine", "unheard of"]


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    (tmp_path / "schema" / "resources").mkdir(parents=True)
    schema = {**NOTE, "x-access": dict.fromkeys(("read", "create", "update", "delete"), "anyone")}
    (tmp_path / "schema" / "resources" / "notes.schema.json").write_text(json.dumps(schema))
    (tmp_path / "rules.py").write_text(HANDLERS)
    process = GatewayProcess(tmp_path, "--dev", "--schema", "schema", "--handlers", "rules:gateway")
    process.migrate()
    for row in ROWS:
        process.execute("insert into notes (id, owner, team, shared, text) values (?, ?, ?, ?, 'text')", *row)
    process.start()
    yield process
    process.stop()


def token(secret: str, user: str) -> str:
    return sign(secret, user, user, [], time.time(), 600)


async def test_a_rule_that_returns_no_filter_denies_access(gateway: GatewayProcess) -> None:
    requests: list[dict[str, Any]] = [
        {"type": "list"},
        {"type": "get", "id": 1},
        {"type": "subscribe", "snapshot": True},
        {"type": "create", "data": {"id": 9, "owner": 1, "shared": True, "text": "x"}},
        {"type": "update", "id": 1, "data": {"text": "x"}},
        {"type": "delete", "id": 1},
    ]
    before = gateway.select("select * from notes")
    for user in ODD:
        async with wire(gateway.url, **bearer(token(DEVELOPMENT_SECRET, user))) as client:
            for request in requests:
                refused = await client.ask({**request, "resource": "notes"})
                assert (refused["type"], refused.get("code")) == ("error", "internal"), (user, request["type"])
            assert (await client.ask({"type": "ping"}))["type"] == "pong"
    assert gateway.select("select * from notes") == before
    assert "a rule says a filter, True or False, and not list" in gateway.log_file.read_text()


async def test_the_connection_ends_if_rows_cannot_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client has rows of the former user. Without the close, it would not learn that they are outdated."""
    async with running(tmp_path) as inside, wire(inside.url) as client:
        await client.ask({"type": "subscribe", "resource": "users", "snapshot": True})
        await client.hear("snapshot")

        def failing(*_: object) -> None:
            raise OSError("planted")

        monkeypatch.setattr(inside.store, "snapshot", failing)
        await client.say({"type": "authenticate", "token": token(SECRET, "1"), "ref": 1})
        assert await closed(client) == 4100
        assert client.heard[-1]["type"] == "authenticated"


async def closed(client: Wire) -> int | None:
    """Receive all messages until the gateway closes. Returns the close code."""
    with pytest.raises(ConnectionClosed) as caught:
        async with asyncio.timeout(DEADLINE_S):
            while True:
                await client.hear(lambda one: True)
    return caught.value.rcvd.code if caught.value.rcvd else None
