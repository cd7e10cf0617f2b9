"""`python -m tests.chaos.thin_line`: a client behind a line of 256 kbit a second takes a snapshot of 5 MB.

It takes minutes, and is not cut: it takes ten times what a client has to take. A client that takes almost nothing
while more waits for it is cut. The line is a TCP relay with small buffers, so that data waits at the gateway.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import socket
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.clients.relay import Relay
from tests.support.gateway import GatewayProcess
from tests.support.sqlite import foreign
from tests.support.wire import wire
from tidegate_client import connect

KBIT_256 = 32_000
"""Bytes a second."""
STUCK = 2_000
"""Bytes a second: less than 32 KiB in 10 seconds."""
CHUNK = 3200
SMALL = 16384
"""Bytes in a receive buffer of the relay."""
ROWS, NAME = 26_000, "n" * 90

Pace = Callable[[float], Awaitable[object]]


class ThinLine(Relay):
    """A relay to the gateway at `port` that lets `rate` bytes a second through to the client."""

    def __init__(self, port: int, rate: int, pace: Pace = asyncio.sleep) -> None:
        """`pace`: waits for the seconds that some bytes take."""
        super().__init__(port)
        self.passed = 0
        self.connections = 0
        self._rate = rate
        self._pace = pace

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        sock = socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
        sock.connect(("127.0.0.1", self._port))
        sock.setblocking(False)
        there, here = await asyncio.open_connection(sock=sock, limit=CHUNK)
        self._writers |= {writer, here}
        self._begin(self._pass_on(reader, here), self._down(there, writer))

    async def _down(self, gateway: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await gateway.read(CHUNK):
                client.write(data)
                await client.drain()
                self.passed += len(data)
                await self._pace(len(data) / self._rate)
        client.close()


def fill(file: Path, rows: int) -> None:
    """Give the table of users so many rows of about 240 bytes of JSON."""
    with foreign(file) as program:
        program.executemany(
            "INSERT INTO users (name, email) VALUES (?, ?)",
            ((NAME, f"{number}@example.com") for number in range(rows)),
        )


async def finishes(line: ThinLine, rows: int) -> None:
    """A client takes a snapshot of `rows` rows over `line`, on one connection."""
    async with connect(line.url, wait=True, request_timeout=600.0) as client:
        live = await client.subscribe("users")
        await live.loaded()
        assert len(live.rows) == rows
        assert line.connections == 1, "the client was cut"


async def is_cut(line: ThinLine) -> int | None:
    """A client asks for a snapshot over `line`, which lets almost nothing through. Returns its close code."""
    async with wire(line.url, close_timeout=0.01, max_size=None) as client:
        await client.say({"type": "subscribe", "resource": "users", "snapshot": True, "ref": 1})
        with contextlib.suppress(Exception):
            while True:
                json.loads(await client.connection.recv())
        return client.connection.close_code


async def play(gateway: GatewayProcess) -> str:
    began = time.monotonic()
    async with ThinLine(gateway.port, KBIT_256) as thin, ThinLine(gateway.port, STUCK) as stuck:
        cut = asyncio.create_task(is_cut(stuck))
        await finishes(thin, ROWS)
        took = time.monotonic() - began
        log = gateway.log_file.read_text()
        assert "slow consumer" in log, "a client that takes almost nothing is cut"
        assert log.count("slow consumer") == 1, log
        cut.cancel()
    return (
        f"{thin.passed:,} bytes in {took:.0f} s at {thin.passed / took:,.0f} bytes a second; the stuck client was cut"
    )


def main() -> int:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with tempfile.TemporaryDirectory() as folder:
        gateway = GatewayProcess(Path(folder))
        gateway.migrate()
        fill(gateway.database_file, ROWS)
        gateway.start()
        try:
            print(asyncio.run(play(gateway)))
        finally:
            gateway.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
