"""A gateway that lets no anonymous clients in: what a client without a token may do, and how long."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.http.client import http
from tests.support.wire import wire
from tests.transport.inside import SECRET, Inside, running
from tidegate import handlers
from tidegate.auth.tokens import sign
from tidegate.core.closes import UNAUTHENTICATED
from tidegate.handlers import Connection


def a_token(user: str = "7") -> str:
    return sign(SECRET, user, "Ada", [], time.time(), 600)


@pytest.fixture
async def strict(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path, anonymous=False) as gateway:
        yield gateway


async def test_client_without_a_token_may_authenticate_and_nothing_else(strict: Inside) -> None:
    async with wire(strict.url) as client:
        welcome = await client.heard_of("welcome")
        assert welcome["user"]["anonymous"]
        assert "identity" not in welcome
        for request in ({"type": "join", "room": "lobby"}, {"type": "list", "resource": "users"}):
            answer = await client.ask(request)
            assert (answer["code"], answer["temporary"]) == ("unauthenticated", False)
            assert "authenticate first" in answer["message"]
        assert (await client.ask({"type": "ping"}))["type"] == "pong"
        assert (await client.ask({"type": "authenticate", "token": "x.y.z"}))["code"] == "unauthenticated"
        assert (await client.ask({"type": "authenticate", "token": a_token()}))["user"]["id"] == "7"
        assert (await client.ask({"type": "join", "room": "lobby"}))["type"] == "joined"


async def test_client_that_does_not_authenticate_in_time_is_closed(tmp_path: Path) -> None:
    async with running(tmp_path, anonymous=False, authenticate_timeout=0.05) as gateway, wire(gateway.url) as client:
        goodbye = await client.heard_of("goodbye")
        await client.connection.wait_closed()
        assert goodbye["code"] == client.connection.close_code == UNAUTHENTICATED
        assert client.connection.close_reason == "no valid token came in time"


async def test_identity_of_an_earlier_time_is_refused(tmp_path: Path) -> None:
    async with running(tmp_path) as gateway, wire(gateway.url) as client:
        identity = (await client.heard_of("welcome"))["identity"]
    async with running(tmp_path, anonymous=False) as gateway, wire(gateway.url) as client:
        answer = await client.ask({"type": "authenticate", "token": identity})
        assert (answer["code"], answer["message"]) == ("unauthenticated", "this gateway lets no anonymous clients in")


async def test_application_is_asked_of_the_user_and_not_of_the_client_before_it_has_a_token(tmp_path: Path) -> None:
    added, asked = handlers.Gateway(), list[str]()

    @added.on_connect
    def look(connection: Connection) -> dict[str, Any]:
        asked.append(connection.user.id)
        return {}

    async with running(tmp_path, added=added, anonymous=False) as gateway, wire(gateway.url) as client:
        assert asked == []
        await client.ask({"type": "authenticate", "token": a_token()})
        assert asked == ["7"]


async def test_request_over_http_needs_a_token(strict: Inside) -> None:
    async with http(strict) as client:
        answer = await client.post("list", resource="users")
        assert (answer.status, answer.json["code"]) == (401, "unauthenticated")
    async with http(strict, a_token()) as client:
        assert (await client.post("ping")).status == 200
