"""Each public coroutine is cancelled at each of its waits. Afterwards the client works and agrees with the gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.clients.scripted import PATIENCE, Peer, ScriptedGateway
from tidegate_client import Client, connect

TURNS = 400
"""More turns of the event loop than any of these calls takes."""

Call = Callable[[Client, int], Awaitable[Any]]


class Answering:
    """A gateway that answers everything, and keeps what each client should know."""

    def __init__(self, peer: Peer) -> None:
        self.rooms: set[str] = set()
        self.subscriptions: set[str] = set()
        self.user = "7"
        self._peer = peer
        self._task = asyncio.ensure_future(self._answer())

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def _answer(self) -> None:
        while True:
            request = await self._peer.receive()
            kind, fields = getattr(self, "_" + request["type"], self._rows)(request)
            if "ref" in request:
                await self._peer.reply(request, kind, **fields)
            if kind == "subscribed":
                await self._peer.snapshot(fields["subscription"])

    def _join(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.rooms.add(request["room"])
        position = {"epoch": "r", "offset": 0}
        return "joined", {"room": request["room"], "position": position, "recovered": False, "replayed": 0}

    def _leave(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.rooms.discard(request["room"])
        return "left", {"room": request["room"]}

    def _message(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "sent", {"room": request["room"], "position": {"epoch": "r", "offset": 1}}

    def _presence(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "presence", {"room": request["room"], "users": []}

    def _history(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "messages", {"room": request["room"], "messages": [], "more": False}

    def _authenticate(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.user = request["token"]
        return "authenticated", {"user": {"id": self.user, "name": "Eve", "roles": [], "anonymous": False}}

    def _subscribe(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        name = str(request["filters"])
        self.subscriptions.add(name)
        position = {"epoch": "e", "seq": 0}
        return "subscribed", {"subscription": name, "resource": "users", "position": position, "mode": "snapshot"}

    def _unsubscribe(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        self.subscriptions.discard(request["subscription"])
        return "unsubscribed", {"subscription": request["subscription"]}

    def _ping(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "pong", {"time": 1}

    def _rows(self, request: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        return "rows", {"rows": [{"id": 1}], "position": {"epoch": "e", "seq": 1}}


async def visit(client: Client, number: int) -> None:
    async with await client.join(f"visit-{number}") as room:
        await room.send({"text": "hi"})
        await room.update(status="away")
        await room.history()


async def follow(client: Client, number: int) -> None:
    async with await client.subscribe("users", {"number": number}) as live:
        await live.loaded()


async def shared(client: Client, number: int) -> None:
    """Two members of one room join at once, and one of them is cancelled."""
    staying = asyncio.ensure_future(client.join(f"shared-{number}"))
    try:
        leaving = await client.join(f"shared-{number}", status="away")
        await leaving.leave()
    finally:
        await asyncio.wait([staying])
        await (await staying).send("still here")
        await (await staying).leave()


CALLS: dict[str, Call] = {
    "ping": lambda client, number: client.ping(),
    "request": lambda client, number: client.request({"type": "launch"}),
    "join": lambda client, number: client.join(f"join-{number}"),
    "visit": visit,
    "shared": shared,
    "follow": follow,
    "subscribe": lambda client, number: client.subscribe("users", {"only": number}),
    "create": lambda client, number: client.resource("users").create({"name": "Ann"}),
    "authenticate": lambda client, number: client.authenticate(f"user-{number}"),
}


async def cancelled_after(turns: int, work: Awaitable[Any]) -> bool:
    """Cancel `work` after so many turns of the event loop. False if it had ended by then."""
    task = asyncio.ensure_future(work)
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return task.cancelled()


@pytest.mark.parametrize("name", list(CALLS))
async def test_a_call_is_cancelled_at_each_point(name: str, scripted: ScriptedGateway) -> None:
    call = CALLS[name]
    async with connect(scripted.url) as client:
        gateway = Answering(await scripted.accept())
        for turns in range(TURNS):
            async with asyncio.timeout(PATIENCE):
                if not await cancelled_after(turns, call(client, turns)):
                    break
                await client.ping()  # after the first the client knows an answer that was under way,
                await client.ping()  # after the second the gateway has heard what follows from it
                assert len(client._link.requests._outstanding) == 0
                assert {session.name for session in client._rooms._sessions.values()} == gateway.rooms
                assert set(client._queries._by_id) == gateway.subscriptions
                assert client.user.id == gateway.user
        else:
            pytest.fail("the call never ended")
        assert turns > 2
        await gateway.stop()


async def open_and_close(url: str) -> None:
    async with connect(url) as client:
        client.send({"type": "wave"})


async def test_connecting_and_closing_are_cancelled_at_each_point(scripted: ScriptedGateway) -> None:
    before = asyncio.all_tasks()
    for turns in range(TURNS):
        if not await cancelled_after(turns, open_and_close(scripted.url)):
            break
        async with asyncio.timeout(PATIENCE):
            while left := [one for one in asyncio.all_tasks() - before if "tidegate_client" in repr(one.get_stack())]:
                await asyncio.wait(left)
    else:
        pytest.fail("it never ended")
    assert turns > 5
    while not scripted.idle:
        await (await scripted.accept()).is_closed()


async def test_close_goes_on_when_its_caller_is_cancelled(scripted: ScriptedGateway) -> None:
    client = await connect(scripted.url)
    peer = await scripted.accept()
    assert await cancelled_after(1, client.close())
    await client.close()
    assert client.status == "closed"
    assert await peer.is_closed() == 1000


async def test_what_is_sent_just_before_the_end_is_sent(scripted: ScriptedGateway) -> None:
    async with connect(scripted.url) as client:
        for number in range(10):
            client.send({"type": "wave", "number": number})
    peer = await scripted.accept()
    assert [(await peer.expect("wave"))["number"] for _ in range(10)] == list(range(10))
    assert await peer.is_closed() == 1000
