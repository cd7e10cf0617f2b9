"""Failures inside the gateway, and its stop: at most one connection ends early, and each client is informed.

What a handler raises is a bug by definition; here it is planted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import signal
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.waiting import until
from tests.support.wire import wire
from tests.transport.inside import SECRET, running
from tests.transport.raw import (
    CLOSE,
    PATIENCE,
    PING,
    TEXT,
    Echo,
    Frame,
    Raw,
    close_payload,
    frame,
    listening,
    push,
    upgrade,
)
from tidegate import stopping
from tidegate.auth import tokens
from tidegate.core import closes
from tidegate.core.budgets.payer import Payer
from tidegate.core.rows.ports import Mutation, WriteResult
from tidegate.transport import CloseReason, Connection


class Bug(Exception):
    """Planted by a test."""


def logged(caplog: pytest.LogCaptureFixture) -> str:
    """Everything that was logged, with tracebacks and extra fields."""
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(f"{formatter.format(record)} {record.__dict__}" for record in caplog.records)


# -- a handler that fails ---------------------------------------------------------------------------------------------


async def test_an_exception_in_a_handler_closes_that_connection_with_1011_and_no_other() -> None:
    def fail(connection: Connection, payload: bytes) -> None:
        if payload == b"poison":
            raise Bug
        push(connection, b"\x81\x02ok")

    echo = Echo(fail)
    async with listening(echo) as door, door.open() as good, door.open() as bad:
        bad.send(frame(TEXT, b"fine"), frame(TEXT, b"poison"), frame(TEXT, b"after"))
        assert await bad.frame() == Frame(TEXT, b"ok")
        assert (await bad.frame()).payload[:2] == close_payload(1011)
        bad.send(frame(CLOSE, close_payload(1011)))
        assert await bad.ended() == b""
        good.send(frame(TEXT, b"fine"))
        assert await good.frame() == Frame(TEXT, b"ok")
        await until(lambda: echo.ended == [1011])
    assert echo.heard == [b"fine", b"poison", b"fine"]


@pytest.mark.parametrize("where", ["connected", "received_binary", "disconnected"])
async def test_an_exception_in_any_other_handler_costs_its_connection_alone(where: str) -> None:
    class Broken(Echo):
        broken = True

        def _maybe(self, name: str) -> None:
            if name == where and self.broken:
                raise Bug

        def connected(self, connection: Connection) -> None:
            super().connected(connection)
            self._maybe("connected")

        def received_binary(self, connection: Connection) -> None:
            self._maybe("received_binary")

        def disconnected(self, connection: Connection, code: int | None) -> None:
            super().disconnected(connection, code)
            self._maybe("disconnected")

    echo = Broken()
    async with listening(echo) as door:
        async with door.open() as raw:
            raw.send(frame(2, b"binary"), frame(CLOSE, close_payload(1000)))
            assert (await raw.frame()).payload[:2] == close_payload(1000 if where == "disconnected" else 1011)
        await until(lambda: len(echo.ended) == 1)
        echo.broken = False
        async with door.open() as raw:
            raw.send(frame(TEXT, b"next"))
            assert await raw.frame() == Frame(TEXT, b"next")


async def test_a_bug_in_the_core_is_logged_without_payload_or_token(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG, "tidegate")
    token = tokens.sign(SECRET, "7", "Ada", [], time.time(), 60)
    async with running(tmp_path) as inside:
        headers = {"Authorization": f"Bearer {token}"}
        async with wire(inside.url, additional_headers=headers) as bad, wire(inside.url) as good:
            for client in (bad, good):
                await client.ask({"type": "join", "room": "chat-1", "presence": "none"})
            protocol = inside.gateway.sessions.protocol
            receive = protocol.receive

            def fail(session: Any, request: Any, now: float) -> Any:
                if session.user.id == "7":
                    raise Bug
                return receive(session, request, now)

            monkeypatch.setattr(protocol, "receive", fail)
            await bad.say({"type": "message", "room": "chat-1", "data": {"text": "a private sentence"}})
            with pytest.raises(ConnectionClosed) as closed:
                await bad.hear("never")
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1011
            assert "Bug" not in closed.value.rcvd.reason
            assert (await good.ask({"type": "ping"}))["type"] == "pong"
    text = logged(caplog)
    assert "Bug" in text, "the operator can find it"
    assert "a private sentence" not in text
    assert token not in text
    assert token.split(".")[1] not in text


async def test_a_store_that_fails_costs_one_request_which_hears_internal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> None:
        raise Bug("disk on fire")

    async with running(tmp_path) as inside, wire(inside.url) as client:
        monkeypatch.setattr(inside.store, "answer", fail)
        error = await client.ask({"type": "list", "resource": "users"})
        assert (error["type"], error["code"]) == ("error", "internal")
        assert "disk on fire" not in json.dumps(error)
        monkeypatch.undo()
        assert (await client.ask({"type": "list", "resource": "users"}))["type"] == "rows"
    assert "disk on fire" in logged(caplog)


# -- stopping ---------------------------------------------------------------------------------------------------------


async def test_a_stop_closes_all_connections_and_cuts_off_mute_clients() -> None:
    async with listening(close_timeout=30.0) as door, door.open() as polite, door.open() as mute, door.tcp() as slow:
        port = door.listener.port
        slow.send(upgrade()[:20])
        polite.send(frame(TEXT, b"hello"))
        await polite.frame()
        stopping = asyncio.create_task(door.listener.stop(0.2, CloseReason(4201, "restart")))
        for raw in (polite, mute):
            assert await raw.frame() == Frame(CLOSE, close_payload(4201, b"restart"))
        polite.send(frame(CLOSE, close_payload(4201)))
        assert await polite.ended() == b""
        assert await slow.ended() == b""
        assert not stopping.done()
        await asyncio.wait_for(stopping, DEADLINE_S)
        assert sorted(door.echo.ended, key=str) == [4201, None]
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("turns", [0, 1, 3, 4, 5])
async def test_no_connection_is_accepted_during_a_stop(turns: int) -> None:
    """Between `accept` and the handshake lie a few turns of the loop; a stop may fall in any of them.

    In the second one Python 3.11 itself drops the socket: it makes no transport for a server that was closed.
    """
    async with listening() as door:
        with socket.create_connection(("127.0.0.1", door.listener.port)) as sock:
            sock.sendall(upgrade())
            for _ in range(turns):
                await asyncio.sleep(0)
            await door.listener.stop(0.1, stopping.RESTART)
            for _ in range(10):
                await asyncio.sleep(0)
            assert len(door.echo.ended) == len(door.echo.connections), "after `stop` no connection is left"
            sock.setblocking(False)
            async with asyncio.timeout(PATIENCE):
                with contextlib.suppress(ConnectionError):
                    while await asyncio.get_running_loop().sock_recv(sock, 4096):
                        pass


async def test_a_write_under_way_when_the_gateway_stops_is_answered_before_the_close(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as inside, wire(inside.url) as client:
        begun, go_on = asyncio.Event(), asyncio.Event()
        write: Callable[[Mutation], Any] = inside.store.write

        async def slowly(order: Mutation) -> WriteResult:
            begun.set()
            await go_on.wait()
            result: WriteResult = await write(order)
            return result

        monkeypatch.setattr(inside.store, "write", slowly)
        row = {"name": "Ada", "email": "ada@example.com"}
        await client.say({"type": "create", "resource": "users", "data": row, "ref": 1})
        await asyncio.wait_for(begun.wait(), DEADLINE_S)
        inside.gateway.handler.say_goodbye(closes.RESTART, lambda: 0.5)
        ended = asyncio.create_task(inside.listener.stop(5.0, stopping.RESTART))
        assert (await client.hear("goodbye"))["code"] == 4201
        go_on.set()
        assert (await client.hear("rows"))["rows"][0]["name"] == "Ada"
        with pytest.raises(ConnectionClosed) as closed:
            await client.hear("never")
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4201
        await asyncio.wait_for(ended, DEADLINE_S)


async def test_a_write_that_never_ends_does_not_keep_the_gateway_from_stopping(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running(tmp_path) as inside, wire(inside.url) as client:
        begun, go_on = asyncio.Event(), asyncio.Event()

        async def stuck(order: Mutation) -> WriteResult:
            begun.set()
            await go_on.wait()
            raise Bug

        monkeypatch.setattr(inside.store, "write", stuck)
        row = {"name": "Ada", "email": "ada@example.com"}
        await client.say({"type": "create", "resource": "users", "data": row, "ref": 1})
        await asyncio.wait_for(begun.wait(), DEADLINE_S)
        await asyncio.wait_for(inside.listener.stop(0.2, stopping.RESTART), DEADLINE_S)
        go_on.set()


async def test_sigterm_ends_the_process_with_0_in_bounded_time_whatever_clients_do(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.port)
        mute = Raw(reader, writer)
        mute.send(upgrade())
        await mute.head()
        mute.send(frame(PING), frame(TEXT, b"{")[:3])
        with socket.create_connection(("127.0.0.1", gateway.port)):
            stopping = asyncio.create_task(asyncio.to_thread(gateway.stop))
            assert (await client.hear("goodbye"))["code"] == 4201
            assert await stopping == 0, "the mute one has 3 s to agree to the close, and then the process ends"
        writer.transport.abort()
    assert "Traceback" not in gateway.log_file.read_text()


async def test_ctrl_c_stops_as_sigterm_does(gateway: GatewayProcess) -> None:
    async with wire(gateway.url) as client:
        stopping = asyncio.create_task(asyncio.to_thread(gateway._end, signal.SIGINT))
        assert (await client.hear("goodbye"))["code"] == 4201
        with pytest.raises(ConnectionClosed):
            await client.hear("never")
        assert await stopping == 0


async def test_each_client_that_waits_for_a_failed_snapshot_is_informed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = asyncio.Event()

    class Failing:
        in_memory = 0

        async def seq(self) -> int:
            await asked.wait()
            raise Bug

        def join(self, payer: Payer) -> bool:
            return True

        def leave(self) -> None:
            """Nothing is kept."""

    async with running(tmp_path) as inside, wire(inside.url) as client:
        monkeypatch.setattr(inside.store, "snapshot", lambda query, encode: Failing())
        for ref in ("a", "b"):
            await client.say({"type": "subscribe", "resource": "users", "snapshot": True, "ref": ref})
        await client.ask({"type": "ping"})
        asked.set()
        answers = [await client.hear("error") for _ in range(2)]
        assert [(answer["ref"], answer["code"]) for answer in answers] == [("a", "internal"), ("b", "internal")]
