"""What the console says of a gateway in development mode: bounded, without tokens and contents, and nowhere else."""

from __future__ import annotations

import json
from pathlib import Path

from tests.gateway.test_removal import bearer
from tests.support.wire import wire
from tests.transport.inside import running
from tidegate.gateway import console_state
from tidegate.transport import Request, Response

ASKED = Request("GET", console_state.PATH)


async def test_the_state_has_connections_rooms_and_subscriptions_and_no_contents(tmp_path: Path) -> None:
    async with running(tmp_path) as inside, wire(inside.url, **bearer("ada")) as client:
        await client.ask({"type": "join", "room": "lobby", "info": {"mood": "a secret mood"}})
        await client.ask({"type": "subscribe", "resource": "users", "filters": {"id": 1}})
        row = {"name": "a secret name", "email": "ada@example.com"}
        await client.ask({"type": "create", "resource": "users", "data": row})
        response = console_state.answer(inside.connected)(ASKED)
        assert response.status == 200
        assert b"secret" not in response.body
        state = json.loads(response.body)
        (connection,) = state["connections"]
        assert (connection["user"], connection["rooms"], connection["subscriptions"]) == ("ada", 1, 1)
        assert "ada" in state["names"]
        assert [room["room"] for room in state["rooms"]] == ["lobby"]
        assert [(group["resource"], group["members"]) for group in state["subscriptions"]] == [("users", 1)]


async def test_the_state_is_not_served_where_the_console_is_published_in_production(tmp_path: Path) -> None:
    async with running(tmp_path, console=True) as inside:
        response = inside.listener.context.routes.respond(ASKED)
        assert isinstance(response, Response)
        assert response.status == 404
