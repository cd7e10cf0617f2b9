"""kill -9 of a gateway before it answers: clients repeat the requests with their keys, and each is executed once."""

from __future__ import annotations

import asyncio
from typing import Any

from tests.e2e.test_rooms_live import bearer, token
from tests.support.gateway import GatewayProcess
from tests.support.wire import Wire, wire

COUNT = 100


def _request(number: int) -> dict[str, Any]:
    data = {"name": f"User {number}", "email": f"{number}@example.com"}
    return {"type": "create", "resource": "users", "data": data, "key": f"key {number}"}


async def _answered(client: Wire, count: int) -> dict[str, Any]:
    """The first `count` replies, by the request's key."""
    replies = [await client.hear("rows") for _ in range(count)]
    return {reply["ref"]: reply["rows"] for reply in replies}


async def test_a_request_repeated_after_kill_9_is_executed_once(any_gateway: GatewayProcess) -> None:
    person = bearer(token(any_gateway, "7"))
    async with wire(any_gateway.url, close_timeout=0.1, **person) as client:  # a killed gateway never closes
        await asyncio.gather(*(client.say({**_request(number), "ref": f"key {number}"}) for number in range(COUNT)))
        answered = await _answered(client, 5)
        any_gateway.kill()
    any_gateway.start()
    async with wire(any_gateway.url, **person) as client:
        again = {f"key {number}": await client.ask(_request(number)) for number in range(COUNT)}
        assert {key: again[key]["rows"] for key in answered} == answered
        rows = (await client.ask({"type": "list", "resource": "users", "limit": 500, "count": True}))["rows"]
    assert sorted(row["name"] for row in rows) == sorted(f"User {number}" for number in range(COUNT))
    assert sorted(row["id"] for row in rows) == sorted(reply["rows"][0]["id"] for reply in again.values())
    async with wire(any_gateway.url, **bearer(token(any_gateway, "8"))) as other:
        refused = await other.ask(_request(1))
        assert (refused["code"], refused["pointer"]) == ("conflict", "/data/email")  # not that user's key
