"""The change feed pauses while there are no subscriptions; the first subscriber after a pause misses no change."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tests.support.wire import Wire, wire
from tests.transport.inside import Inside, running
from tidegate.core.rows.catch_up_events import Event, SnapshotBegun
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription import Subscription
from tidegate.store.sqlite import connection

USERS = {"type": "subscribe", "resource": "users"}


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path) as inside:
        await paused(inside)
        yield inside


async def paused(inside: Inside) -> None:
    await until(lambda: not inside.store.following)


async def create(client: Wire, name: str) -> dict[str, Any]:
    """Returns the position of the new row."""
    data = {"name": name, "email": f"{name}@example.com"}
    position: dict[str, Any] = (await client.ask({"type": "create", "resource": "users", "data": data}))["position"]
    return position


async def names(client: Wire, count: int) -> list[str]:
    return [(await client.hear("update"))["data"]["name"] for _ in range(count)]


async def test_position_ahead_of_the_paused_feed_is_recovered(inside: Inside) -> None:
    async with wire(inside.url) as writer, wire(inside.url) as reader:
        positions = [await create(writer, f"n{number}") for number in range(5)]
        stale = (await writer.ask({"type": "ping"}))["position"]
        assert stale["seq"] == 0
        answer = await reader.ask(USERS | {"since": positions[2]})
        assert (answer["mode"], answer["position"]) == ("recovered", positions[2])
        assert await names(reader, 2) == ["n3", "n4"]
        await create(writer, "n5")
        assert await names(reader, 1) == ["n5"]
        # A position that another client got in the meantime is too old, never too new.
        assert (await writer.ask(USERS | {"since": stale}))["mode"] == "recovered"
        assert await names(writer, 6) == [f"n{number}" for number in range(6)]


async def test_position_ahead_of_the_change_log_gets_a_snapshot(inside: Inside) -> None:
    async with wire(inside.url) as client:
        position = await create(client, "a")
        answer = await client.ask(USERS | {"since": position | {"seq": position["seq"] + 1}})
        assert answer["mode"] == "snapshot"
        assert [row["name"] for row in (await client.hear("snapshot"))["rows"]] == ["a"]


async def test_write_right_after_the_first_subscribe_reaches_the_subscriber(inside: Inside) -> None:
    """Both requests arrive together, before the feed has resumed."""
    async with wire(inside.url) as client:
        for number in range(5):
            data = {"name": f"n{number}", "email": f"n{number}@example.com"}
            for request in (USERS, {"type": "create", "resource": "users", "data": data}):
                await client.say(request)
            assert await names(client, 1) == [f"n{number}"]
            await client.ask({"type": "unsubscribe", "resource": "users"})
            await paused(inside)


async def test_subscriber_without_since_receives_only_later_changes(inside: Inside) -> None:
    async with wire(inside.url) as writer, wire(inside.url) as reader:
        position = await create(writer, "before")
        answer = await reader.ask(USERS)
        assert (answer["mode"], answer["position"]) == ("live", position)
        await create(writer, "after")
        assert await names(reader, 1) == ["after"]


async def test_snapshot_after_a_pause_has_the_newest_rows(inside: Inside) -> None:
    async with wire(inside.url) as client, wire(inside.url) as writer:
        position = await create(client, "a")
        answer = await client.ask(USERS | {"snapshot": True})
        assert (answer["mode"], answer["position"]) == ("snapshot", position)
        assert [row["name"] for row in (await client.hear("snapshot"))["rows"]] == ["a"]
        await create(writer, "b")
        assert await names(client, 1) == ["b"]


async def test_clients_that_reconnect_at_once_share_one_read_of_the_log(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(inside.url) as writer:
        first, *_, last = [await create(writer, f"n{number}") for number in range(20)]
        read: list[tuple[int, int]] = []
        changes = inside.store.changes

        async def counted(after: int, upto: int, limit: int) -> Sequence[Change]:
            read.append((after, upto))
            return await changes(after, upto, limit)

        monkeypatch.setattr(inside.store, "changes", counted)
        clients = [await connect(inside.url, compression=None) for _ in range(40)]
        for client in clients:
            await client.send(json.dumps(USERS | {"since": first, "ref": 1}))
        for client in clients:
            heard = [json.loads(await asyncio.wait_for(client.recv(), 10)) for _ in range(21)]
            assert heard[1]["mode"] == "recovered"
            assert [message["data"]["name"] for message in heard[2:]] == [f"n{number}" for number in range(1, 20)]
            await client.close()
        assert read == [(first["seq"], last["seq"])]


async def test_pruned_position_gets_a_snapshot(inside: Inside, tmp_path: Path) -> None:
    async with wire(inside.url) as client:
        position = await create(client, "a")
        await create(client, "b")
        foreign = connection.connect(tmp_path / "tidegate.db")
        foreign.execute("UPDATE tidegate_meta SET value = 2 WHERE name = 'pruned_to'; DELETE FROM tidegate_log")
        foreign.close()
        assert (await client.ask(USERS | {"since": position}))["mode"] == "snapshot"


async def test_feed_pauses_again_after_the_last_unsubscribe(inside: Inside) -> None:
    async with wire(inside.url) as one:
        async with wire(inside.url) as other:
            await other.ask(USERS)
            await one.ask(USERS)
            await one.ask({"type": "unsubscribe", "resource": "users"})
            await one.settle()
            assert inside.store.following
        await paused(inside)
        async with wire(inside.url) as writer:
            await create(writer, "unheard")
            await one.ask(USERS)
            await create(writer, "heard")
            assert await names(one, 1) == ["heard"]


async def test_replay_without_a_client_ends_while_the_feed_is_paused(
    inside: Inside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows are ahead of the dispatched position when the last client leaves and the feed pauses."""
    async with wire(inside.url) as client:
        await client.ask({"type": "ping"})
        subscriptions = inside.gateway.sessions.protocol.rows.subscriptions
        tell = subscriptions.tell

        def ahead(subscription: Subscription, event: Event) -> Any:
            return tell(subscription, SnapshotBegun(event.seq + 1) if isinstance(event, SnapshotBegun) else event)

        monkeypatch.setattr(subscriptions, "tell", ahead)
        await client.ask(USERS | {"snapshot": True})
        await client.hear("snapshot")
        await until(lambda: inside.gateway.catch_up._waiting)
    async with asyncio.timeout(DEADLINE_S):
        await inside.gateway.work.settled()
    await until(lambda: not inside.store.following)
