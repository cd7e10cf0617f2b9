"""A small frame leaves at once, also when the client has not acknowledged the one before it."""

from __future__ import annotations

import socket
from pathlib import Path

from tests.support.wire import wire
from tests.transport.inside import running


async def test_connections_do_not_gather_small_frames(tmp_path: Path) -> None:
    async with running(tmp_path) as inside, wire(inside.url):
        (session,) = inside.gateway.sessions
        sock = session.sink._transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
