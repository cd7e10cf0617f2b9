"""A gateway whose clients subscribe to nothing looks for no changes; the first who subscribes misses nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect

from tests.support.deadlines import DEADLINE_S
from tests.support.wire import Wire, wire
from tests.transport.inside import Inside, running
from tidegate.core.rows.ports import Change
from tidegate.core.rows.subscription import Subscription
from tidegate.store.sqlite import connection

USERS = {"type": "subscribe", "resource": "users"}


@pytest.fixture
async def inside(tmp_path: Path) -> AsyncIterator[Inside]:
    async with running(tmp_path) as inside:
        await rested(inside)
        yield inside


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # nobody tells
            await asyncio.sleep(0.005)


async def rested(inside: Inside) -> None:
    await until(lambda: not inside.store.following)


async def create(client: Wire, name: str) -> dict[str, Any]:
    """Returns the position of the new row."""
    data = {"name": name, "email": f"{name}@example.com"}
    position: dict[str, Any] = (await client.ask({"type": "create", "resource": "users", "data": data}))["position"]
    return position


async def names(client: Wire, count: int) -> list[str]:
    return [(await client.hear("update"))["data"]["name"] for _ in range(count)]


async def test_a_position_ahead_of_what_was_dispatched_is_recovered(inside: Inside) -> None:
    async with wire(inside.url) as writer, wire(inside.url) as reader:
        positions = [await create(writer, f"n{number}") for number in range(5)]
        stale = (await writer.ask({"type": "ping"}))["position"]
        assert stale["seq"] == 0
        answer = await reader.ask(USERS | {"since": positions[2]})
        assert (answer["mode"], answer["position"]) == ("recovered", positions[2])
        assert await names(reader, 2) == ["n3", "n4"]
        await create(writer, "n5")
        assert await names(reader, 1) == ["n5"]
        # What the others were told meanwhile is only ever too old.
        assert (await writer.ask(USERS | {"since": stale}))["mode"] == "recovered"
        assert await names(writer, 6) == [f"n{number}" for number in range(6)]


async def test_a_position_of_the_future_is_not_recovered(inside: Inside) -> None:
    async with wire(inside.url) as client:
        position = await create(client, "a")
        answer = await client.ask(USERS | {"since": position | {"seq": position["seq"] + 1}})
        assert answer["mode"] == "snapshot"
        assert [row["name"] for row in (await client.hear("snapshot"))["rows"]] == ["a"]


async def test_what_was_asked_for_after_subscribing_is_heard(inside: Inside) -> None:
    """Both requests travel together, while the feed still has to wake."""
    async with wire(inside.url) as client:
        for number in range(5):
            data = {"name": f"n{number}", "email": f"n{number}@example.com"}
            for request in (USERS, {"type": "create", "resource": "users", "data": data}):
                await client.say(request)
            assert await names(client, 1) == [f"n{number}"]
            await client.ask({"type": "unsubscribe", "resource": "users"})
            await rested(inside)


async def test_only_changes_from_now_on_are_heard(inside: Inside) -> None:
    async with wire(inside.url) as writer, wire(inside.url) as reader:
        position = await create(writer, "before")
        answer = await reader.ask(USERS)
        assert (answer["mode"], answer["position"]) == ("live", position)
        await create(writer, "after")
        assert await names(reader, 1) == ["after"]


async def test_a_snapshot_is_as_new_as_ever(inside: Inside) -> None:
    async with wire(inside.url) as client, wire(inside.url) as writer:
        position = await create(client, "a")
        answer = await client.ask(USERS | {"snapshot": True})
        assert (answer["mode"], answer["position"]) == ("snapshot", position)
        assert [row["name"] for row in (await client.hear("snapshot"))["rows"]] == ["a"]
        await create(writer, "b")
        assert await names(client, 1) == ["b"]


async def test_a_returning_herd_reads_the_log_once(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    async with wire(inside.url) as writer:
        first, *_, last = [await create(writer, f"n{number}") for number in range(20)]
        read: list[tuple[int, int]] = []
        changes = inside.store.changes

        async def counted(after: int, upto: int, limit: int) -> Sequence[Change]:
            read.append((after, upto))
            return await changes(after, upto, limit)

        monkeypatch.setattr(inside.store, "changes", counted)
        herd = [await connect(inside.url, compression=None) for _ in range(40)]
        for client in herd:
            await client.send(json.dumps(USERS | {"since": first, "ref": 1}))
        for client in herd:
            heard = [json.loads(await asyncio.wait_for(client.recv(), 10)) for _ in range(21)]
            assert heard[1]["mode"] == "recovered"
            assert [message["data"]["name"] for message in heard[2:]] == [f"n{number}" for number in range(1, 20)]
            await client.close()
        assert read == [(first["seq"], last["seq"])]


async def test_a_position_that_was_pruned_gets_a_snapshot(inside: Inside, tmp_path: Path) -> None:
    async with wire(inside.url) as client:
        position = await create(client, "a")
        await create(client, "b")
        foreign = connection.connect(tmp_path / "tidegate.db")
        foreign.execute("UPDATE tidegate_meta SET value = 2 WHERE name = 'pruned_to'; DELETE FROM tidegate_log")
        foreign.close()
        assert (await client.ask(USERS | {"since": position}))["mode"] == "snapshot"


async def test_it_rests_again_when_the_last_has_left(inside: Inside) -> None:
    async with wire(inside.url) as one:
        async with wire(inside.url) as other:
            await other.ask(USERS)
            await one.ask(USERS)
            await one.ask({"type": "unsubscribe", "resource": "users"})
            await one.settle()
            assert inside.store.following
        await rested(inside)
        async with wire(inside.url) as writer:
            await create(writer, "unheard")
            await one.ask(USERS)
            await create(writer, "heard")
            assert await names(one, 1) == ["heard"]


async def test_a_replay_whose_client_left_waits_for_nothing(inside: Inside, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its rows are ahead of what was dispatched when the last client goes, and the feed comes to rest."""
    async with wire(inside.url) as client:
        await client.ask({"type": "ping"})
        replayer = inside.gateway.catch_up
        snapshot = replayer._snapshot

        async def ahead(watching: Subscription) -> int:
            return await snapshot(watching) + 1

        monkeypatch.setattr(replayer, "_snapshot", ahead)
        await client.ask(USERS | {"snapshot": True})
        await client.hear("snapshot")
        await until(lambda: replayer._waiting)
    async with asyncio.timeout(DEADLINE_S):
        await inside.gateway.work.settled()
    assert not inside.store.following
