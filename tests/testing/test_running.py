"""The gateway that applications test themselves with."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import websockets

from tests.hooks.receiver import SECRET, receiving
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tidegate.config import ConfigError
from tidegate.handlers import SYSTEM, Call, Gateway, HandlersError, Principal, Stop
from tidegate.hooks.hook import Hook
from tidegate.testing import TestingGateway, running
from tidegate_client import RequestRefused

SCHEMA = ROOT / "schema"
USERS = {"users": [{"name": "Ada", "email": "ada@example.com"}, {"name": "Bo", "email": "bo@example.com"}]}


@pytest.fixture(scope="module")
def gateway() -> Iterator[TestingGateway]:
    with running(SCHEMA, seed=USERS) as gateway:
        yield gateway


async def test_clients_are_signed_in_with_what_the_test_says(gateway: TestingGateway) -> None:
    async with gateway.client("7", name="Ann", roles=["admin"]) as ann, gateway.client() as guest:
        assert (ann.user.id, ann.user.name, list(ann.user.roles)) == ("7", "Ann", ["admin"])
        assert guest.user.anonymous
        async with await guest.subscribe("users") as live:
            await live.loaded()
            assert [row["name"] for row in live.rows.values()][:2] == ["Ada", "Bo"]


def test_a_test_needs_no_event_loop(gateway: TestingGateway) -> None:
    with gateway.blocking_client("7") as client:
        assert {row["name"] for row in client.resource("users").list()} >= {"Ada", "Bo"}


async def test_time_passes_when_the_test_says_so(gateway: TestingGateway) -> None:
    """The client answers the pings of an hour, and stays."""
    before, begun = gateway.now, time.monotonic()
    async with gateway.client() as client:
        connection = client.welcome["connection"]
        await gateway.pass_time(3600)
        assert gateway.now - before >= 3600
        await client.ping()
        assert client.welcome["connection"] == connection
    assert time.monotonic() - begun < DEADLINE_S


async def test_a_client_that_is_signed_in_stays_for_days(gateway: TestingGateway) -> None:
    async with gateway.client("7") as client:
        connection = client.welcome["connection"]
        await gateway.pass_time(7300)
        await client.ping()
        assert client.welcome["connection"] == connection
        assert client.user.id == "7"


async def test_a_token_is_good_for_as_long_as_the_test_says(gateway: TestingGateway) -> None:
    token = gateway.token("9", ttl=60)
    async with gateway.client() as client:
        await client.authenticate(token)
        assert client.user.id == "9"
        await gateway.pass_time(61)
        async with gateway.client() as late:
            with pytest.raises(RequestRefused, match="expired"):
                await late.authenticate(token)


async def test_a_user_whose_connection_broke_leaves_the_room_after_the_grace(gateway: TestingGateway) -> None:
    async with gateway.client("1") as one:
        room = await one.join("chat-grace")
        two = await websockets.connect(
            gateway.url, additional_headers={"Authorization": f"Bearer {gateway.token('2')}"}
        )
        await two.send('{"type": "join", "room": "chat-grace", "ref": 1}')
        while '"joined"' not in str(await two.recv()):
            pass
        two.transport.abort()
        await gateway.pass_time(9)
        assert sorted(room.members) == ["1", "2"]
        await gateway.pass_time(11)
        assert list(room.members) == ["1"]


def busy(loop: asyncio.AbstractEventLoop, turns: int) -> None:
    """Let the next turns of a client's loop take long, so that it reads in one turn and handles in a later one."""
    time.sleep(0.05)
    if turns:
        loop.call_soon_threadsafe(busy, loop, turns - 1)


def test_time_passes_beside_a_connection_that_has_asked_for_nothing(gateway: TestingGateway) -> None:
    address = urlsplit(gateway.url)
    with socket.create_connection((address.hostname, address.port)) as silent, gateway.blocking_client() as client:
        client.ping()  # the gateway has accepted both
        gateway.pass_time_blocking(1)
        silent.sendall(b"GET /healthz HTTP/1.1\r\nHost: test\r\n\r\n")
        assert silent.recv(64).startswith(b"HTTP/1.1 200")


def test_when_time_has_passed_clients_have_handled_what_was_sent_to_them() -> None:
    """Also one that is busy with something else meanwhile. `room.members` itself would wait for the client's loop."""
    with running(SCHEMA) as gateway, gateway.blocking_client("1") as one:
        room = one.join("chat-busy")
        with gateway.blocking_client("2") as two:
            two.join("chat-busy")
            gateway.pass_time_blocking(1)
            assert sorted(room._inner.members) == ["1", "2"]
            one._thread._loop.call_soon_threadsafe(busy, one._thread._loop, 6)
        gateway.pass_time_blocking(1)
        assert list(room._inner.members) == ["1"]


async def test_timers_of_handlers_and_background_tasks_live_by_the_time_of_the_test() -> None:
    added = Gateway()

    @added.background
    async def remind() -> None:
        while True:
            await asyncio.sleep(600)
            await added.room("chat-timers").send({"text": "ten minutes more"})

    with running(SCHEMA, added) as gateway:
        async with gateway.client("1") as one:
            room = await one.join("chat-timers")
            await gateway.pass_time(590)
            assert not (await room.history()).messages
            for count in (1, 2, 3):
                await gateway.pass_time(601)
                assert len((await room.history()).messages) == count


async def test_plain_background_tasks_live_by_the_time_of_the_test() -> None:
    """Each wait ends when its time has come, and the task has done what is due when `pass_time` returns."""
    added, begun, ticks = Gateway(), threading.Event(), 0

    @added.background
    def remind(stop: Stop) -> None:
        nonlocal ticks
        begun.set()
        while not stop.wait(60):
            ticks += 1

    with running(SCHEMA, added) as gateway:
        assert begun.wait(DEADLINE_S)
        await gateway.pass_time(50)
        assert ticks == 0
        for expected in (1, 2, 3):
            await gateway.pass_time(62)
            assert ticks == expected
        before = time.monotonic()
    assert time.monotonic() - before < DEADLINE_S, "it ends with the gateway"


async def test_a_webhook_is_sent_again_by_the_time_of_the_test() -> None:
    with receiving() as receiver:
        receiver.answer = lambda event: 200 if len(receiver.asked) == 4 else 500
        hook = Hook(name="audit", url=receiver.url, events=("row.created",), secret=SECRET)
        with running(SCHEMA, hooks=(hook,)) as gateway:
            async with gateway.client("7", roles=["admin"]) as ann:
                await ann.resource("users").create(USERS["users"][0])
            begun = time.monotonic()
            while not receiver.taken and time.monotonic() - begun < DEADLINE_S:
                await gateway.pass_time(60)  # a receiver is a thread, so that the first try takes real time
    assert receiver.types() == ["row.created"], "after 5, 30 and 120 s"


async def test_time_passes_while_a_handler_blocks_its_loop() -> None:
    added, begun, go_on = Gateway(), threading.Event(), threading.Event()

    @added.background
    async def blocked() -> None:
        begun.set()
        go_on.wait(DEADLINE_S)

    with running(SCHEMA, added) as gateway:
        try:
            assert begun.wait(DEADLINE_S)
            await gateway.pass_time(5)
        finally:
            go_on.set()


async def test_handlers_and_rules_are_objects_of_the_test() -> None:
    added = Gateway()

    @added.rule("users", "read")
    def only_ada(user: Principal, claims: Any) -> Any:
        return {"name": claims.get("may_see", "no user")}

    with running(SCHEMA, added, USERS) as gateway:
        async with gateway.client("7", claims={"may_see": "Ada"}) as client:
            assert [row["name"] for row in await client.resource("users").list()] == ["Ada"]


def test_a_mistake_of_the_application_is_raised_in_the_test(tmp_path: Path) -> None:
    added = Gateway()

    @added.on("no_such_message")
    async def handler(request: dict[str, Any], call: Call) -> None: ...

    with pytest.raises(ConfigError, match="no_such_message"), running(SCHEMA, added):
        pass
    with pytest.raises(ConfigError, match="did you mean 'handler_timeout'"), running(SCHEMA, handlr_timeout=1):
        pass
    with pytest.raises(ConfigError, match="does not exist"), running(tmp_path / "nothing"):
        pass
    with pytest.raises(ConfigError, match="cannot be read"), running(SCHEMA, seed=tmp_path / "rows.json"):
        pass


def test_one_gateway_of_handlers_runs_with_one_gateway_at_a_time() -> None:
    handlers = Gateway()
    with running(SCHEMA, handlers=handlers):
        with pytest.raises(HandlersError, match="make one for each"), running(SCHEMA, handlers=handlers):
            pass
        handlers.rows("users", as_user=SYSTEM).create(USERS["users"][0])
    with running(SCHEMA, handlers=handlers):
        assert handlers.rows("users", as_user=SYSTEM).count().value == 0


def test_settings_of_production_are_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDEGATE_HANDLER_TIMEOUT", "no number")
    (tmp_path / "tidegate.toml").write_text('engine = "redis://127.0.0.1:1"\nengine_prefix = "shop"\nno_setting = 1\n')
    with running(SCHEMA) as gateway, gateway.blocking_client() as client:
        client.ping()


@pytest.mark.process
def test_nothing_of_it_is_imported_while_a_gateway_serves() -> None:
    code = "import sys, tidegate.app, tidegate.cli.serve; print([n for n in sys.modules if 'tidegate.testing' in n])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
