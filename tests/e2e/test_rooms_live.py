"""Rooms over a real socket: messages, history and presence of two clients."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.wire import Wire, wire


def token(gateway: GatewayProcess, user: str, *options: str) -> str:
    return gateway.token(user, "--name", f"User {user}", *options)


def bearer(text: str) -> dict[str, Any]:
    return {"additional_headers": {"Authorization": f"Bearer {text}"}}


async def joined(client: Wire, room: str = "chat-1", **fields: Any) -> dict[str, Any]:
    reply = await client.ask({"type": "join", "room": room, **fields})
    assert reply["type"] == "joined", reply
    return reply


async def test_all_members_of_a_room_receive_a_message(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as ada, wire(gateway.url) as bob:
        for client in (ada, bob):
            await joined(client, presence="none")
        sent = await ada.ask({"type": "message", "room": "chat-1", "data": {"text": "hi"}})
        for client in (ada, bob):
            await client.settle()
            (message,) = [m for m in client.heard if m["type"] == "message"]
            assert message["data"] == {"text": "hi"}
            assert message["position"] == sent["position"]
            assert message["from"] == message["sender"]["id"] == ada.heard[0]["user"]["id"]


async def test_a_message_must_match_the_schema_of_the_room(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as ada:
        await joined(ada)
        await joined(ada, "cursor-1")
        refused = await ada.ask({"type": "message", "room": "chat-1", "data": {"text": 1}})
        assert (refused["type"], refused["code"], refused["pointer"], refused["keyword"]) == (
            "error",
            "invalid_data",
            "/data/text",
            "type",
        )
        refused = await ada.ask({"type": "message", "room": "cursor-1", "data": {"x": 2, "y": 0}})
        assert (refused["code"], refused["pointer"], refused["keyword"]) == ("invalid_data", "/data/x", "maximum")
        assert (await ada.ask({"type": "message", "room": "cursor-1", "data": {"x": 1, "y": 0}}))["type"] == "sent"


async def test_join_replays_the_messages_after_the_position(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as ada:
        position = (await joined(ada, presence="none"))["position"]
        async with wire(gateway.url) as bob:
            await joined(bob, presence="none")
            for number in range(3):
                await bob.ask({"type": "message", "room": "chat-1", "data": {"text": str(number)}})
    async with wire(gateway.url) as again:
        reply = await joined(again, since=position, presence="none")
        assert (reply["recovered"], reply["replayed"]) == (True, 3)
        heard = [m["data"]["text"] for m in await again.settle() if m["type"] == "message"]
        assert heard == ["0", "1", "2"]
    async with wire(gateway.url) as stranger:
        reply = await joined(stranger, since={"epoch": "another", "offset": 0})
        assert (reply["recovered"], reply["replayed"]) == (False, 0)


async def test_history_returns_pages(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as ada:
        await joined(ada)
        for number in range(5):
            await ada.ask({"type": "message", "room": "chat-1", "data": {"text": str(number)}})
        page = await ada.ask({"type": "history", "room": "chat-1", "limit": 2})
        assert ([m["data"]["text"] for m in page["messages"]], page["more"]) == (["3", "4"], True)
        before = page["messages"][0]["position"]["offset"]
        page = await ada.ask({"type": "history", "room": "chat-1", "before": before, "limit": 10})
        assert ([m["data"]["text"] for m in page["messages"]], page["more"]) == (["0", "1", "2"], False)


async def test_a_message_repeated_with_its_key_is_sent_once(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as ada:
        await joined(ada, presence="none")
        message = {"type": "message", "room": "chat-1", "data": {"text": "once"}, "key": "k"}
        first, second = await ada.ask(message), await ada.ask(message)
        assert first["position"] == second["position"]
        await ada.settle()
        assert len([m for m in ada.heard if m["type"] == "message"]) == 1


async def test_presence_comes_in_full_or_as_differences(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as ada, wire(gateway.url) as bob:
        await joined(ada)
        assert [u["id"] for u in (await ada.hear("presence"))["users"]] == [ada.heard[0]["user"]["id"]]
        users = (await joined(bob, presence="diff"))["users"]
        assert len(users) == 2
        assert len((await ada.hear("presence"))["users"]) == 2
        await ada.say({"type": "presence", "room": "chat-1", "status": "away"})
        (changed,) = (await bob.hear("presence_diff"))["changed"]
        assert (changed["id"], changed["status"]) == (ada.heard[0]["user"]["id"], "away")


async def test_a_user_with_two_connections_is_present_once(gateway: GatewayProcess) -> None:
    text = token(gateway, "7")
    async with wire(gateway.url) as watcher:
        await joined(watcher, presence="diff")
        async with wire(gateway.url, **bearer(text)) as first:
            await joined(first)
            assert [m["name"] for m in (await watcher.hear("presence_diff"))["joined"]] == ["User 7"]
            async with wire(gateway.url, **bearer(text)) as second:
                await joined(second)
                assert [m["connections"] for m in (await watcher.hear("presence_diff"))["changed"]] == [2]
            assert [m["connections"] for m in (await watcher.hear("presence_diff"))["changed"]] == [1]
        assert [m["id"] for m in (await watcher.hear("presence_diff"))["left"]] == ["7"]


async def test_a_member_stays_present_for_a_while_after_a_cut(gateway: GatewayProcess) -> None:
    text = token(gateway, "7")
    async with wire(gateway.url) as watcher:
        await joined(watcher, presence="diff")
        async with wire(gateway.url, **bearer(text)) as dropped:
            await joined(dropped)
            await watcher.hear("presence_diff")
            dropped.connection.transport.abort()
        async with wire(gateway.url, **bearer(text)) as again:
            await joined(again)
            assert [m for m in await watcher.settle() if m["type"] == "presence_diff"] == []


async def test_an_anonymous_client_keeps_its_user_after_a_reconnect(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as first:
        welcome = first.heard[0]
    async with wire(gateway.url) as second:
        assert second.heard[0]["user"]["id"] != welcome["user"]["id"]
        reply = await second.ask({"type": "authenticate", "token": welcome["identity"]})
        assert reply["user"] == welcome["user"]


async def test_authenticate_turns_a_guest_into_a_user(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        assert client.heard[0]["user"]["anonymous"]
        text = token(gateway, "1", "--role", "admin")
        reply = await client.ask({"type": "authenticate", "token": text})
        assert reply["user"] == {"id": "1", "name": "User 1", "roles": ["admin"], "anonymous": False}
        refused = await client.ask({"type": "authenticate", "token": text[:-3] + "abc"})
        assert (refused["code"], refused["pointer"]) == ("unauthenticated", "/token")
        assert text[:-3] not in refused["message"]


async def test_the_gateway_sends_heartbeats(tmp_path: Any) -> None:
    process = GatewayProcess(tmp_path, environment={"TIDEGATE_HEARTBEAT": "1"})
    process.migrate()
    process.start()
    try:
        async with wire(process.url) as client:
            assert client.heard[0]["heartbeat"] == 1
            async with asyncio.timeout(DEADLINE_S):
                beat = await client.hear("heartbeat")
            assert beat["position"] == client.heard[0]["position"]
    finally:
        process.stop()
