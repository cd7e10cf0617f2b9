"""`make bench-churn MINUTES=20`: clients come and go all the time, and the memory of the gateway has to stay flat.

Each round connects a hundred clients; each joins a room, subscribes, sends a message and creates a row, and leaves.
The rooms of a round are others than those of the round before, and come again. The first fifth of the time is the
warm-up. The command fails where the memory of the last tenth, by its median, is more than 1.1 times that right after
the warm-up.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import sys
import time
import uuid
from collections.abc import Sequence

from tests.bench.load import Client, Meter, connect_many
from tests.bench.measures import PAYLOAD, UNLIMITED, close
from tests.bench.served import served
from tests.support.gateway import GatewayProcess

CLIENTS = 100
LIMIT = 1.1
CYCLE = 5
"""Rounds after which names of rooms come again: their histories are kept, and more rooms would be more memory."""
WARM = 5
"""One part in so many of the time is the warm-up."""
ENVIRONMENT = {**UNLIMITED, "TIDEGATE_ADDRESS_CONNECTS": "0", "TIDEGATE_ADDRESS_CONNECTIONS": "0"}
PATIENCE_S = 60.0


def growth(samples: Sequence[float]) -> float:
    """The memory of the last tenth over that of the tenth after the warm-up. Raises ValueError for fewer than 20."""
    if len(samples) < 20:
        raise ValueError(f"{len(samples)} rounds are too few; it takes 20")
    tenth, begin = len(samples) // 10, len(samples) // WARM
    return statistics.median(samples[-tenth:]) / statistics.median(samples[begin : begin + tenth])


async def one_round(port: int, number: int) -> None:
    """A hundred clients do everything once."""
    clients = await connect_many(port, CLIENTS)
    await asyncio.gather(
        *(_visit(client, f"chat-{number % CYCLE}-{place % 10}") for place, client in enumerate(clients))
    )
    await close(clients)


async def _visit(client: Client, room: str) -> None:
    await client.until(1)
    name = uuid.uuid4().hex
    done = asyncio.Event()
    client.heard = lambda frame: done.set() if b'"ref":9' in frame else None
    client.send({"type": "join", "room": room, "ref": 1})
    client.send({"type": "subscribe", "resource": "users", "filters": {"name": name}, "ref": 2})
    client.send({"type": "message", "room": room, "data": {"text": PAYLOAD}, "ref": 3})
    row = {"name": name, "email": f"{name}@example.com"}
    client.send({"type": "create", "resource": "users", "data": row, "ref": 9})
    async with asyncio.timeout(PATIENCE_S):
        await done.wait()


async def churn(process: GatewayProcess, seconds: float) -> list[float]:
    """Megabytes after each round."""
    meter, samples, end = Meter(process.pid), list[float](), time.monotonic() + seconds
    told = time.monotonic()
    while time.monotonic() < end or len(samples) < 20:
        await one_round(process.port, len(samples))
        samples.append(meter.rss() / 2**20)
        if time.monotonic() - told > 30:
            told = time.monotonic()
            print(f"  round {len(samples)}: {samples[-1]:.1f} MB", flush=True)
    return samples


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.churn", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0, help="how long (default: 20)")
    chosen = parser.parse_args()
    with served(lambda folder: GatewayProcess(folder, environment=ENVIRONMENT)) as process:
        samples = asyncio.run(churn(process, chosen.minutes * 60))
    ratio = growth(samples)
    print(f"{len(samples)} rounds of {CLIENTS} clients; {samples[0]:.1f} MB, then {samples[-1]:.1f} MB")
    print(f"after the warm-up memory grew {ratio:.3f} times; at most {LIMIT}")
    if ratio > LIMIT:
        sys.exit("the memory of the gateway grows while clients come and go")


if __name__ == "__main__":
    main()
