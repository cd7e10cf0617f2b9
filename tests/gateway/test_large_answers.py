"""Answers that are larger than what may wait for a client: they leave in parts, as fast as the client reads them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.test_slow_readers import Member, member, write_side
from tests.support.waiting import until
from tests.transport.inside import Inside, running
from tidegate.core.rooms import room as of_room
from tidegate.core.rooms.history import PAGE_BYTES
from tidegate.core.rooms.room import HELD_BYTES, REPLAY_BYTES
from tidegate_protocol import Sender

TEXT_BYTES = 50_000
MESSAGES = 100
IN_FLIGHT = 3 * REPLAY_BYTES
"""Bytes that may be made for a client that does not read: a part that waits, and one more."""


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Inside]:
    file = tmp_path / "schema" / "rooms" / "chat.schema.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    room = {"pattern": "chat-*", "history": {"size": MESSAGES, "ttl": 3600}}
    file.write_text(json.dumps({"title": "Chat", "x-room": room, "x-access": {"join": "anyone", "send": "anyone"}}))
    async with running(tmp_path, {"slow_rate": 0}, schema=str(tmp_path / "schema"), dev=True) as inside:
        yield inside


def say(inside: Inside, number: int, size: int = TEXT_BYTES) -> None:
    rules = inside.gateway.sessions.protocol.rooms._rules("chat-1")
    assert rules is not None
    ada = Sender(id="ada", name="Ada")
    inside.engine.publish("chat-1", rules, ada, [number, "x" * size], None, time.time(), "user ada")


async def joined_silently(inside: Inside, client: Member) -> None:
    """Join with everything to be replayed, and read nothing."""
    head = inside.engine.open("chat-1", of_room.RoomRules("chat-*"), None, time.time()).result().head
    client.read(False)
    since = {"epoch": head.epoch, "offset": 0}
    client.send_json(type="join", room="chat-1", presence="diff", since=since, ref=1)
    await until(lambda: write_side(inside)._paused_since is not None)


class Reader:
    """What a client gets, and what it says."""

    def __init__(self, client: Member) -> None:
        self.client = client

    async def numbers(self, count: int) -> list[int]:
        return [(await self.client.message())["data"][0] for _ in range(count)]


async def test_a_long_replay_leaves_as_fast_as_it_is_read_and_live_messages_follow_it(gateway: Inside) -> None:
    for number in range(MESSAGES):
        say(gateway, number)
    async with member(gateway) as client:
        await joined_silently(gateway, client)
        for number in range(MESSAGES, MESSAGES + 5):
            say(gateway, number, size=10)
        for _ in range(20):
            await asyncio.sleep(0)
        line = write_side(gateway)
        assert line.unsent < IN_FLIGHT, "the rest is not made for a client that does not read"
        assert 0 < gateway.gateway.ledger.of_kind("frames") <= line.unsent
        client.read(True)
        answer = await client.message()
        assert (answer["recovered"], answer["replayed"]) == (True, MESSAGES)
        assert [entry["id"] for entry in answer["users"]] == [answer["users"][0]["id"]]
        assert await Reader(client).numbers(MESSAGES + 5) == list(range(MESSAGES + 5))
        assert (await client.message())["type"] == "presence", "who is there may have changed meanwhile"
        say(gateway, -1, size=10)
        assert await Reader(client).numbers(1) == [-1]
        await until(lambda: gateway.gateway.ledger.of_kind("frames") == 0)


async def test_a_short_replay_is_sent_at_once(gateway: Inside) -> None:
    for number in range(3):
        say(gateway, number, size=10)
    async with member(gateway) as client:
        head = gateway.engine.open("chat-1", of_room.RoomRules("chat-*"), None, time.time()).result().head
        answer = await client.ask(type="join", room="chat-1", since={"epoch": head.epoch, "offset": 1}, ref=1)
        assert answer["replayed"] == 2
        assert await Reader(client).numbers(2) == [1, 2]


async def test_a_second_join_waits_for_the_end_of_a_replay(gateway: Inside) -> None:
    for number in range(MESSAGES):
        say(gateway, number)
    async with member(gateway) as client:
        await joined_silently(gateway, client)
        gateway.gateway.handler.received(connection_of(gateway), b'{"type":"join","room":"chat-1","ref":2}')
        client.read(True)
        await client.message()
        got = [await client.message() for _ in range(MESSAGES + 1)]
        (error,) = [message for message in got if message["type"] == "error"]
        assert (error["code"], error["ref"], error["retry_after"]) == ("limit_reached", 2, 1.0)
        assert [message["data"][0] for message in got if message["type"] == "message"] == list(range(MESSAGES))


def connection_of(inside: Inside) -> Any:
    """The gateway's side. While a client does not read, nothing is read from it: requests are handed over here."""
    return write_side(inside)._reader


async def test_a_client_that_leaves_gets_no_more_of_a_replay(gateway: Inside) -> None:
    for number in range(MESSAGES):
        say(gateway, number)
    async with member(gateway) as client:
        await joined_silently(gateway, client)
        gateway.gateway.handler.received(connection_of(gateway), b'{"type":"leave","room":"chat-1","ref":2}')
        gateway.gateway.handler.received(connection_of(gateway), b'{"type":"ping","ref":3}')
        client.read(True)
        count = 0
        while (message := await client.message())["type"] != "pong":
            count += message["type"] == "message"
        assert count < MESSAGES
        assert (await client.ask(type="ping", ref=4))["ref"] == 4, "and nothing follows"


async def test_a_client_that_falls_behind_while_it_is_replayed_to_is_closed(gateway: Inside) -> None:
    for number in range(MESSAGES):
        say(gateway, number)
    async with member(gateway) as client:
        await joined_silently(gateway, client)
        for number in range(HELD_BYTES // TEXT_BYTES + 2):
            say(gateway, MESSAGES + number)
        client.read(True)
        payload = b""
        while not payload.startswith((4101).to_bytes(2)):
            payload = (await client.frame()).payload


async def test_history_comes_in_pages_of_bytes(gateway: Inside) -> None:
    for number in range(MESSAGES):
        say(gateway, number)
    async with member(gateway, "chat-1") as client:
        found: list[int] = []
        before: dict[str, int] = {}
        more = True
        while more:
            page = await client.ask(type="history", room="chat-1", ref=1, **before)
            texts, more = page["messages"], page["more"]
            assert len(json.dumps(texts)) < 1.1 * PAGE_BYTES
            found = [text["data"][0] for text in texts] + found
            before = {"before": texts[0]["position"]["offset"]}
        assert found == list(range(MESSAGES))


async def test_a_long_list_of_members_comes_in_parts(gateway: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_room, "LIST_BYTES", 500)
    async with member(gateway, "chat-1") as ada:
        others = [member(gateway, "chat-1") for _ in range(12)]
        for other in others:
            await other.__aenter__()
        ada.send_json(type="presence", room="chat-1", ref="p")
        first = await ada.message()
        assert (first["type"], first["ref"], first["more"]) == ("presence", "p", True)
        seen = [user["id"] for user in first["users"]]
        assert 0 < len(seen) < 6
        while len(seen) < 13:
            part = await ada.message()
            assert part["type"] == "presence_diff"
            seen += [user["id"] for user in part["joined"]]
        assert len(set(seen)) == 13
        for mode in ("diff", "full"):
            async with member(gateway) as late:
                answer = await late.ask(type="join", room="chat-1", presence=mode, ref=1)
                seen = [user["id"] for user in answer.get("users", ())]
                assert (mode == "diff") == answer.get("more", False)
                while len(set(seen)) < 14:
                    part = await late.message()
                    seen += [user["id"] for user in part.get("users") or part["joined"]]
        for other in others:
            await other.__aexit__(None, None, None)
