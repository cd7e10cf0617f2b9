"""Own writes in live queries before the gateway has answered. test_optimistic_history.py plays random histories."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import UNSET

from app_contract import RESOURCES, Task, TaskCreate
from tests.clients.scripted import FakeClock, Peer, ScriptedGateway, begun
from tidegate_client import Client, LiveQuery, RequestRefused, connect

OPEN = {"done": False}


async def watched(client: Client, peer: Peer, *rows: dict[str, Any], **options: Any) -> LiveQuery[Any]:
    asking = begun(client.subscribe("tasks", **options))
    await peer.subscribe("s1", "snapshot", 5)
    await peer.snapshot("s1", *rows)
    live: LiveQuery[Any] = await (await asking).loaded()
    await anext(live)
    return live


async def settle(client: Client, peer: Peer) -> None:
    pinging = begun(client.ping())
    await peer.reply(await peer.expect("ping"), "pong", time=1)
    await pinging


def task(id: int, **more: Any) -> dict[str, Any]:
    return {"id": id, "user_id": 1, "title": "t", "done": False, "priority": 3, "tags": [], **more}


async def test_a_new_row_is_there_at_once_and_gets_its_key(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, optimistic=True, resources=RESOURCES) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, model=Task, filters=OPEN, sort=["-id"])
        creating = begun(client.resource(Task).create(TaskCreate(user_id=1, title="t")))
        change = await anext(live)
        [row] = live.rows.values()
        assert change.action == "create"
        assert change.position is None
        assert row.id < 0, "an invented key"
        assert (row.title, row.done, row.priority) == ("t", False, 3), "with the defaults of the schema"
        request = await peer.expect("create")
        await peer.update("s1", "create", task(8), 6, origin=request["key"])
        assert [(await anext(live)).action for _ in range(2)] == ["create", "delete"]
        assert list(live.rows) == [8]
        shown = live.rows[8]
        await peer.reply(request, "rows", rows=[task(8)], position={"epoch": "e", "seq": 6})
        assert (await creating).id == 8
        assert live.rows[8] is shown
        assert not live.stream.unread


async def test_a_refused_write_is_taken_back_and_raises(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, optimistic=True) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, task(1), task(2))
        before, tasks = live.rows[1], client.resource("tasks")
        updating = begun(tasks.update(1, {"title": "new"}))
        deleting = begun(tasks.delete(2))
        first, second = await peer.expect("update"), await peer.expect("delete")
        assert [row["title"] for row in live.rows.values()] == ["new"]
        await peer.reply(first, "error", code="forbidden", message="no", temporary=False)
        with pytest.raises(RequestRefused) as caught:
            await updating
        assert caught.value.code == "forbidden"
        assert live.rows == {1: before}, "the later write is still there"
        await peer.reply(second, "error", code="conflict", message="no", temporary=False)
        with pytest.raises(RequestRefused):
            await deleting
        assert list(live.rows) == [1, 2]


async def test_writes_wait_for_the_next_connection_and_stay_shown(scripted: ScriptedGateway, clock: FakeClock) -> None:
    async with connect(scripted.url, optimistic=True, clock=clock) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, task(1))
        updating = begun(client.resource("tasks").update(1, {"title": "new"}))
        sent = await peer.expect("update")
        await peer.close(4200)
        await clock.pass_sleep(0.0)
        peer = await scripted.accept()
        assert live.rows[1]["title"] == "new"
        await peer.subscribe("s1", "snapshot", 9)
        again = await peer.expect("update")
        assert again["key"] == sent["key"]
        await peer.snapshot("s1", task(1, title="new", priority=1))
        await settle(client, peer)
        assert live.rows[1]["priority"] == 3, "a snapshot waits until it is known whether it has the write"
        assert live.status == "behind"
        await peer.reply(again, "rows", rows=[task(1, title="new")], position={"epoch": "e", "seq": 7})
        await updating
        assert live.rows == {1: task(1, title="new", priority=1)}
        assert str(live.status) == "live"


async def test_a_write_without_an_update_ends_with_the_position(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, optimistic=True) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, task(1), filters=OPEN)
        updating = begun(client.resource("tasks").update(1, {"done": True}))
        request = await peer.expect("update")
        assert not live.rows
        await peer.reply(request, "rows", rows=[task(1, done=True)], position={"epoch": "e", "seq": 6})
        await updating
        assert not live.rows
        await peer.send("heartbeat", time=1, position={"epoch": "e", "seq": 6})
        await settle(client, peer)
        assert list(live.rows) == [1], "as the gateway has it: a trigger may have set it back"


async def test_a_row_comes_back_that_an_own_write_moved_out(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, optimistic=True) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, task(1), filters=OPEN)
        tasks = client.resource("tasks")
        begun(tasks.update(1, {"done": True})).add_done_callback(lambda _: None)
        first = await peer.expect("update")
        begun(tasks.update(1, {"done": False})).add_done_callback(lambda _: None)
        second = await peer.expect("update")
        assert list(live.rows) == [1]
        await peer.update("s1", "delete", {"id": 1}, 6, origin=first["key"], cause="update")
        await settle(client, peer)
        assert list(live.rows) == [1], "no flicker between the two"
        await peer.update("s1", "create", task(1), 7, origin=second["key"], cause="update")
        for request, seq in ((first, 6), (second, 7)):
            await peer.reply(request, "rows", rows=[task(1)], position={"epoch": "e", "seq": seq})
        await settle(client, peer)
        assert live.rows == {1: task(1)}


async def test_a_write_may_opt_out_and_a_contradiction_is_not_shown(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, optimistic=True) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, task(1))
        tasks = client.resource("tasks")
        works = [
            begun(tasks.update(1, {"title": "new"}, optimistic=False)),
            begun(tasks.update(1, {"title": "new"}, expect={"priority": 1})),
            begun(tasks.create(task(1, title="again"))),
            begun(tasks.update(7, {"title": "not there"})),
        ]
        for _ in works:
            await peer.receive()
        assert live.rows == {1: task(1)}
        for work in works:
            work.cancel()


async def test_without_the_contract_a_struct_has_unset_where_only_the_database_knows(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, optimistic=True) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, model=Task)
        creating = begun(client.resource(Task).create(TaskCreate(user_id=1, title="t")))
        await peer.expect("create")
        [row] = live.rows.values()
        assert (row.title, row.done, row.notes) == ("t", UNSET, UNSET)
        creating.cancel()
        await settle(client, peer)
        assert not live.rows, "what the program gave up is not shown any more"


async def test_a_client_without_the_option_shows_nothing_early(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, task(1))
        deleting = begun(client.resource("tasks").delete(1))
        await peer.expect("delete")
        assert list(live.rows) == [1]
        deleting.cancel()


async def test_a_row_that_comes_back_has_what_own_writes_did_meanwhile(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url, optimistic=True) as client:
        peer = await scripted.accept()
        live = await watched(client, peer, task(1), filters=OPEN)
        tasks, works, sent = client.resource("tasks"), [], []
        for data in ({"done": True}, {"title": "new"}, {"done": False}):
            works.append(begun(tasks.update(1, data)))
            sent.append(await peer.expect("update"))
        await peer.update("s1", "delete", {"id": 1}, 6, origin=sent[0]["key"], cause="update")
        for request, seq in zip(sent[:2], (6, 7), strict=True):
            await peer.reply(request, "rows", rows=[task(1)], position={"epoch": "e", "seq": seq})
        await peer.send("heartbeat", time=1, position={"epoch": "e", "seq": 7})
        await settle(client, peer)
        assert live.rows == {1: task(1, title="new")}
        works[2].cancel()
        await settle(client, peer)
        assert not live.rows
