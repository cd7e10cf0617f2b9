"""Right and wrong usages of the client's types. A comment `# wrong: CODE` says which error mypy finds in that line.

No program runs this file; `test_typing.py` lets mypy read it.
"""

# ruff: noqa: B018
from __future__ import annotations

from typing import assert_type

from app_contract import RESOURCES, ChatMessage, Task, TaskCreate, TaskFilters, User
from tidegate_client import Change, Client, LiveQuery, Message, Resource, Room, connect, sync


async def resources(client: Client) -> None:
    tasks = client.resource(Task)
    assert_type(tasks, Resource[Task])
    assert_type(client.resource("tasks", Task), Resource[Task])
    assert_type(await tasks.get(1), Task | None)
    assert_type((await tasks.create(TaskCreate(user_id=1, title="x"))).title, str)
    assert_type((await client.resource("tasks").create({}))["title"], object)  # wrong: assert-type
    (await tasks.create({})).titel  # wrong: attr-defined
    client.resource(Task, User)  # wrong: call-overload
    client.resource(5)  # wrong: call-overload
    await tasks.update(1, {"title": "y"}, optimistic=False)
    await tasks.update(1, {"title": "y"}, optimistic="no")  # wrong: arg-type


async def live_queries(client: Client) -> None:
    live = await client.subscribe(Task, TaskFilters(done=False), sort=["-priority"], limit=20)
    assert_type(live, LiveQuery[Task])
    assert_type([row.title for row in live.rows.values()], list[str])
    assert_type((await client.resource(Task).subscribe(sort=["id"])).rows[1], Task)
    async for change in live:
        assert_type(change, Change[Task])
        change.row.title  # wrong: union-attr
    await client.subscribe("tasks", since=live.since or {"epoch": "e", "seq": 1})
    await client.subscribe(Task, fields=["id"])  # wrong: call-overload
    await client.subscribe("tasks", sort="id", model=Task, limit="20")  # wrong: call-overload
    if live.status == "stale":  # wrong: comparison-overlap
        return


async def rooms(client: Client) -> None:
    room = await client.join("chat-1", model=ChatMessage)
    assert_type(room, Room[ChatMessage])
    async for message in room:
        assert_type(message, Message[ChatMessage])
        message.data.txt  # wrong: attr-defined


async def connecting() -> None:
    async with connect("ws://127.0.0.1:8787/ws", optimistic=True, resources=RESOURCES) as client:
        assert_type(client, Client)
    connect("ws://127.0.0.1:8787/ws", resources={"tasks": Task})  # wrong: dict-item


def blocking(client: sync.Client) -> None:
    tasks = client.resource(Task)
    assert_type(tasks, sync.Resource[Task])
    assert_type(tasks.list(limit=5)[0], Task)
    with client.subscribe(Task, sort=["id"]) as live, sync.timeout(5):
        assert_type(live.loaded(), sync.LiveQuery[Task])
        for change in live:
            assert_type(change, Change[Task])
    with client.join("chat-1", model=ChatMessage) as room:
        assert_type(next(room).data.text, str)
        room.send()  # wrong: call-arg
    client.sbscribe(Task)  # wrong: attr-defined
    sync.connect("ws://127.0.0.1:8787/ws", token=5)  # wrong: arg-type
