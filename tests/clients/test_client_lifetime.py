"""A client from its making to its end, also where the program makes or ends it in an unusual way."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from tests.clients.scripted import PATIENCE, ScriptedGateway, begun
from tests.clients.test_sync import gateway
from tidegate_client import (
    Client,
    ClientClosed,
    PresenceChange,
    RequestRefused,
    TidegateError,
    Unreachable,
    connect,
)


async def test_a_client_that_was_awaited_can_be_entered(scripted: ScriptedGateway) -> None:
    async with await connect(scripted.url) as client:
        statuses = client.statuses()
    assert [status async for status in statuses] == ["closed"]


async def test_what_connect_returns_connects_once(scripted: ScriptedGateway) -> None:
    connecting = connect(scripted.url)
    first = await connecting
    async with connecting as second:
        assert second is first
        runners = [task for task in asyncio.all_tasks() if task.get_name().startswith("tidegate ")]
        assert len(runners) == 1
    assert first.status == "closed"


async def test_a_token_function_that_never_answers() -> None:
    """It has as long as the opening of the connection."""

    async def token() -> str:
        await asyncio.Event().wait()
        return "never"

    with pytest.raises(Unreachable, match=r"the token function gave no token within 0\.05 s"):
        await connect("ws://127.0.0.1:1/ws", token=token, open_timeout=0.05)


async def test_a_token_function_that_times_out_by_itself() -> None:
    async def token() -> str:
        raise TimeoutError("the login service")

    with pytest.raises(Unreachable, match="the token function failed: TimeoutError"):
        await connect("ws://127.0.0.1:1/ws", token=token)


def test_a_client_whose_event_loop_has_ended() -> None:
    """As in a notebook or a script that calls `asyncio.run` twice: no call waits for an answer that can't come."""

    async def first(url: str) -> tuple[Client, Any]:
        client = await connect(url)
        return client, client.statuses()

    async def second(client: Client) -> None:
        with pytest.raises(ClientClosed, match="event loop has ended"):
            await client.ping()

    with gateway(nothing) as url:
        client, statuses = asyncio.run(first(url))
        assert client.status == "closed"
        assert statuses.closed
        asyncio.run(second(client))
        with pytest.raises(ClientClosed):
            client.send({"type": "ping"})


async def test_a_client_in_another_thread(scripted: ScriptedGateway) -> None:
    """Neither a call from a thread nor one from another event loop is lost in silence."""
    codes: list[str] = []

    def elsewhere() -> None:
        for call in (lambda: asyncio.run(client.ping()), lambda: client.send({"type": "ping"})):
            try:
                call()
            except TidegateError as error:
                codes.append(error.code)

    async with connect(scripted.url) as client:
        await asyncio.get_running_loop().run_in_executor(None, elsewhere)
        assert codes == ["wrong_loop", "wrong_loop"]
        assert client.status == "open"


async def test_iterators_that_a_program_let_go_keep_nothing(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asked = begun(client.join("chat-1"))
        await peer.join("chat-1")
        room = await asked
        asked_live = begun(client.subscribe("users"))
        await peer.subscribe("s1", "snapshot", 1)
        live = await asked_live
        for _ in range(50):
            client.statuses(), client.pushes("score"), room.events(), live.statuses()
        gc.collect()
        held: list[Any] = [
            client._link.announcements._statuses,
            client._link.announcements._pushes["score"],
            room._events,
        ]
        assert [len(streams) for streams in [*held, live._statuses]] == [0, 0, 0, 0]


async def test_an_iterator_that_only_a_task_has_goes_on(scripted: ScriptedGateway) -> None:
    """Also where the program keeps no reference to the task."""
    heard = asyncio.Event()

    async def listen() -> None:
        async for push in client.pushes("score"):
            assert push["points"] == 3
            heard.set()

    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        asyncio.get_running_loop().create_task(listen())
        await asyncio.sleep(0)
        gc.collect()
        await peer.send("score", points=3)
        async with asyncio.timeout(PATIENCE):
            await heard.wait()


async def test_no_iterator_waits_for_what_has_ended(scripted: ScriptedGateway) -> None:
    """Also one that the program asks for after the end."""
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("a"))
        await peer.join("a")
        room = await joining
        subscribing = begun(client.subscribe("users"))
        await peer.subscribe("s1", "snapshot", 1)
        live = await subscribing
        closed = begun(client.subscribe("users"))
        (await closed).close()
        async with asyncio.timeout(PATIENCE):
            assert [status async for status in closed.result().statuses()] == []
    async with asyncio.timeout(PATIENCE):
        assert [status async for status in client.statuses()] == []
        assert [push async for push in client.pushes("score")] == []
        assert [status async for status in live.statuses()] == []
        assert [event async for event in room.events()] == [PresenceChange(reset=True)]
        assert [message async for message in room] == []


async def test_the_events_of_a_room_that_the_gateway_ended(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()
        joining = begun(client.join("a"))
        await peer.join("a")
        room = await joining
        await peer.send("left", room="a", reason="removed")
        with pytest.raises(RequestRefused):
            await anext(room)
        events = room.events()
        assert await anext(events) == PresenceChange(reset=True)
        with pytest.raises(RequestRefused):
            await anext(events)


async def test_an_error_of_the_program_is_not_hidden_by_that_of_leaving(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        peer = await scripted.accept()

        async def work() -> None:
            async with await client.join("a"):
                raise KeyError("mine")

        working = begun(work())
        await peer.join("a")
        await peer.reply(await peer.expect("leave"), "error", code="internal", message="no", temporary=False)
        with pytest.raises(KeyError, match="mine"):
            await working


async def nothing(peer: Any) -> None:
    """A gateway that answers nothing."""


def test_no_thread_is_left() -> None:
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("tidegate_client")] == []
