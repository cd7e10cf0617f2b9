"""Streams of events: the same sessions as over WebSockets, with other requests for what a client says."""

from __future__ import annotations

import json

import pytest

from tests.gateway.http.client import http, token
from tests.gateway.http.streams import opened, stream
from tests.support.waiting import until
from tests.support.wire import wire
from tests.transport.inside import Inside
from tidegate.transport import Connection


async def test_the_first_event_is_the_welcome_and_has_the_id_of_the_session(gateway: Inside) -> None:
    async with opened(gateway) as client:
        head = client.head.lower()
        assert head.startswith("http/1.1 200 ")
        for line in ("content-type: text/event-stream", "cache-control: no-store", "x-accel-buffering: no"):
            assert head.count(f"\r\n{line}\r\n") == 1
        assert head.count("cache-control") == 1
        first = await client.event()
        assert first.data["type"] == "welcome"
        node, _, secret = (first.id or "").partition(".")
        assert node == gateway.engine.node
        assert len(bytes.fromhex(secret)) == 16
        assert first.data["identity"]


async def test_replies_and_pushes_come_as_events(gateway: Inside) -> None:
    async with stream(gateway, token("7")) as client, wire(gateway.url) as other:
        assert (await client.ask(type="ping"))["type"] == "pong"
        await other.ask({"type": "subscribe", "resource": "things"})
        subscribed = await client.ask(type="subscribe", resource="things")
        assert subscribed["mode"] == "live"
        created = await client.ask(type="create", resource="things", data={"code": "a\nb"})
        assert created["rows"][0]["code"] == "a\nb"
        assert (await other.hear("update"))["data"]["code"] == "a\nb"


async def test_messages_in_an_array_are_handled_in_their_order(gateway: Inside) -> None:
    async with stream(gateway) as client:
        answer = await client.say(*({"type": "ping", "ref": number} for number in range(200)))
        assert (answer.status, answer.body) == (202, b"")
        assert [(await client.event()).data["ref"] for _ in range(200)] == list(range(200))


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"[1,", 400), (b'["\xff"]', 400), (b'{"type":"ping"}\xff', 400), (b"[" * 60000, 400), (b"[]", 202)],
)
async def test_a_body_that_is_no_list_of_messages_is_refused(gateway: Inside, body: bytes, status: int) -> None:
    async with stream(gateway) as client:
        answer = await client.said.ask("POST", f"/sse/{client.id}", body)
        assert answer.status == status
        assert (await client.ask(type="ping"))["type"] == "pong"


async def test_a_message_that_is_refused_is_answered_on_the_stream(gateway: Inside) -> None:
    async with stream(gateway) as client:
        assert (await client.say({"type": "ping", "ref": "a", "odd": 1}, 5, {"type": "ping", "ref": "b"})).status == 202
        refused = [(await client.event()).data for _ in range(3)]
        assert [(each["type"], each.get("ref")) for each in refused] == [("error", "a"), ("error", None), ("pong", "b")]


async def test_a_session_is_good_only_with_a_token_of_its_user(gateway: Inside) -> None:
    async with stream(gateway, token("7")) as client:
        client.said.token = None
        assert (await client.say({"type": "ping"})).status == 401
        client.said.token = token("8")
        answer = await client.say({"type": "ping"})
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
        client.said.token = "no.token"
        assert (await client.say({"type": "ping"})).status == 401
        client.said.token = token("7")
        assert (await client.say({"type": "ping"})).status == 202


async def test_an_anonymous_session_is_good_with_its_identity_alone(gateway: Inside) -> None:
    async with stream(gateway) as client, stream(gateway) as other:
        assert (await client.ask(type="ping"))["type"] == "pong"
        own, client.said.token = client.said.token, other.said.token
        assert (await client.say({"type": "ping"})).status == 403
        client.said.token = own
        user = (await client.ask(type="authenticate", token=token("7")))["user"]
        assert user["id"] == "7"
        for valid in (own, token("7")):
            client.said.token = valid
            assert (await client.say({"type": "ping"})).status == 202
        client.said.token = token("8")
        assert (await client.say({"type": "ping"})).status == 403


async def test_a_session_that_is_not_known_is_told_as_that(gateway: Inside) -> None:
    async with stream(gateway, token("7")) as client:
        for unknown in ("x", f"{client.id}0", f"{client.id[:-1]}x", client.id[:-4] + "0000", "../api/ping"):
            answer = await client.said.ask("POST", f"/sse/{unknown}", {"type": "ping"})
            assert (answer.status, answer.json["code"]) == (404, "not_found"), unknown
            assert "unknown session" in answer.json["message"]


async def test_requests_of_the_wrong_kind_are_refused(gateway: Inside) -> None:
    async with stream(gateway, token("7")) as client:
        asked, path = client.said.ask, f"/sse/{client.id}"
        assert (await asked("POST", "/sse", {"type": "ping"})).headers["allow"] == "GET, OPTIONS"
        assert (await asked("GET", path)).headers["allow"] == "POST, DELETE, OPTIONS"
        assert (await asked("GET", "/sse?token=secret")).status == 400
        assert (await asked("POST", path, b"{}", content_type="text/plain")).status == 415
        assert (await asked("POST", path, b"{}", "Content-Encoding: gzip")).status == 415
        assert (await asked("GET", "/sse", None, "Accept: application/json")).status == 406
        assert (await asked("POST", path, b"{}", "Origin: https://elsewhere.example")).status == 403
        assert (await asked("POST", path, b" " * 65537)).status == 413


async def test_a_page_of_a_foreign_origin_opens_no_stream(gateway: Inside) -> None:
    async with opened(gateway, None, "Origin: https://elsewhere.example") as client:
        assert client.head.startswith("HTTP/1.1 403 ")
    assert not gateway.gateway.streams


async def test_a_token_that_is_not_valid_is_told_as_over_a_websocket(gateway: Inside) -> None:
    async with opened(gateway, "no.token") as client:
        assert (await client.event()).data["code"] == "unauthenticated"
        assert (await client.closed())["code"] == 4001


async def test_the_client_ends_its_session(gateway: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    handler, ended = gateway.gateway.handler, []
    tell = handler.disconnected

    def disconnected(connection: Connection, code: int | None) -> None:
        ended.append(code)
        tell(connection, code)

    monkeypatch.setattr(handler, "disconnected", disconnected)
    async with stream(gateway, token("7")) as client, wire(gateway.url) as other:
        await client.ask(type="join", room="chat-1")
        await other.ask({"type": "join", "room": "chat-1"})
        assert (await client.said.ask("DELETE", f"/sse/{client.id}")).status == 202
        assert await client.closed() == {"code": 1000, "reason": "done"}
        await until(lambda: not gateway.gateway.streams)
        assert (await client.say({"type": "ping"})).status == 404
        assert ended == [1000]  # it leaves its rooms at once, as a client that closes its WebSocket
        await other.hear(lambda message: message["type"] == "presence" and len(message["users"]) == 1)


async def test_the_client_ends_its_session_after_its_connection_broke(gateway: Inside) -> None:
    # A browser that puts a page into its cache cuts the connection, and sends the page's last request later.
    async with http(gateway, token("7")) as late, wire(gateway.url) as other:
        async with stream(gateway, token("7")) as client:
            await client.ask(type="join", room="chat-1")
        await until(lambda: not gateway.gateway.streams)
        await other.ask({"type": "join", "room": "chat-1"})
        present = await other.hear("presence")
        assert {user["id"] for user in present["users"]} > {"7"}
        path = f"/sse/{client.id}"
        late.token = token("8")
        assert (await late.ask("DELETE", path)).status == 403
        late.token = token("7")
        assert (await late.ask("POST", path, {"type": "ping"})).status == 404
        assert (await late.ask("DELETE", path)).status == 202
        await other.hear(lambda message: message["type"] == "presence" and len(message["users"]) == 1)
        assert (await late.ask("DELETE", path)).status == 404


async def test_a_late_end_leaves_a_user_who_is_back_in_the_room(gateway: Inside) -> None:
    async with http(gateway, token("7")) as late:
        async with stream(gateway, token("7")) as client:
            await client.ask(type="join", room="chat-1")
        await until(lambda: not gateway.gateway.streams)
        async with stream(gateway, token("7")) as again:
            await again.ask(type="join", room="chat-1")
            assert (await late.ask("DELETE", f"/sse/{client.id}")).status == 202
            present = await again.ask(type="presence", room="chat-1")
            assert [(user["id"], user["connections"]) for user in present["users"]] == [("7", 1)]


async def test_streams_that_were_in_no_room_leave_nothing_behind(gateway: Inside) -> None:
    async with http(gateway, token("7")) as late:
        async with stream(gateway, token("7")) as client:
            await client.ask(type="ping")
        await until(lambda: not gateway.gateway.streams)
        assert (await late.ask("DELETE", f"/sse/{client.id}")).status == 404


async def test_a_goodbye_ends_the_stream_with_its_code(gateway: Inside) -> None:
    async with stream(gateway) as client:
        gateway.gateway.handler.send_away(4201, lambda: 1.5)
        assert (await client.hear("goodbye"))["retry_after"] == 1.5
        closed = await client.closed()
        assert (closed["code"], closed["retry_after"]) == (4201, 1.5)


async def test_what_a_client_sends_on_its_stream_is_dropped(gateway: Inside) -> None:
    async with stream(gateway) as client:
        client.raw.send(json.dumps({"type": "ping"}).encode() * 10)
        assert (await client.ask(type="ping"))["type"] == "pong"
        client.raw.send(bytes(1 << 21))
        await until(lambda: not gateway.gateway.streams)


async def test_what_a_client_said_before_it_ended_its_session_is_done(gateway: Inside) -> None:
    async with stream(gateway, token("7")) as client:
        await client.say(*({"type": "ping", "ref": number} for number in range(300)))
        assert (await client.said.ask("DELETE", f"/sse/{client.id}")).status == 202
        assert [(await client.event()).data["ref"] for _ in range(300)] == list(range(300))
        assert (await client.closed())["code"] == 1000
