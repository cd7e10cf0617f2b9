"""The frames of one user as they pass, without payloads and without tokens."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.admin.operators import OPERATORS, Operators, operated
from tests.gateway.test_removal import a_token, bearer
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import wire
from tidegate.admin import tail


class Follower:
    """Reads one tail."""

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self.heard: list[dict[str, Any]] = []

    async def until(self, **wanted: Any) -> dict[str, Any]:
        """The next event with these properties."""
        async with asyncio.timeout(DEADLINE_S):
            while True:
                line = await self._reader.readline()
                assert line, "the tail has ended"
                if line.startswith(b"{"):
                    event: dict[str, Any] = json.loads(line)
                    self.heard.append(event)
                    if wanted.items() <= event.items():
                        return event


@contextlib.asynccontextmanager
async def following(operators: Operators, query: str) -> AsyncIterator[Follower]:
    reader, writer = await asyncio.open_connection("127.0.0.1", operators.address.port)
    writer.write(f"GET /tail?{query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {OPERATORS}\r\n\r\n".encode())
    try:
        yield Follower(reader)
    finally:
        writer.close()


async def test_a_user_is_followed_with_types_sizes_and_codes(tmp_path: Path) -> None:
    async with operated(tmp_path) as operators, wire(operators.inside.url, **bearer("ada")) as ada:
        async with following(operators, "user=ada") as follower:
            await follower.until(event="followed")
            await ada.ask({"type": "join", "room": "lobby", "info": {"secret": "x"}})
            asked = await follower.until(direction="in", type="join")
            assert (asked["room"], asked["user"], asked["ref"]) == ("lobby", "ada", 1)
            assert asked["bytes"] > 20
            await follower.until(direction="out", type="joined")
            await ada.say("no JSON")
            await follower.until(direction="in", type="(no message)")
            await follower.until(direction="out", type="error", code="invalid_json")
            async with wire(operators.inside.url, **bearer("ada")) as another, wire(operators.inside.url) as guest:
                await follower.until(event="followed")
                await guest.settle()
                await another.settle()
                await follower.until(direction="out", type="pong")
                await another.connection.close()
                await follower.until(event="closed", code=1000)
            assert {event["user"] for event in follower.heard} == {"ada"}
            assert "secret" not in json.dumps(follower.heard)
        await until(lambda: all(line.tally.tap is None for line in operators.inside.connected))


async def test_payloads_are_shown_in_development_only_and_tokens_never(tmp_path: Path) -> None:
    async with operated(tmp_path) as operators:
        refused = await operators.ask("GET", "/tail?user=ada&payload=1")
        assert (refused.status, "development" in refused.json["error"]) == (403, True)
        assert (await operators.ask("GET", "/tail")).status == 400
    async with (
        operated(tmp_path, dev=True) as operators,
        wire(operators.inside.url, **bearer("ada")) as ada,
        following(operators, "user=ada&payload=1") as follower,
    ):
        await follower.until(event="followed")
        token = a_token("ada")
        await ada.ask({"type": "authenticate", "token": token})
        asked = await follower.until(direction="in", type="authenticate")
        assert asked["payload"] == {"type": "authenticate", "token": "(a token)", "ref": 1}
        assert token not in json.dumps(follower.heard)


@pytest.mark.parametrize("query", ["user=ada&connection=x", ""])
async def test_a_tail_names_a_user_or_a_connection(tmp_path: Path, query: str) -> None:
    async with operated(tmp_path) as operators:
        assert (await operators.ask("GET", f"/tail?{query}")).status == 400


async def test_a_tail_that_is_not_read_drops_events_and_says_how_many() -> None:
    events = tail._Events()
    for number in range(tail.MOST_WAITING + 7):
        events.put({"number": number})
    assert len(await events.of(0.0)) == tail.MOST_WAITING
    events.put({"number": "last"})
    dropped, last = await events.of(0.0)
    assert (dropped, last["number"]) == ({"event": "dropped", "count": 7}, "last")
    assert await events.of(0.0) == []
