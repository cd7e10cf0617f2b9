"""What a connection leaves behind when it has ended: nothing, without the garbage collector."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

import pytest

from tests.fuzz.frames import Heard, Wire
from tests.transport.raw import CLOSE, CONT, PING, TEXT, close_payload, frame, upgrade
from tidegate.transport import Connection, ConnectionContext, Outbox, Routes, TransportSettings

ARRIVED: dict[str, bytes] = {
    "nothing": b"",
    "message": frame(TEXT, b"x"),
    "part of a frame": frame(TEXT, b"x" * 60_000)[:50_000],
    "fragment": frame(TEXT, b"x" * 60_000, fin=False),
    "more than a turn": frame(PING) * 200,
    "protocol error": frame(CONT, b"x"),
    "close": frame(CLOSE, close_payload(1000)),
}


class LoopThatKeeps:
    """Keeps the callbacks, as asyncio does until they are called."""

    def call_soon(self, callback: Callable[..., object], *arguments: object) -> None:
        pass


@pytest.mark.parametrize("arrived", ARRIVED)
async def test_ended_connection_gives_its_memory_back_at_once(arrived: str) -> None:
    context = ConnectionContext(TransportSettings(origins=("*",)), Routes(), Outbox(LoopThatKeeps()))  # type: ignore[arg-type]
    connection = Connection(context, Heard(), "c")
    connection.connection_made(Wire())
    for data in (upgrade(), ARRIVED[arrived]):
        connection.get_buffer(-1)[: len(data)] = data
        connection.buffer_updated(len(data))
    gone, protocol, read = weakref.ref(connection.write_side._ws), connection, connection.read_side
    buffered = len(read._buffer) + len(read._fragments or b"")
    assert buffered > 1000 or "fra" not in arrived
    gc.collect()
    gc.disable()
    try:
        connection.connection_lost(None)
        assert not read._buffer
        assert read._fragments is None
        del connection, protocol, read
        assert gone() is None, gc.get_referrers(gone())
    finally:
        gc.enable()
