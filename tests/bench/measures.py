"""What is measured, of any server that answers `ping` to its sender and sends a `message` to everybody in the room."""

from __future__ import annotations

import asyncio
import gc
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from tests.bench.load import Client, Meter, connect, connect_many, text_frame

PAYLOAD = "x" * 100
PATIENCE_S = 120.0
"""Seconds after which a measure has failed rather than been slow."""
ROOM = "chat-bench"
SAY = {"type": "message", "room": ROOM, "data": {"text": PAYLOAD}}
PING = {"type": "ping", "ref": 1}


@dataclass(frozen=True)
class Server:
    """A running server. `greeting`: the frames that a client gets by connecting."""

    name: str
    port: int
    pid: int
    greeting: int

    async def join(self, client: Client, room: str = ROOM) -> None:
        await client.until(self.greeting)
        client.send({"type": "join", "room": room, "presence": "none", "ref": 0})
        await client.until(self.greeting + 1)


async def crowd(server: Server, count: int) -> list[Client]:
    """`count` clients in the room."""
    clients = await connect_many(server.port, count)
    for start in range(0, count, 100):
        await asyncio.gather(*(server.join(client) for client in clients[start : start + 100]))
    return clients


async def fan_out(server: Server, receivers: int, in_flight: int, rounds: int) -> float:
    """Server microseconds a delivery: one speaker, `receivers` listeners, `in_flight` messages at a time."""
    clients = await crowd(server, receivers)
    speaker, meter = clients[0], Meter(server.pid)

    async def one_round() -> None:
        wanted = [client.frames + in_flight for client in clients]
        for _ in range(in_flight):
            speaker.send(SAY)
        await asyncio.gather(*(client.until(count) for client, count in zip(clients, wanted, strict=True)))

    cost = await _cost(one_round, rounds, meter)
    await close(clients)
    return cost / (receivers * in_flight)


async def round_trip(server: Server, type_: str, in_flight: int, rounds: int, clients: int = 32) -> float:
    """Server microseconds a request, of `clients` that have `in_flight` of them on the way at a time.

    Each client is alone in a room of its own, so that a `message` has one receiver, its speaker.
    """
    asking = await connect_many(server.port, clients)
    requests = []
    for number, client in enumerate(asking):
        room = f"{ROOM}-{number}"
        await server.join(client, room)
        message = PING if type_ == "ping" else SAY | {"room": room}
        requests.append(text_frame(json.dumps(message).encode()) * in_flight)

    async def one_round() -> None:
        wanted = [client.frames + in_flight for client in asking]
        for client, request in zip(asking, requests, strict=True):
            client.transport.write(request)
        await asyncio.gather(*(client.until(count) for client, count in zip(asking, wanted, strict=True)))

    cost = await _cost(one_round, rounds, Meter(server.pid))
    await close(asking)
    return cost / (clients * in_flight)


async def connections(server: Server, count: int) -> tuple[float, float]:
    """(kilobytes resident a connection, microseconds a connect): `count` idle clients in the room."""
    await close(await crowd(server, 200))
    meter = Meter(server.pid)
    memory, cpu = meter.rss(), meter.cpu_us()
    clients = await crowd(server, count)
    result = (meter.rss() - memory) / count / 1024, (meter.cpu_us() - cpu) / count
    await close(clients)
    return result


async def close(clients: list[Client]) -> None:
    for client in clients:
        client.transport.write(b"\x88\x82\x00\x00\x00\x00\x03\xe8")
    await asyncio.sleep(0)
    for client in clients:
        client.transport.close()
    gc.collect()


async def settle(server: Server) -> None:
    """Wait until the server has answered a fresh client: what came before is behind it."""
    client = await connect(server.port)
    await client.until(server.greeting)
    client.send(PING)
    await client.until(server.greeting + 1)
    client.transport.close()


async def _cost(one_round: Callable[[], Awaitable[None]], rounds: int, meter: Meter) -> float:
    """Server microseconds a round, after a warm-up of a tenth."""
    for _ in range(max(1, rounds // 10)):
        await one_round()
    before = meter.cpu_us()
    async with asyncio.timeout(PATIENCE_S):
        for _ in range(rounds):
            await one_round()
    return (meter.cpu_us() - before) / rounds
