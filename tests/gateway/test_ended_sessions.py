"""What a session leaves behind when it has ended: nothing, without the garbage collector."""

from __future__ import annotations

import json
from pathlib import Path

from tests.fuzz.frames import Wire
from tests.support.garbage import left_in_circles
from tests.transport.inside import running
from tests.transport.raw import TEXT, frame, upgrade
from tidegate.core.session import Session
from tidegate.transport import Connection

PING = frame(TEXT, json.dumps({"type": "ping", "ref": 1}).encode())


async def test_ended_session_and_its_connection_are_no_garbage(tmp_path: Path) -> None:
    async with running(tmp_path) as inside:

        def come_and_go(number: int) -> None:
            connection = Connection(inside.listener.context, inside.gateway.handler, f"c{number}")
            connection.connection_made(Wire())
            for segment in (upgrade(), PING):
                connection.get_buffer(-1)[: len(segment)] = segment
                connection.buffer_updated(len(segment))
            assert connection.session in inside.gateway.sessions
            connection.connection_lost(None)
            assert connection.session not in inside.gateway.sessions

        come_and_go(0)
        with left_in_circles(Session) as left:
            for number in range(1, 4):
                come_and_go(number)
        assert left == []
