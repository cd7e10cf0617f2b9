"""The cases that both clients share (cases.json), played by the Python client. The TypeScript client plays them too."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.clients.scripted import PATIENCE, WELCOME, FakeClock, Peer, ScriptedGateway
from tests.support.gateway import ROOT
from tidegate_client import Client, LiveQuery, Room, TidegateError, connect

FILE = Path(__file__).with_name("cases.json")
CASES: list[dict[str, Any]] = json.loads(FILE.read_text().replace('"LONG"', json.dumps("x" * 70_000)))


def snake(names: dict[str, Any]) -> dict[str, Any]:
    return {re.sub(r"(?<=[a-z])([A-Z])", r"_\1", name).lower(): value for name, value in names.items()}


def check_error(error: BaseException, expected: dict[str, Any]) -> None:
    assert isinstance(error, TidegateError), error
    about = snake(expected)
    assert type(error).__name__ == about.pop("class"), error
    if "violations" in about:
        assert len(error.errors) == about.pop("violations")
    assert {name: getattr(error, name) for name in about} == about


class Player:
    """Carries out the steps of one case. `client` is open, `peer` is the gateway's end."""

    def __init__(self, gateway: ScriptedGateway, clock: FakeClock, client: Client, peer: Peer) -> None:
        self.gateway, self.clock, self.client, self.peer = gateway, clock, client, peer
        self.statuses = client.statuses()
        self.barriers = client.pushes("barrier")
        self.tasks: dict[str, asyncio.Task[Any]] = {}
        self.lives: dict[str, LiveQuery[Any]] = {}
        self.last: dict[str, Any] = {}

    async def play(self, step: list[Any]) -> None:
        name, *arguments = step
        await getattr(self, "step_" + name.replace(" ", "_"))(*arguments)

    async def room(self, name: str) -> Room[Any]:
        room: Room[Any] = await self.tasks[name]
        return room

    # What the program does

    async def step_start(self, name: str, operation: str, *arguments: Any) -> None:
        work: Callable[..., Awaitable[Any]] = getattr(self, "do_" + operation.replace(" ", "_"))

        async def run() -> Any:
            return await (work(name, *arguments) if operation == "live" else work(*arguments))

        self.tasks[name] = asyncio.ensure_future(run())
        await asyncio.sleep(0)

    async def do_ping(self) -> Any:
        return await self.client.ping()

    async def do_request(self, message: dict[str, Any], options: dict[str, Any]) -> Any:
        return await self.client.request(message, **options)

    async def do_send(self, message: dict[str, Any]) -> None:
        self.client.send(message)

    async def do_authenticate(self, token: str) -> Any:
        return await self.client.authenticate(token)

    async def do_join(self, room: str, options: dict[str, Any]) -> Any:
        return await self.client.join(room, **options)

    async def do_room_send(self, room: str, data: Any, options: dict[str, Any]) -> Any:
        return await (await self.room(room)).send(data, **options)

    async def do_leave(self, room: str) -> None:
        await (await self.room(room)).leave()

    async def do_history(self, room: str, options: dict[str, Any]) -> Any:
        return await (await self.room(room)).history(**options)

    async def do_update(self, room: str, options: dict[str, Any]) -> Any:
        return await (await self.room(room)).update(**options)

    async def do_list(self, resource: str, options: dict[str, Any]) -> Any:
        return await self.client.resource(resource).list(**options)

    async def do_create(self, resource: str, data: dict[str, Any]) -> Any:
        return await self.client.resource(resource).create(data)

    async def do_live(self, name: str, resource: str, filters: dict[str, Any]) -> None:
        self.lives[name] = await self.client.subscribe(resource, filters)
        await self.lives[name].loaded()

    async def do_loaded(self, name: str) -> None:
        await self.lives[name].loaded()

    async def step_close_client(self) -> None:
        await self.client.close()

    async def step_close_live(self, name: str) -> None:
        self.lives[name].close()

    # What the gateway does

    async def step_expect(self, subset: dict[str, Any]) -> None:
        self.last = await self.peer.receive()
        assert self.last == {**self.last, **subset}

    async def step_expect_again(self) -> None:
        assert await self.peer.receive() == self.last

    async def step_has(self, name: str) -> None:
        assert self.last[name]

    async def step_reply(self, message: dict[str, Any]) -> None:
        await self.peer.socket.send(json.dumps({**message, "ref": self.last["ref"]}))

    async def step_push(self, message: dict[str, Any]) -> None:
        await self.peer.socket.send(json.dumps(message))

    async def step_close(self, code: int) -> None:
        await self.peer.close(code)

    async def step_break(self) -> None:
        self.peer.socket.transport.abort()

    async def step_welcome(self, fields: dict[str, Any]) -> None:
        self.gateway.welcome = {**WELCOME, **fields}

    # What passes, and what comes of it

    async def step_settle(self) -> None:
        """Wait until the client has read everything that was sent."""
        await self.peer.send("barrier")
        await anext(self.barriers)

    async def step_elapse(self, seconds: float) -> None:
        """The timeout of requests is real time: the result comes after it."""

    async def step_wait(self, seconds: float) -> None:
        await self.clock.pass_sleep(seconds)
        self.peer = await self.gateway.accept()

    async def step_status(self, status: str) -> None:
        assert await anext(self.statuses) == status
        assert self.client.status == status

    async def step_user(self, name: str) -> None:
        assert self.client.user.id == name

    async def step_rows(self, name: str, rows: list[dict[str, Any]]) -> None:
        await self.tasks[name]
        assert list(self.lives[name].rows.values()) == rows
        assert self.lives[name].ready

    async def step_result(self, name: str, value: Any) -> None:
        assert await self.tasks[name] == value

    async def step_error(self, name: str, expected: dict[str, Any]) -> None:
        with pytest.raises(TidegateError) as caught:
            await self.tasks[name]
        check_error(caught.value, expected)


@pytest.mark.parametrize("case", [case for case in CASES if "refused" not in case], ids=lambda case: case["name"])
async def test_case(case: dict[str, Any], scripted: ScriptedGateway, clock: FakeClock) -> None:
    scripted.welcome = {**WELCOME, **case.get("welcome", {})}
    options = snake(case.get("options", {}))
    client = await connect(scripted.url, clock=clock, random=lambda: 0.5, **options)
    player = Player(scripted, clock, client, await scripted.accept())
    try:
        for number, step in enumerate(case["steps"]):
            try:
                async with asyncio.timeout(PATIENCE):
                    await player.play(step)
            except BaseException as error:
                error.add_note(f"step {number + 1}: {step}")
                raise
    finally:
        await client.close()
        await asyncio.gather(*player.tasks.values(), return_exceptions=True)


@pytest.mark.parametrize("case", [case for case in CASES if "refused" in case], ids=lambda case: case["name"])
def test_options_that_are_refused(case: dict[str, Any]) -> None:
    with pytest.raises(TidegateError) as caught:
        connect("ws://127.0.0.1:1/ws", **snake(case["options"]))
    check_error(caught.value, case["refused"])


def test_the_guards_of_the_document_are_the_cases() -> None:
    table = (ROOT / "docs" / "reference" / "clients.md").read_text().split("\n## Guards\n")[1]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.M)[1:]
    assert rows == [(case["name"], case["outcome"]) for case in CASES]


def test_every_case_has_a_name_that_no_other_has() -> None:
    names = [case["name"] for case in CASES]
    assert len(names) == len(set(names)) >= 30
