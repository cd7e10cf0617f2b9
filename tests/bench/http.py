"""What a request over HTTP costs, compared with the same request over a WebSocket in the same run.

32 clients each wait for an answer before they ask again, over a connection that stays open, signed in with the same
token. The two ways are measured in turn. Figures are processor microseconds of the gateway, user and system.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, cast

from tests.bench.load import Client, Meter, connect_many
from tests.bench.measures import PATIENCE_S, UNLIMITED, close
from tests.support.gateway import GatewayProcess
from tidegate.auth import tokens
from tidegate.config import DEVELOPMENT_SECRET

CLIENTS = 32
TARGET = 2.5
"""A request over HTTP may cost so many times what the same one over a WebSocket does, at most."""
WARM_UP = 5

Message = dict[str, Any]
_numbers = itertools.count()


def _create() -> Message:
    name = f"n{next(_numbers)}"
    return {"type": "create", "resource": "users", "data": {"name": name, "email": f"{name}@x.org"}}


REQUESTS: dict[str, Callable[[], Message]] = {
    "ping": lambda: {"type": "ping"},
    "get": lambda: {"type": "get", "resource": "users", "id": 1},
    "list": lambda: {"type": "list", "resource": "tasks", "limit": 10},
    "create": _create,
}


class HttpClient(asyncio.Protocol):
    """One connection that counts responses."""

    def __init__(self) -> None:
        self.answers = 0
        self.status = b""
        self._buffer = b""
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's has another class

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            head = self._buffer[:end]
            length = int(head.partition(b"Content-Length: ")[2].split(b"\r\n")[0])
            if len(self._buffer) < end + 4 + length:
                return
            self._buffer = self._buffer[end + 4 + length :]
            self.answers += 1
            self.status = head[9:12]
            if self._waiter is not None and not self._waiter.done():
                self._waiter.set_result(None)

    async def ask(self, path: str, body: Message | None, token: str) -> None:
        """Send a request and wait for its answer, which must be a good one."""
        content = b"" if body is None else json.dumps(body).encode()
        kind = "" if body is None else f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n"
        method = "GET" if body is None else "POST"
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n{kind}\r\n"
        self._waiter = asyncio.get_running_loop().create_future()
        self.transport.write(head.encode() + content)
        await self._waiter
        assert self.status in {b"200", b"201"}, self.status


def run(runs: int, scale: float, judge: bool) -> bool:
    """Measure and print; returns whether the target is reached."""
    with tempfile.TemporaryDirectory() as folder:
        process = GatewayProcess(Path(folder), "--dev", environment=UNLIMITED)
        process.migrate(seed=True)
        process.start()
        try:
            found = asyncio.run(_measure(process, runs, max(20, int(100 * scale))))
        finally:
            process.stop()
    print(f"\n{'32 clients, each waits for its answers':<40}{'WebSocket us':>14}{'HTTP us':>10}{'ratio':>8}")
    good = True
    for name, pairs in found.items():
        ratio = statistics.median(http / ws for ws, http in pairs)
        ws, http = (statistics.median(side) for side in zip(*pairs, strict=True))
        print(f"{name:<40}{ws:>14.1f}{http:>10.1f}{ratio:>8.2f}{'  missed' if judge and ratio > TARGET else ''}")
        good = good and ratio <= TARGET
    return good


async def _measure(process: GatewayProcess, runs: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    token, meter = tokens.sign(DEVELOPMENT_SECRET, "1", "Ada", ["admin"], time.time(), 86_400), Meter(process.pid)
    sockets, lines = await _websockets(process.port, token), await _connections(process.port)
    found: dict[str, list[tuple[float, float]]] = {}
    for name, make in REQUESTS.items():
        ways: list[Callable[[], Awaitable[None]]] = [
            lambda make=make: _over_websockets(sockets, make),  # type: ignore[misc]  # bound now
            lambda make=make: _over_http(lines, make, token),  # type: ignore[misc]
        ]
        found[name] = []
        for _ in range(runs):
            first, second = await _cost(ways[0], rounds, meter), await _cost(ways[1], rounds, meter)
            again, before = await _cost(ways[1], rounds, meter), await _cost(ways[0], rounds, meter)
            found[name].append(((first + before) / 2, (second + again) / 2))
    await close(sockets)
    for line in lines:
        line.transport.abort()
    return found


async def _cost(one_round: Callable[[], Awaitable[None]], rounds: int, meter: Meter) -> float:
    """Microseconds of the gateway a request."""
    for _ in range(WARM_UP):
        await one_round()
    before = meter.cpu_us()
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(rounds):
            await one_round()
    return (meter.cpu_us() - before) / rounds / CLIENTS


async def _over_websockets(clients: Sequence[Client], make: Callable[[], Message]) -> None:
    wanted = [client.frames + 1 for client in clients]
    for client in clients:
        client.send({**make(), "ref": 1})
    await asyncio.gather(*(client.until(number) for client, number in zip(clients, wanted, strict=True)))
    wrong = next((client.last for client in clients if b'"type":"error"' in client.last), None)
    assert wrong is None, wrong


async def _over_http(clients: Sequence[HttpClient], make: Callable[[], Message], token: str) -> None:
    async def one(client: HttpClient) -> None:
        message = make()
        await client.ask(f"/api/{message.pop('type')}", message, token)

    await asyncio.gather(*map(one, clients))


async def _websockets(port: int, token: str) -> list[Client]:
    clients = await connect_many(port, CLIENTS)
    for client in clients:
        await client.until(1)
        client.send({"type": "authenticate", "token": token, "ref": 0})
        await client.until(2)
    return clients


async def _connections(port: int) -> list[HttpClient]:
    loop = asyncio.get_running_loop()
    return [(await loop.create_connection(HttpClient, "127.0.0.1", port))[1] for _ in range(CLIENTS)]
