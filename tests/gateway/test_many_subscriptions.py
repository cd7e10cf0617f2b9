"""Many large subscriptions of one slow client: they take turns on its line, so that it gets all of them in its time."""

from __future__ import annotations

import asyncio
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect

from tests.store.program import Program
from tests.support.deadlines import DEADLINE_S
from tests.support.wire import wire
from tests.transport.inside import Inside, running
from tidegate.gateway.catch_up import CHUNK_BYTES
from tidegate.gateway.snapshot_frames import FRAME_BYTES

ANSWER_BYTES = 300
"""The answer to `subscribe`, at most."""
UPDATE_BYTES = 2_500
"""A missed change, at most. A chunk ends with the change that is beyond its limit."""
SUBSCRIPTIONS = 12
FEW, MANY = 60, 640
"""Rows of 2,000 bytes: what one subscription misses may be sent at once, or is more than may wait for a client."""


def write(folder: Path, count: int) -> None:
    program = Program(folder / "tidegate.db")
    program.execute("INSERT INTO users (name, email) VALUES ('Ada', 'ada@example.com')")
    program.execute("BEGIN")
    rows = [(f"t{number}", "x" * 1900) for number in range(count)]
    program.executemany("INSERT INTO tasks (user_id, title, notes) VALUES (1, ?, ?)", rows)
    program.execute("COMMIT")
    program.close()


class Slow:
    """A client that reads when it is told to, over a line that holds little; it notes the most that waited for it."""

    def __init__(self, line: ClientConnection, inside: Inside) -> None:
        self.line = line
        *_, session = inside.gateway.sessions
        self.kept: Any = session.sink
        sending = self.kept._transport.get_extra_info("socket")
        sending.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        self.most = 0

    async def subscribe(self, **how: Any) -> None:
        self.line.transport.pause_reading()
        for number in range(SUBSCRIPTIONS):
            filters = {"id": {"gte": -number}}
            request = {"type": "subscribe", "resource": "tasks", "filters": filters, **how}
            self.line.protocol.send_text(json.dumps(request).encode())
        # All in one segment: the gateway has read them before it could know that what it answers is not taken.
        self.line.transport.write(b"".join(self.line.protocol.data_to_send()))
        async with asyncio.timeout(DEADLINE_S):
            while self.kept._paused_since is None:  # noqa: ASYNC110  # it is the gateway's to know
                await asyncio.sleep(0.001)
        for _ in range(100):  # in which the others would be answered, if they did not wait for their turn
            await asyncio.sleep(0.001)
            self._note()
        self.line.transport.resume_reading()

    async def rows(self, kind: str, count: int) -> list[int]:
        """How many rows came to each subscription, once all have `count`."""
        counts: dict[str, int] = {}
        async with asyncio.timeout(DEADLINE_S):
            while sum(counts.values()) < SUBSCRIPTIONS * count:
                message = json.loads(await self.line.recv())
                self._note()
                if message["type"] == kind:
                    new = len(message["rows"]) if kind == "snapshot" else 1
                    counts[message["subscription"]] = counts.get(message["subscription"], 0) + new
        return list(counts.values())

    def _note(self) -> None:
        self.most = max(self.most, self.kept.unsent)


@pytest.mark.slow
@pytest.mark.parametrize(("count", "kept"), [(MANY, 0), (MANY, 2 * MANY), (FEW, 2 * MANY)])
async def test_snapshots_and_missed_changes_take_turns_on_a_slow_line(tmp_path: Path, count: int, kept: int) -> None:
    """`kept`: whether the changes are at hand, or read from the log."""
    async with running(tmp_path) as inside, wire(inside.url) as other:
        inside.gateway.sessions.protocol.rows.cursor.keep = kept
        since = (await other.ask({"type": "subscribe", "resource": "users"}))["position"]  # so the feed never rests
        write(tmp_path, count)
        await other.hear("update")
        for kind, how in (("snapshot", {"snapshot": True}), ("update", {"since": since})):
            sock = socket.socket()
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            sock.connect(("127.0.0.1", inside.listener.port))
            async with connect(inside.url, compression=None, max_size=None, sock=sock) as line:
                slow = Slow(line, inside)
                await slow.subscribe(**how)
                assert await slow.rows(kind, count) == [count] * SUBSCRIPTIONS
            answers = SUBSCRIPTIONS * ANSWER_BYTES
            assert slow.most < 2 * max(FRAME_BYTES, CHUNK_BYTES + UPDATE_BYTES) + answers
