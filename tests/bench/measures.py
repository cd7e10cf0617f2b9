"""The measures, for any server that answers `ping` and sends a `message` to all members of a room."""

from __future__ import annotations

import asyncio
import gc
import json
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import count
from typing import Any

from tests.bench.load import Client, Meter, connect, connect_many, text_frame
from tests.support.waiting import until

UNLIMITED = {"TIDEGATE_RATE": "0", "TIDEGATE_RATE_BYTES": "0"}
"""The environment of a gateway that is measured: clients send as much as they can."""
PAYLOAD = "x" * 100
PATIENCE_S = 120.0
"""A measure that takes more seconds has failed."""
ROOM = "chat-bench"
SAY = {"type": "message", "room": ROOM, "data": {"text": PAYLOAD}}
PING = {"type": "ping", "ref": 1}
CLOSE = b"\x88\x82\x00\x00\x00\x00\x03\xe8"
"""A client's close frame with the code 1000."""


@dataclass(frozen=True)
class Server:
    """A running server. `greeting`: the frames that a client gets by connecting. `dialect`: a name of c/dialects.h."""

    name: str
    port: int
    pid: int
    greeting: int
    dialect: str = "tidegate"

    async def join(self, client: Client, room: str = ROOM) -> None:
        await client.until(self.greeting)
        client.send({"type": "join", "room": room, "presence": "none", "ref": 0})
        await client.until(self.greeting + 1)


async def crowd(server: Server, size: int) -> list[Client]:
    """`size` clients in the room."""
    clients = await connect_many(server.port, size)
    for start in range(0, size, 100):
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
        await asyncio.gather(*(client.until(number) for client, number in zip(clients, wanted, strict=True)))

    cost = await _cost(one_round, rounds, meter)
    await close(clients)
    return cost / (receivers * in_flight)


async def round_trip(server: Server, type_: str, in_flight: int, rounds: int, clients: int = 32) -> float:
    """Server microseconds a request, of `clients` that have `in_flight` of them on the way at a time.

    Each client is alone in a room, so that a `message` has one receiver, its speaker.
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
        await asyncio.gather(*(client.until(number) for client, number in zip(asking, wanted, strict=True)))

    cost = await _cost(one_round, rounds, Meter(server.pid))
    await close(asking)
    return cost / (clients * in_flight)


async def subscribe(server: Server, rounds: int, clients: int = 32) -> float:
    """Server microseconds of a `subscribe` to what changes from now on, and its `unsubscribe`.

    Each client has a filter that no other client has. One more client is subscribed all the time, so that the change
    feed never pauses.
    """
    constant = await connect(server.port)
    asking = await connect_many(server.port, clients)
    requests = []
    for number, client in enumerate((constant, *asking)):
        await client.until(server.greeting)
        query = {"resource": "users", "filters": {"name": f"name {number}"}}
        frames = [{"type": "subscribe", **query, "ref": 1}, {"type": "unsubscribe", **query, "ref": 2}]
        requests.append(b"".join(text_frame(json.dumps(frame).encode()) for frame in frames))
    constant.send({"type": "subscribe", "resource": "users", "ref": 1})
    await constant.until(server.greeting + 1)

    async def one_round() -> None:
        wanted = [client.frames + 2 for client in asking]
        for client, request in zip(asking, requests[1:], strict=True):
            client.transport.write(request)
        await asyncio.gather(*(client.until(number) for client, number in zip(asking, wanted, strict=True)))

    cost = await _cost(one_round, rounds, Meter(server.pid))
    await close([constant, *asking])
    return cost / clients


async def subscribe_with_rows(server: Server, rounds: int, clients: int = 32) -> float:
    """As `subscribe`, but each client gets the one row that it asks for before it unsubscribes."""
    constant = await connect(server.port)
    asking = await connect_many(server.port, clients)
    for client in (constant, *asking):
        await client.until(server.greeting)
    names = await _some_rows(constant, clients)
    constant.send({"type": "subscribe", "resource": "users", "ref": 1})
    await constant.until(constant.frames + 1)
    queries = [{"resource": "users", "filters": {"name": name}} for name in names]
    subscribes = [{"type": "subscribe", **query, "snapshot": True, "ref": 1} for query in queries]
    unsubscribes = [{"type": "unsubscribe", **query, "ref": 2} for query in queries]

    async def ask(requests: list[dict[str, Any]], answers: int, last: bytes) -> None:
        wanted = [client.frames + answers for client in asking]
        for client, request in zip(asking, requests, strict=True):
            client.send(request)
        await asyncio.gather(*(client.until(number) for client, number in zip(asking, wanted, strict=True)))
        other = next((client.last for client in asking if last not in client.last), None)
        assert other is None, other

    async def one_round() -> None:
        await ask(subscribes, 2, b'"type":"snapshot"')
        await ask(unsubscribes, 1, b'"type":"unsubscribed"')

    cost = await _cost(one_round, rounds, Meter(server.pid))
    await close([constant, *asking])
    return cost / clients


async def create(server: Server, rounds: int, clients: int = 32) -> float:
    """Server microseconds of a `create`. There is no subscription to the rows."""
    asking = await connect_many(server.port, clients)
    for client in asking:
        await client.until(server.greeting)
    numbers = count(uuid.uuid4().int)

    async def one_round() -> None:
        wanted = [client.frames + 1 for client in asking]
        for client in asking:
            name = f"{next(numbers):x}"
            row = {"name": name, "email": f"{name}@example.com"}
            client.send({"type": "create", "resource": "users", "data": row, "ref": 1})
        await asyncio.gather(*(client.until(number) for client, number in zip(asking, wanted, strict=True)))
        refused = next((client.last for client in asking if b'"type":"rows"' not in client.last), None)
        assert refused is None, refused

    cost = await _cost(one_round, rounds, Meter(server.pid))
    await close(asking)
    return cost / clients


GET = {"type": "get", "resource": "users", "id": 1, "ref": 1}
LIST = {"type": "list", "resource": "users", "limit": 10, "ref": 1}


async def read(server: Server, request: dict[str, Any], rounds: int, clients: int = 32) -> float:
    """Server microseconds of a read of rows, of which there are some. Clients ask at the same time."""
    asking = await connect_many(server.port, clients)
    for client in asking:
        await client.until(server.greeting)
    await _some_rows(asking[0])

    async def one_round() -> None:
        wanted = [client.frames + 1 for client in asking]
        for client in asking:
            client.send(request)
        await asyncio.gather(*(client.until(number) for client, number in zip(asking, wanted, strict=True)))

    cost = await _cost(one_round, rounds, Meter(server.pid))
    refused = next((client.last for client in asking if b'"type":"rows"' not in client.last), None)
    assert refused is None, refused
    await close(asking)
    return cost / clients


async def _some_rows(client: Client, size: int = 10) -> list[str]:
    """Let there be so many rows more, whose names are new; returns the names."""
    names = [uuid.uuid4().hex for _ in range(size)]
    rows = [{"name": name, "email": f"{name}@example.com"} for name in names]
    client.send({"type": "create", "resource": "users", "data": rows, "ref": 0})
    await client.until(client.frames + 1)
    assert b'"type":"rows"' in client.last, client.last
    return names


async def connects(server: Server, size: int) -> float:
    """Server microseconds of a connect with its `welcome` and a `join`."""
    meter = Meter(server.pid)
    before = meter.cpu_us()
    clients = await crowd(server, size)
    cost = (meter.cpu_us() - before) / size
    await close(clients)
    return cost


async def closes(server: Server, size: int) -> float:
    """Server microseconds of the end of a connection in a room, which its client closes."""
    clients = await crowd(server, size)
    meter = Meter(server.pid)
    before = meter.cpu_us()
    for client in clients:
        client.transport.write(CLOSE)
    # A line that has ended at this side has ended at the other one before.
    await until(lambda: all(client.transport.is_closing() for client in clients))
    return (meter.cpu_us() - before) / size


async def connections(server: Server, size: int) -> tuple[float, float]:
    """(kilobytes resident a connection, microseconds a connect): `size` idle clients in the room."""
    await close(await crowd(server, 200))
    meter = Meter(server.pid)
    memory, cpu = meter.rss(), meter.cpu_us()
    clients = await crowd(server, size)
    result = (meter.rss() - memory) / size / 1024, (meter.cpu_us() - cpu) / size
    await close(clients)
    return result


async def close(clients: list[Client]) -> None:
    for client in clients:
        client.transport.write(CLOSE)
    await asyncio.sleep(0)
    for client in clients:
        client.transport.close()
    gc.collect()


async def settle(server: Server) -> None:
    """Wait until the server has answered a new client, and so has done its earlier work."""
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
