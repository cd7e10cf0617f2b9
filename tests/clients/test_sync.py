"""The client without `await`: a scripted gateway in another thread, or a real one."""

from __future__ import annotations

import asyncio
import copy
import inspect
import itertools
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.clients import sync_stub
from tests.clients.scripted import Peer, ScriptedGateway
from tests.support.deadlines import DEADLINE_S
from tests.support.waiting import until
from tidegate_client import ClientClosed, RequestRefused, TidegateError, Unreachable, blocking, sync
from tidegate_client import connect as async_connect
from tidegate_client.sync import connect, timeout

Script = Callable[[Peer], Awaitable[None]]


@contextmanager
def gateway(script: Script) -> Iterator[str]:
    """A scripted gateway in a thread, which plays `script` with the first connection."""
    ready, urls, stop = threading.Event(), list[str](), list[Callable[[], Any]]()

    async def serve() -> None:
        scripted, ended, loop = ScriptedGateway(), asyncio.Event(), asyncio.get_running_loop()
        await scripted.start()
        urls.append(scripted.url)
        stop.append(lambda: loop.call_soon_threadsafe(ended.set))
        ready.set()

        async def play() -> None:
            await script(await scripted.accept())

        playing = asyncio.ensure_future(play())
        await ended.wait()
        playing.cancel()
        await asyncio.gather(playing, return_exceptions=True)
        await scripted.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    try:
        yield urls[0]
    finally:
        stop[0]()
        thread.join()


async def rows(peer: Peer) -> None:
    """A live query of two users, an update, and a refused write."""
    await peer.subscribe("s1", "snapshot", 5)
    await peer.snapshot("s1", {"id": 2}, {"id": 1})
    await peer.update("s1", "create", {"id": 3}, 6)
    await peer.reply(await peer.expect("create"), "error", code="forbidden", message="no", temporary=False)


async def room(peer: Peer) -> None:
    users = [{"id": "7", "name": "Ann", "status": "online", "connections": 1, "since": 1}]
    await peer.join("chat-1", users=users)
    sent = await peer.expect("message")
    position = {"epoch": "r", "offset": 1}
    await peer.reply(sent, "sent", room="chat-1", position=position)
    about = {"room": "chat-1", "from": "7", "sender": {"id": "7", "name": "Ann"}, "time": 1, "position": position}
    await peer.send("message", data=sent["data"], **about)
    await peer.reply(await peer.expect("leave"), "left", room="chat-1")


def test_rows_without_await() -> None:
    with gateway(rows) as url, connect(url) as client:
        assert (client.status, client.user.name) == ("open", "Ann")
        with client.subscribe("users", sort=["id"]) as live:
            live.loaded()
            changes = [next(live), next(live)]
            assert [change.action for change in changes] == ["reset", "create"]
            assert list(live.rows) == [1, 2, 3]
            assert live.rows is live.rows
            assert live.status == "live"
            with timeout(0.02), pytest.raises(TimeoutError):
                next(live)
            with pytest.raises(RequestRefused):
                client.resource("users").create({"name": "x"})
        assert list(live) == []
    assert list(live.rows) == [1, 2, 3], "what was there stays readable"
    with pytest.raises(ClientClosed):
        client.ping()
    client.close()


def test_a_room_without_await() -> None:
    with gateway(room) as url, connect(url) as client:
        with client.join("chat-1", presence="full") as chat:
            assert list(chat.members) == ["7"]
            assert chat.send({"text": "Hello"}) == {"epoch": "r", "offset": 1}
            for message in chat:
                assert (message.sender.name, message.data) == ("Ann", {"text": "Hello"})
                break
        assert list(chat) == []


async def test_it_works_where_an_event_loop_runs() -> None:
    """As in a notebook, whose cells run in a loop."""

    async def nothing(peer: Peer) -> None:
        return

    with gateway(nothing) as url, connect(url) as client:
        assert client.status == "open"


def test_what_fails_leaves_no_thread() -> None:
    before = threading.active_count()
    with pytest.raises(Unreachable):
        connect("ws://127.0.0.1:1/ws")
    assert threading.active_count() == before


def test_ctrl_c_ends_what_waits() -> None:
    async def then_interrupt(peer: Peer) -> None:
        await peer.subscribe("s1", "live", 5)
        os.kill(os.getpid(), signal.SIGINT)

    with gateway(then_interrupt) as url, connect(url) as client:
        with pytest.raises(KeyboardInterrupt):
            next(client.subscribe("users", snapshot=False))
        assert client.status == "open"


def test_ctrl_c_that_wakes_no_thread_ends_what_waits() -> None:
    """It comes as Python begins to wait. As a signal that another thread takes, it does not interrupt that."""
    main = threading.get_ident()

    async def interrupt(peer: Peer) -> None:
        await peer.expect("ping")
        waits = threading.Condition.wait.__code__
        await until(lambda: sys._current_frames()[main].f_code is waits)
        os.kill(os.getpid(), signal.SIGINT)

    with gateway(interrupt) as url, connect(url) as client:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            with pytest.raises(KeyboardInterrupt):
                client.ping()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        assert client.status == "open"


def test_a_timeout_covers_the_whole_block_and_loses_nothing() -> None:
    async def later(peer: Peer) -> None:
        await peer.subscribe("s1", "live", 5)
        await peer.update("s1", "create", {"id": 1}, 6)
        await peer.reply(await peer.expect("ping"), "pong", time=1)
        await peer.update("s1", "create", {"id": 2}, 7)

    with gateway(later) as url, connect(url) as client:
        live = client.subscribe("users", snapshot=False)
        assert next(live).key == 1
        with pytest.raises(TimeoutError), timeout(60), timeout(0.02):
            next(live)
        client.ping()
        with timeout(60):
            assert next(live).key == 2


def test_a_word_that_the_client_does_not_have() -> None:
    async def nothing(peer: Peer) -> None:
        return

    with gateway(nothing) as url, connect(url) as client:
        assert not hasattr(client, "no_such_word")
        assert not hasattr(client, "_link")
        assert {"join", "subscribe", "status", "close"} <= set(dir(client))
        assert "Client" in repr(client)


@pytest.mark.process
def test_the_stub_is_that_of_the_sources() -> None:
    assert sync_stub.STUB.read_text() == sync_stub.stub(), "python -m tests.clients.sync_stub"


def test_the_stub_names_what_there_is() -> None:
    stub = sync_stub.STUB.read_text()
    for name in set(blocking.__all__) - {"Facade"}:
        assert hasattr(sync, name)
        assert f"class {name}" in stub or f"def {name}(" in stub
    for option in inspect.signature(async_connect).parameters:
        assert f"    {option}: " in stub
    assert {known.__name__ for _, known in blocking._FACADES} == sync_stub.OWN


async def silent(peer: Peer) -> None:
    """Reads everything and answers nothing."""
    while True:
        await peer.receive()


def test_closing_ends_what_other_threads_wait_for() -> None:
    """Whenever `close` comes: no thread waits for a loop that has ended."""
    ends: list[str] = []

    def work(client: sync.Client) -> None:
        try:
            while True:
                client.ping()
        except Exception as error:
            ends.append(type(error).__name__)

    for turn in range(8):
        with gateway(silent) as url:
            client = connect(url)
            threads = [threading.Thread(target=work, args=[client], daemon=True) for _ in range(4)]
            for thread in threads:
                thread.start()
            for _ in range(turn * 20):
                str(client.status)
            client.close()
            for thread in threads:
                thread.join(DEADLINE_S)
            assert not any(thread.is_alive() for thread in threads)
    assert set(ends) == {"ClientClosed"}


def test_a_token_function_that_uses_its_client() -> None:
    """It is called in the thread that would have to answer it."""
    clients: list[sync.Client] = []
    codes: list[str] = []

    def token() -> str:
        for call in [call for client in clients for call in (client.ping, client.close)]:
            try:
                call()
            except TidegateError as error:
                codes.append(error.code)
        return "token"

    connections = itertools.count(1)

    async def send_away(peer: Peer) -> None:
        """Once: the client sends its request again, and would be sent away with each connection."""
        if next(connections) > 1:
            await silent(peer)
            return
        await peer.expect("ping")
        await peer.close(4202)

    with gateway(send_away) as url, connect(url, token=token) as client:
        clients.append(client)
        statuses = client.statuses()
        client.send({"type": "ping"})
        for status in statuses:
            if status == "open":
                break
    assert codes == ["wrong_loop", "wrong_loop"]


def test_a_copy_is_no_endless_recursion() -> None:
    with gateway(silent) as url, connect(url) as client:
        assert copy.copy(client).user == client.user


@pytest.mark.process
def test_a_script_that_ends_without_close() -> None:
    """It ends at once, says nothing, and leaves its rooms: the gateway gets a close frame."""
    codes: list[int | None] = []

    async def room_of_a_script(peer: Peer) -> None:
        await peer.join("chat-1")
        codes.append(await peer.is_closed())

    script = """
import sys
from tidegate_client.sync import connect
room = connect(sys.argv[1]).join("chat-1")
"""
    with gateway(room_of_a_script) as url:
        command = [sys.executable, "-X", "dev", "-c", script, url]
        ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=DEADLINE_S)
        assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert codes == [1000]
