"""What an idle connection in a room takes, without what the event loop and the operating system keep of it."""

from __future__ import annotations

import gc
import json
import tracemalloc
from pathlib import Path
from typing import Any

from tests.fuzz.frames import Wire
from tests.transport.inside import running
from tests.transport.raw import TEXT, frame, upgrade
from tidegate.transport import Connection

CLIENTS = 200
BYTES = 3_800
"""It takes about 3,500 with Python 3.11. What a change adds is multiplied by the clients that a gateway has."""
JOIN = frame(TEXT, json.dumps({"type": "join", "room": "chat-1", "presence": "none", "ref": 1}).encode())


class Sink(Wire):
    """Keeps nothing of what is written."""

    def write(self, data: Any) -> None:
        pass


async def test_connection_in_a_room_takes_few_bytes(tmp_path: Path) -> None:
    async with running(tmp_path, address_connections=0) as inside:
        context, handler = inside.listener.context, inside.gateway.handler

        def connected(number: int, transport: Sink) -> Connection:
            connection = Connection(context, handler, f"c{number}")
            connection.connection_made(transport)
            for segment in (upgrade(), JOIN):
                connection.get_buffer(-1)[: len(segment)] = segment
                connection.buffer_updated(len(segment))
            return connection

        kept = [connected(-1, Sink())]  # takes what is needed once
        transports = [Sink() for _ in range(CLIENTS)]
        gc.collect()
        tracemalloc.start()
        try:
            kept += [connected(number, transports[number]) for number in range(CLIENTS)]
            gc.collect()
            size = tracemalloc.get_traced_memory()[0] / CLIENTS
        finally:
            tracemalloc.stop()
        assert len(inside.gateway.sessions) == len(kept), "all of them were let in"
        assert inside.gateway.sessions.protocol.rooms.occupants.rooms["chat-1"].sessions.keys() == {
            connection.session for connection in kept
        }
        for connection in kept:
            connection.connection_lost(None)
    assert round(size) <= BYTES, size
