"""`python -m tests.bench.scrape [CONNECTIONS]`: processor time of the event loop for one scrape of the metrics.

A gateway within this process has so many WebSockets, in a room and with a subscription each. A scrape runs in the loop
without a pause, so that its processor time is the time for which it holds up all clients.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.support.waiting import until
from tests.transport.inside import Inside, running
from tests.transport.raw import frame
from tidegate.admin.collector import Sources, collect
from tidegate.admin.exposition import text
from tidegate.admin.loop_lag import LoopLag

HEAD = (
    b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
SAYS = frame(1, b'{"type":"join","room":"lobby","presence":"none"}') + frame(
    1, b'{"type":"subscribe","resource":"users"}'
)
TIMES = 50


async def fill(inside: Inside, connections: int) -> list[asyncio.StreamWriter]:
    writers = []
    for _ in range(connections):
        _, writer = await asyncio.open_connection("127.0.0.1", inside.listener.port)
        writer.write(HEAD + SAYS)
        writers.append(writer)
    await until(lambda: len(inside.gateway.sessions) == connections)
    await asyncio.sleep(1.0)
    return writers


async def main(connections: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with running(Path(folder), max_rooms=1) as inside:
            writers = await fill(inside, connections)
            lag = LoopLag(1.0, asyncio.get_running_loop().time)
            of = Sources(inside.gateway, inside.connected, inside.listener.context.counts, inside.store, lag)
            took = []
            for _ in range(TIMES):
                began = time.process_time()
                page = text(collect(of))
                took.append(1000 * (time.process_time() - began))
                await asyncio.sleep(0)
            print(
                f"{connections} connections, {len(page)} bytes: {statistics.median(took):.2f} ms of the event loop for "
                f"a scrape (slowest of {TIMES}: {max(took):.2f} ms)"
            )
            for writer in writers:
                writer.transport.abort()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 5000))
