"""What live queries show: order, limit, rows that keep their identity, status, and sharing. A scripted gateway."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from tests.clients.scripted import FakeClock, Peer, ScriptedGateway, begun
from tidegate_client import Client, InvalidOption, LiveQuery, RequestRefused, connect
from tidegate_client.ordering import Ordering
from tidegate_client.rows import same_row
from tidegate_client.window import Window


class Task(msgspec.Struct, kw_only=True):
    id: int
    rank: int = 0
    title: str | None = None


async def watched(client: Client, peer: Peer, *rows: dict[str, Any], **options: Any) -> LiveQuery[Any]:
    asking = begun(client.subscribe("tasks", **options))
    await peer.subscribe("s1", "snapshot", 5)
    await peer.snapshot("s1", *rows)
    live: LiveQuery[Any] = await (await asking).loaded()
    return live


async def settle(client: Client, peer: Peer) -> None:
    pinging = begun(client.ping())
    await peer.reply(await peer.expect("ping"), "pong", time=1)
    await pinging


ROWS = [{"id": 1, "rank": 2}, {"id": 2, "rank": 1}, {"id": 3}, {"id": 4, "rank": 1}]


async def test_rows_are_in_the_order_of_sort_and_within_the_limit(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, *ROWS, sort=["-rank"], limit=2)
        assert list(live.rows) == [1, 2]
        assert live.has_more
        await anext(live)
        await peer.update("s1", "update", {"id": 4, "rank": 9}, 6)
        changes = [await anext(live), await anext(live)]
        assert [(change.action, change.key) for change in changes] == [("delete", 2), ("create", 4)]
        assert list(live.rows) == [4, 1]
        await peer.update("s1", "delete", {"id": 3}, 7)
        await peer.update("s1", "delete", {"id": 2}, 8)
        await peer.update("s1", "delete", {"id": 1}, 9)
        await settle(client, peer)
        assert list(live.rows) == [4]
        assert not live.has_more


async def test_views_with_another_order_share_one_subscription(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        first = await watched(client, peer, *ROWS, sort=["rank"])
        second = await client.subscribe("tasks", sort=["-rank", "-id"], limit=3)  # nothing is asked of the gateway
        assert list(first.rows) == [3, 2, 4, 1]
        assert list(second.rows) == [1, 4, 2]
        assert first.rows[1] is second.rows[1]


async def test_an_unchanged_row_is_the_same_object(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, {"id": 1, "rank": 1}, {"id": 2, "rank": 1}, model=Task)
        rows, first, second = live.rows, live.rows[1], live.rows[2]
        assert live.rows is rows
        await peer.update("s1", "update", {"id": 2, "rank": 2}, 6)
        await settle(client, peer)
        assert live.rows is not rows
        assert live.rows[1] is first
        assert rows[2] is second, "what the program holds does not change under its hands"
        [reset, change] = [await anext(live), await anext(live)]
        assert (reset.action, change.old) == ("reset", second)
        assert change.row is live.rows[2]
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.subscribe("s1", "snapshot", 9)
        await peer.snapshot("s1", {"id": 1, "rank": 1}, {"id": 2, "rank": 3})
        assert (await anext(live)).action == "reset"
        assert live.rows[1] is first, "also where a snapshot brought it again"
        assert live.rows[2] == Task(id=2, rank=3)


def test_true_is_another_row_than_one() -> None:
    assert same_row({"id": 1, "rank": 1}, {"id": 1, "rank": 1})
    assert not same_row({"id": 1, "rank": 1}, {"id": 1, "rank": True})


async def test_the_status_says_how_good_the_rows_are(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("tasks"))
        await peer.subscribe("s1", "snapshot", 5)
        live = await asking
        statuses = live.statuses()
        assert str(live.status) == "loading"
        await peer.snapshot("s1", {"id": 1})
        assert await anext(statuses) == "live"
        await peer.close(4200)
        assert await anext(statuses) == "behind"
        assert list(live.rows) == [1]
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        await peer.subscribe("s2", "recovered", 5)
        assert await anext(statuses) == str(live.status) == "live"
        await peer.send("snapshot", subscription="s2", rows=[], reset=True, done=False)
        assert await anext(statuses) == "behind"
        await peer.send("unsubscribed", subscription="s2")
        assert await anext(statuses) == str(live.status) == "error"
        with pytest.raises(StopAsyncIteration):
            await anext(statuses)


async def test_a_closed_query_is_kept_for_a_moment(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, clock=clock) as client:
        peer = await scripted.accept()
        first = await watched(client, peer, {"id": 1})
        first.close()
        await settle(client, peer)
        clock.advance(4.0)
        again = await client.subscribe("tasks")
        assert list(again.rows) == [1], "at once"
        clock.advance(2.0)
        await peer.update("s1", "create", {"id": 2}, 6)
        await settle(client, peer)
        assert list(again.rows) == [1, 2]
        again.close()
        await settle(client, peer)
        await clock.pass_sleep(5.0)
        assert (await peer.expect("unsubscribe"))["subscription"] == "s1"


async def test_what_is_kept_makes_room(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        (await watched(client, peer, {"id": 1})).close()
        asking = begun(client.subscribe("users"))
        full = {"code": "limit_reached", "message": "too many subscriptions", "temporary": False}
        await peer.reply(await peer.expect("subscribe"), "error", **full)
        leaving = await peer.expect("unsubscribe")
        assert leaving["subscription"] == "s1"
        await peer.reply(leaving, "unsubscribed", subscription="s1")
        await peer.reply(await peer.expect("subscribe"), "error", **full)
        with pytest.raises(RequestRefused):
            await asking


async def test_what_is_kept_makes_room_for_two_that_ask_at_once(scripted: ScriptedGateway) -> None:
    """While the answer to the other one may name what is kept, the first waits for it."""
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        (await watched(client, peer, {"id": 1})).close()
        asking = [begun(client.subscribe("tasks", filters={"id": number})) for number in (2, 3)]
        full = {"code": "limit_reached", "message": "too many subscriptions", "temporary": False}
        requests = [await peer.expect("subscribe"), await peer.expect("subscribe")]
        for request in requests:
            await peer.reply(request, "error", **full)
        leaving = await peer.expect("unsubscribe")
        await peer.reply(leaving, "unsubscribed", subscription="s1")
        for number in (2, 3):
            await peer.subscribe(f"s{number}", "snapshot", 5)
        for each in asking:
            (await each).close()


async def test_what_a_query_is_sorted_by_is_among_its_fields(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asking = begun(client.subscribe("tasks", fields=["title"], sort=["-rank"]))
        assert (await peer.subscribe("s1", "snapshot", 5))["fields"] == ["title", "rank"]
        await asking
        with pytest.raises(InvalidOption, match="at least 1"):
            await client.subscribe("tasks", limit=0)
        with pytest.raises(InvalidOption, match="list of terms"):
            await client.subscribe("tasks", sort="rank")


def test_the_order_is_that_of_the_gateway() -> None:
    rows = [{"id": n, "v": value} for n, value in enumerate(["b", None, "B", "é", "a", 1, 0.5, True, "b"])]
    ordered = sorted(rows, key=Ordering(["v"], ("id",), {}).of)
    assert [row["v"] for row in ordered] == [None, 0.5, 1, True, "B", "a", "b", "b", "é"]
    falling = sorted(rows, key=Ordering(["-v"], ("id",), {}).of)
    assert [row["v"] for row in falling] == ["é", "b", "b", "a", "B", 1, True, 0.5, None]
    assert [row["id"] for row in falling][1:3] == [0, 8], "equal rows by their key"
    big = [{"id": 1, "v": "9"}, {"id": 2, "v": "10"}, {"id": 3, "v": "-7"}]
    assert [row["id"] for row in sorted(big, key=Ordering(["v"], ("id",), {"v": "int64"}).of)] == [3, 1, 2]


def test_a_window_without_order_shows_the_first_that_came() -> None:
    rows = {1: {"id": 1}, 2: {"id": 2}, 3: {"id": 3}}
    window = Window(rows, None, 2)
    assert (list(window.shown), window.has_more) == ([1, 2], True)
