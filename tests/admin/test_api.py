"""The address for operators: who may ask, what it shows, and what it does."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.admin.operators import Operators, operated
from tests.gateway.http.client import http, token
from tests.gateway.http.streams import stream
from tests.gateway.test_removal import bearer, ended
from tests.support.wire import wire
from tidegate import __version__
from tidegate.core.closes import DRAIN, FORBIDDEN, UNAUTHENTICATED


@pytest.fixture
async def operators(tmp_path: Path) -> AsyncIterator[Operators]:
    async with operated(tmp_path) as found:
        yield found


async def test_only_who_has_the_secret_is_answered(operators: Operators, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "tidegate.admin")
    for wrong in ("", "Bearer ", "Bearer wrong", "Basic x", "bearer é"):
        answered = await operators.ask("GET", "/metrics", Authorization=wrong)
        assert (answered.status, answered.headers["WWW-Authenticate"]) == (401, "Bearer"), wrong
    assert "without the right secret" in caplog.text
    assert "wrong" not in caplog.text, "what was sent is not in the log"
    assert (await operators.ask("GET", "/nodes", Host="evil.example")).status == 421
    assert (await operators.ask("POST", "/drain", {}, Origin="http://evil.example")).status == 403
    assert (await operators.ask("GET", "/nodes", Host="localhost")).status == 200


async def test_a_wrong_request_is_answered_with_what_there_is(operators: Operators) -> None:
    unknown = await operators.ask("GET", "/nope")
    assert (unknown.status, "/rooms/NAME/history" in unknown.json["error"]) == (404, True)
    assert (await operators.ask("POST", "/metrics")).headers["Allow"] == "GET"
    assert "cost" in (await operators.ask("GET", "/connections?sort=nope")).json["error"]
    assert (await operators.ask("GET", "/connections?limit=-1")).status == 400
    assert (await operators.ask("GET", "/connections?seconds=nan")).status == 400
    assert (await operators.ask("POST", "/disconnect", {})).status == 400
    assert (await operators.ask("POST", "/disconnect", [1])).status == 400
    assert (await operators.ask("POST", "/disconnect", {"user": 5})).status == 400
    assert (
        "offset" in (await operators.ask("POST", "/revoke", {"user": "a", "until": "2030-01-01T00:00"})).json["error"]
    )
    assert "token_life" in (await operators.ask("POST", "/revoke", {"user": "a", "until": 9e9})).json["error"]
    assert (await operators.ask("GET", "/rooms/nope")).status == 404


async def test_connections_and_rooms_are_shown(operators: Operators) -> None:
    url = operators.inside.url
    async with wire(url, **bearer("ada")) as ada, wire(url, **bearer("bob")) as bob:
        await ada.ask({"type": "join", "room": "lobby"})
        await bob.ask({"type": "join", "room": "lobby"})
        found = await operators.get("/connections?user=ada")
        assert [(each["user"], each["rooms"]) for each in found["items"]] == [("ada", 1)]
        assert [each["cost"] for each in (await operators.get("/connections?seconds=0.01"))["items"]] == [0.0, 0.0]
        (room,) = (await operators.get("/rooms"))["items"]
        assert (room["room"], room["connections"]) == ("lobby", 2)
        assert {each["user"] for each in (await operators.get("/rooms/lobby"))["users"]} == {"ada", "bob"}
        await ada.ask({"type": "subscribe", "resource": "users"})
        (group,) = (await operators.get("/subscriptions"))["items"]
        assert (group["resource"], group["members"]) == ("users", 1)
        (node,) = (await operators.get("/nodes"))["items"]
        assert (node["version"], node["silent"], node["standing"]) == (__version__, False, "present")
        assert (node["connections"], node["database"]) == (2, "healthy")


async def test_a_user_or_a_connection_is_ended(operators: Operators, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "tidegate")
    url = operators.inside.url
    async with wire(url, **bearer("ada")) as one, wire(url, **bearer("ada")) as two, wire(url, **bearer("bob")) as bob:
        first = (await operators.get("/connections?user=ada&sort=age&limit=1"))["items"][0]["id"]
        assert (await operators.ask("POST", "/disconnect", {"connection": first, "again": True})).status == 200
        assert (await ended(one))[0] == DRAIN
        assert (await operators.ask("POST", "/disconnect", {"user": "ada"})).status == 200
        assert (await ended(two))[0] == FORBIDDEN
        assert (await operators.ask("POST", "/revoke", {"user": "bob"})).status == 200
        assert (await ended(bob))[0] == UNAUTHENTICATED
    done = [record.getMessage() for record in caplog.records if record.name == "tidegate.admin"]
    assert done == ["an operator disconnected", "an operator disconnected", "an operator revoked"]
    access = [record for record in caplog.records if record.name == "tidegate.access"]
    assert {(record.user, record.code) for record in access} == {("ada", DRAIN), ("ada", FORBIDDEN), ("bob", 4001)}  # type: ignore[attr-defined]  # of `extra`
    assert all(record.frames_out >= 2 for record in access)  # type: ignore[attr-defined]  # as above


async def test_a_connection_that_speaks_http_and_a_stream_of_events_are_ended(operators: Operators) -> None:
    inside = operators.inside
    async with http(inside) as plain, stream(inside, token("ada")) as streamed, stream(inside, token("bob")) as other:
        assert (await plain.post("ping")).status == 200
        shown = (await operators.get("/connections?sort=age"))["items"]
        ids = {kind: [each["id"] for each in shown if each["kind"] == kind] for kind in ("http", "handshake")}
        (bob,) = (await operators.get("/connections?user=bob"))["items"]
        assert (len(ids["http"]), len(ids["handshake"]), bob["kind"]) == (1, 2, "websocket"), "two asked nothing yet"
        for connection in (*ids["http"], ids["handshake"][0], bob["id"]):
            assert (await operators.ask("POST", "/disconnect", {"connection": connection})).status == 200
        assert await plain.raw.reader.read() == b""
        assert (await other.closed())["code"] == FORBIDDEN
        assert (await operators.ask("POST", "/disconnect", {"user": "ada", "again": True})).status == 200
        assert (await streamed.closed())["code"] == DRAIN
        left = {each["id"] for each in (await operators.get("/connections"))["items"]}
        assert left == {ids["handshake"][1]}
        async with http(inside, token("ada")) as back:
            assert (await back.post("ping")).status == 200, "the tokens stay good"


async def test_a_drain_sends_clients_away_and_can_be_undone(operators: Operators) -> None:
    inside = operators.inside
    async with wire(inside.url) as client:
        assert (await operators.ask("POST", "/drain", {"seconds": 0})).status == 200
        assert (await ended(client))[0] == DRAIN
        assert (await operators.ask("POST", "/drain", {})).status == 409
        assert inside.gateway.sessions.draining
    assert (await operators.ask("DELETE", "/drain")).status == 200
    assert not inside.gateway.sessions.draining
    async with wire(inside.url) as back:
        await back.settle()


async def test_the_history_of_a_room_is_forgotten(operators: Operators) -> None:
    async with wire(operators.inside.url) as client:
        await client.ask({"type": "join", "room": "lobby"})
        await client.ask({"type": "message", "room": "lobby", "data": {"text": "hello"}})
        assert (await operators.ask("DELETE", "/rooms/lobby/history")).status == 200
        history = await client.ask({"type": "history", "room": "lobby"})
        assert history["messages"] == []
