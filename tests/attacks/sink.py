"""`python -m tests.attacks.sink`: a server that accepts every connection and throws away what it gets.

The same attackers send to it in a control run. What an innocent client of an idle gateway suffers then is the fault of
the machine, not of the gateway. It prints its port, and ends when its input ends.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

ACCEPTED = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n\x81\x02{}"
ANSWERED = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"


class Sink(asyncio.BufferedProtocol):
    """One connection. All connections share one buffer, whose bytes nothing reads."""

    buffer = bytearray(1 << 18)

    def __init__(self) -> None:
        self._open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's has another class

    def get_buffer(self, sizehint: int) -> bytearray:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._open or b"\r\n\r\n" not in self.buffer[:nbytes]:
            return
        self._open = True
        if b"Upgrade: websocket" in self.buffer[:nbytes]:
            self._transport.write(ACCEPTED)
        else:
            self._transport.write(ANSWERED)
            self._transport.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Sink, "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    ended = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), ended.set)
    await ended.wait()


if __name__ == "__main__":
    asyncio.run(main())
