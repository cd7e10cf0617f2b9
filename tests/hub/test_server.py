"""Who may talk to the hub, and what becomes of a line on which something else is said."""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.hub import Hub
from tests.support.waiting import until
from tidegate import event_loops
from tidegate.core.rooms.ports import PresenceEntry
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.hub import messages as say
from tidegate.engines.hub.engine import HubEngine
from tidegate.hub import connector
from tidegate.hub.frames import Frames, frame
from tidegate.hub.messages import VERSION, Hello, Refusal, decode_hello, encode
from tidegate_protocol import Sender

ADA = Sender(id="1", name="Ada")
RULES = RoomRules("chat-*", history_size=10, history_ttl=60.0)


class Deaf:
    """Implements `EngineListener`, and hears nothing."""

    def __getattr__(self, name: str) -> object:
        return lambda *arguments: None


@pytest.fixture
async def hub() -> AsyncIterator[Hub]:
    hub = Hub()
    await hub.start()
    yield hub
    await hub.stop()


async def said(hub: Hub, *payloads: bytes) -> list[bytes]:
    """What the hub says to these payloads, until it ends the line or has answered a ping."""
    sock = socket.socket(socket.AF_UNIX)
    sock.connect("\0" + hub.address[1:])  # uvloop takes no name of an abstract socket
    reader, writer = await asyncio.open_unix_connection(sock=sock)
    writer.write(b"".join(map(frame, [*payloads, b""])))
    frames, found = Frames(), list[bytes]()
    try:
        async with asyncio.timeout(DEADLINE_S):
            while b"" not in found and (data := await reader.read(65536)):
                found += frames.feed(data)
    except ConnectionError:  # reset, or a broken pipe where the hub ended it before the first write
        pass
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
    return found


def open_files() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


HELLO = encode(Hello(VERSION, "rooms", "worker 9"))


async def test_a_worker_of_another_version_is_told_so_and_sent_away(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    (answer,) = await said(hub, encode(Hello(VERSION + 1, "rooms", "worker 9")))
    refusal = say.decode_from_hub(answer)
    assert isinstance(refusal, Refusal)
    assert "version" in refusal.message
    assert "another version" in caplog.text


async def test_a_line_for_what_the_hub_does_not_have_is_refused(hub: Hub) -> None:
    (answer,) = await said(hub, encode(Hello(VERSION, "rows", "worker 9")))
    assert isinstance(say.decode_from_hub(answer), Refusal)


@pytest.mark.parametrize(
    "noise",
    [b"\x00", b"noise", b"\x91\x0a", encode(say.Told("a", "b")), b"\xc1" * 100],
    ids=repr,
)
async def test_other_payloads_end_their_own_line_alone(
    hub: Hub, noise: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "tidegate.hub")
    engine = HubEngine(hub.address, "worker 1")
    engine.listen(Deaf())  # type: ignore[arg-type]
    before = await engine.publish("chat-1", RULES, ADA, "a", None, 0.0, "user 1")
    assert b"" not in await said(hub, noise)
    assert b"" not in await said(hub, HELLO, noise)
    assert (await engine.publish("chat-1", RULES, ADA, "b", None, 0.0, "user 1")).offset == before.offset + 1
    assert engine.connector.connected
    await engine.aclose()


async def test_a_process_of_another_user_is_sent_away(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    own = os.geteuid()
    monkeypatch.setattr(connector.os, "geteuid", lambda: own + 1)  # type: ignore[attr-defined]
    assert await said(hub, HELLO) == []
    assert "another user" in caplog.text
    engine = HubEngine(hub.address, "worker 1")
    engine.listen(Deaf())  # type: ignore[arg-type]
    await until(lambda: "belongs to another user" in caplog.text)
    assert not engine.connector.connected, "a worker tells nothing to a stranger either"
    await engine.aclose()


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_worker_ends_at_any_moment_of_its_connecting(loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop", reason="uvloop is not installed here")

    async def ends() -> None:
        hub = Hub()
        await hub.start()
        before = open_files()
        for turns in range(10):
            engine = HubEngine(hub.address, "worker 1")
            engine.listen(Deaf())  # type: ignore[arg-type]
            for _ in range(turns):
                await asyncio.sleep(0)
            async with asyncio.timeout(DEADLINE_S):
                await engine.aclose()
            await until(lambda: open_files() == before)
            gc.collect()  # a socket that was not closed is a warning, and so an error
        await hub.stop()

    event_loops.run(ends(), loop)


async def test_a_hub_that_hangs_is_noticed_and_another_line_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connector, "PING_S", 0.02)
    monkeypatch.setattr(connector, "SILENCE_S", 0.06)
    monkeypatch.setattr(connector, "AWAY_S", 0.05)
    lines = ended = 0

    async def greet_and_hang(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal lines, ended
        lines += 1
        hello = decode_hello(next(iter(Frames().feed(await reader.read(1000)))))
        assert hello.node == "worker 1"
        writer.write(frame(encode(say.Welcome(1))))
        with suppress(OSError):
            await reader.read(-1)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
        ended += 1

    address = Hub().address
    server = await asyncio.start_unix_server(greet_and_hang, "\0" + address[1:])
    engine = HubEngine(address, "worker 1")
    engine.listen(Deaf())  # type: ignore[arg-type]
    healthy: list[bool] = []
    lost = engine.connector.lost

    def noted() -> None:
        lost()
        healthy.append(engine.connector.healthy)

    monkeypatch.setattr(engine.connector, "lost", noted)
    await until(lambda: lines >= 2)
    assert healthy[:1] == [False], "it has been away since it was silent"
    await engine.aclose()
    server.close()
    await until(lambda: ended == lines)


async def test_presence_is_said_again_to_a_hub_that_was_started_again(hub: Hub) -> None:
    engine = HubEngine(hub.address, "worker 1")
    engine.listen(Deaf())  # type: ignore[arg-type]
    await until(lambda: engine.connector.connected)
    await engine.present("chat-1", "1", PresenceEntry("Ada", 1, "online", 5))
    await hub.stop()
    await until(lambda: not engine.connector.connected)
    engine.present("chat-1", "2", PresenceEntry("Bob", 1, "online", 5))
    engine.present("chat-1", "1", None)
    await hub.start()
    await until(lambda: hub.rooms is not None and [each.user for each in hub.rooms.members.of("chat-1", "")] == ["2"])
    await engine.aclose()


async def test_a_worker_that_ends_does_not_say_that_the_hub_is_away(hub: Hub, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "tidegate.hub")
    engines = [HubEngine(hub.address, name) for name in ("one", "two")]
    for engine in engines:
        engine.listen(Deaf())  # type: ignore[arg-type]  # it hears nothing
    await until(lambda: all(engine.connector.connected for engine in engines))
    await engines[0].aclose()
    await asyncio.sleep(0)
    assert caplog.messages == []
    await hub.stop()
    await until(lambda: caplog.messages)
    assert caplog.messages[0].startswith("the hub is away")
    await engines[1].aclose()
