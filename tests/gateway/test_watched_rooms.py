"""Rooms whose rules ask for rows, while changes of rows do not arrive: no membership is taken for true for long."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.room_rules import write_schema
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tests.transport.inside import SECRET, running
from tidegate.auth.tokens import sign
from tidegate.gateway.watched_rooms import AWAY_S
from tidegate.store import SqliteStore


def signed_in(url: str, user: str) -> Any:
    token = sign(SECRET, user, user, [], time.time(), 600)
    return wire(url, additional_headers={"Authorization": f"Bearer {token}"})


async def joins(client: Wire, room: str) -> str:
    reply = await client.ask({"type": "join", "room": room, "presence": "none"})
    return str(reply.get("code", reply["type"]))


async def test_members_leave_and_joins_are_unavailable_while_the_feed_is_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_schema(tmp_path)
    async with running(tmp_path, schema=str(tmp_path / "schema")) as inside:
        async with signed_in(inside.url, "ann") as ann:
            await ann.ask({"type": "create", "resource": "members", "data": {"doc_id": 1, "user_id": "ann"}})
            assert await joins(ann, "doc-1") == "joined"
            with monkeypatch.context() as patch:
                patch.setattr(SqliteStore, "lag", AWAY_S + 0.1)
                assert (await ann.hear("left"))["reason"] == "unavailable"
                assert await joins(ann, "doc-1") == "unavailable"
                assert await joins(ann, "doc-2") == "unavailable"
            while (answer := await joins(ann, "doc-1")) == "unavailable":
                pass
            assert answer == "joined"
            assert inside.gateway.sessions.protocol.watches
        await until(lambda: not inside.gateway.sessions.protocol.watches and not inside.store.following)
