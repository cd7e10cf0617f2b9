"""Filters over a real socket: which rows `list` returns, and when rows enter or leave a subscription."""

from __future__ import annotations

from typing import Any

from tests.e2e.test_rows_live import create, updates
from tests.support.gateway import GatewayProcess
from tests.support.wire import Wire, wire


async def task(client: Wire, user: int, title: str, **fields: Any) -> dict[str, Any]:
    data = {"user_id": user, "title": title, **fields}
    reply = await client.ask({"type": "create", "resource": "tasks", "data": data})
    assert reply["type"] == "rows", reply
    row: dict[str, Any] = reply["rows"][0]
    return row


async def listed(client: Wire, filters: dict[str, Any]) -> list[str]:
    reply = await client.ask({"type": "list", "resource": "tasks", "filters": filters, "count": True})
    assert reply["type"] == "rows", reply
    assert reply["total"] == len(reply["rows"])
    return [row["title"] for row in reply["rows"]]


async def test_list_returns_the_rows_of_any_filter(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        user = (await create(client, "ada"))["id"]
        await task(client, user, "Scrub 50% of the hull", priority=1, tags=["hull", "dirty"])
        await task(client, user, "scrub the deck", priority=2, due_at="2026-02-01T01:00:00+01:00")
        await task(client, user, "Paint", notes="ÄÖ", done=True)
        for filters, titles in (
            ({"title": {"startswith": "SCRUB"}}, ["Scrub 50% of the hull", "scrub the deck"]),
            ({"title": {"startswiths": "scrub"}}, ["scrub the deck"]),
            ({"title": {"contains": "0%"}}, ["Scrub 50% of the hull"]),
            ({"title": {"contains": "_"}}, []),
            ({"notes": {"contains": "äö"}}, []),
            ({"notes": {"ncontains": "x"}}, ["Paint"]),
            ({"tags": {"ina": ["dirty", "hull"]}}, ["Scrub 50% of the hull"]),
            ({"tags": {"nina": ["hull"]}}, ["scrub the deck", "Paint"]),
            ({"due_at": "2026-02-01T00:00:00Z"}, ["scrub the deck"]),
            ({"due_at": {"lt": "2026-02-01T00:00:00.000001Z"}}, ["scrub the deck"]),
            ({"priority": {"between": [2, 3]}, "done": {"ne": False}}, ["Paint"]),
            ({"or": [{"priority": 1}, {"and": [{"done": True}, {"notes": {"nnull": True}}]}]},
             ["Scrub 50% of the hull", "Paint"]),
        ):  # fmt: skip
            assert await listed(client, filters) == titles, filters


async def test_rows_enter_and_leave_a_subscription_by_its_filter(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as writer, wire(gateway.url) as reader:
        user = (await create(writer, "ada"))["id"]
        filters = {"priority": {"lte": 2}, "or": [{"tags": {"ina": ["hull"]}}, {"title": {"contains": "hull"}}]}
        reply = await reader.ask({"type": "subscribe", "resource": "tasks", "filters": filters})
        assert reply["mode"] == "live"
        row = await task(writer, user, "The HULL", priority=2)
        await task(writer, user, "The hull, some day", priority=5)
        steps: list[dict[str, Any]] = [
            {"title": "It", "tags": ["hull"]},
            {"priority": 3},
            {"priority": 1},
            {"tags": []},
        ]
        for changes in steps:
            await writer.ask({"type": "update", "resource": "tasks", "id": row["id"], "data": changes})
        key = {"id": row["id"]}
        assert await updates(reader, 4) == [
            ("create", row),
            ("update", row | {"title": "It", "tags": ["hull"]}),
            ("delete", key),
            ("create", row | {"title": "It", "tags": ["hull"], "priority": 1}),
        ]
        assert await updates(reader, 1) == [("delete", key)]


async def test_different_spellings_of_a_filter_are_one_subscription(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        one = {"status": "active", "id": {"between": [1, 9]}}
        other = {"and": [{"id": {"lte": 9.0, "gte": 1}}, {"status": {"in": ["active", "active"]}}]}
        first = await client.ask({"type": "subscribe", "resource": "users", "filters": one})
        second = await client.ask({"type": "subscribe", "resource": "users", "filters": other})
        assert first["subscription"] == second["subscription"]
        ended = await client.ask({"type": "unsubscribe", "resource": "users", "filters": other})
        assert (ended["type"], ended["subscription"]) == ("unsubscribed", first["subscription"])


async def test_a_too_large_filter_is_refused_and_the_connection_stays(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        deep: dict[str, Any] = {"id": 1}
        for _ in range(9):
            deep = {"or": [deep, {"id": 2}]}
        for filters in (deep, {"or": [{"id": number} for number in range(101)]}, {"id": {"in": list(range(1001))}}):
            for kind in ("list", "subscribe", "unsubscribe"):
                refused = await client.ask({"type": kind, "resource": "users", "filters": filters})
                assert (refused["type"], refused["code"], refused["pointer"]) == (
                    "error",
                    "invalid_message",
                    "/filters",
                )
        most = {"id": {"in": list(range(901))}, "or": [{"id": number} for number in range(99)]}
        assert (await client.ask({"type": "list", "resource": "users", "filters": most}))["type"] == "rows"
