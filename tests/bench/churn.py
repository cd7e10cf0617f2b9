"""`make bench-churn MINUTES=20`: clients come and go all the time, and the memory of the gateway has to stay flat.

Each round connects a hundred clients. Each signs in as a new user, joins a new room, subscribes, sends a message,
creates a row and deletes it, with new idempotency keys, and leaves. What the gateway keeps of them, histories above
all, has a budget that is full before the warm-up ends: the first fifth of the time. The command fails where the memory
of the last tenth, by its median, is more than 1.1 times that right after the warm-up, and where the gateway refuses
anything.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import statistics
import sys
import time
import uuid
from collections.abc import Sequence
from typing import Any

from tests.bench.load import Client, Meter, connect_many
from tests.bench.measures import PAYLOAD, UNLIMITED, close
from tests.bench.served import served
from tests.support.gateway import GatewayProcess
from tidegate.auth.tokens import sign

CLIENTS = 100
LIMIT = 1.1
MEETING = 2
"""Clients of a room."""
WARM = 5
"""One part in so many of the time is the warm-up."""
SECRET = secrets.token_hex(32)
ENVIRONMENT = {
    **UNLIMITED,
    "TIDEGATE_ADDRESS_CONNECTS": "0",
    "TIDEGATE_ADDRESS_CONNECTIONS": "0",
    "TIDEGATE_ADDRESS_ROOMS": "0",
    "TIDEGATE_TOKEN_ATTEMPTS": "0",
    "TIDEGATE_MEMORY": "16 MiB",
    "TIDEGATE_SECRET": SECRET,
}
PATIENCE_S = 300.0


class Refused(Exception):
    """The gateway answered a request with an error."""


def growth(samples: Sequence[float]) -> float:
    """The memory of the last tenth over that of the tenth after the warm-up. Raises ValueError for fewer than 20."""
    if len(samples) < 20:
        raise ValueError(f"{len(samples)} rounds are too few; it takes 20")
    tenth, begin = len(samples) // 10, len(samples) // WARM
    return statistics.median(samples[-tenth:]) / statistics.median(samples[begin : begin + tenth])


class Visitor:
    """A client that is there once. `number`: of no other visitor."""

    def __init__(self, client: Client, number: int) -> None:
        self._client = client
        self._number = number
        self._refs = itertools.count(1)
        self._answers: dict[int, asyncio.Future[dict[str, Any]]] = {}
        client.heard = self._heard

    def _heard(self, frame: bytes) -> None:
        if b'"ref":' not in frame:
            return
        answer = json.loads(frame)
        waiting = self._answers.pop(answer.get("ref"), None)
        if waiting is None or waiting.done():
            return
        if answer["type"] == "error":
            waiting.set_exception(Refused(frame.decode()))
        else:
            waiting.set_result(answer)

    async def _ask(self, **message: object) -> dict[str, Any]:
        ref = next(self._refs)
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._answers[ref] = answer
        self._client.send({**message, "ref": ref})
        return await answer

    async def visit(self) -> None:
        """Do everything once. Raises Refused."""
        name, room = f"visitor-{self._number}", f"chat-{self._number // MEETING}"
        token = sign(SECRET, name, name, ["admin"], time.time(), 3600)
        async with asyncio.timeout(PATIENCE_S):
            await self._client.until(1)
            await self._ask(type="authenticate", token=token)
            await self._ask(type="join", room=room)
            await self._ask(type="subscribe", resource="users", filters={"name": name})
            await self._ask(type="message", room=room, data={"text": PAYLOAD}, key=uuid.uuid4().hex)
            row = {"name": name, "email": f"{name}@example.com"}
            made = await self._ask(type="create", resource="users", data=row, key=uuid.uuid4().hex)
            id_ = made["rows"][0]["id"]
            await self._ask(type="delete", resource="users", id=id_, key=uuid.uuid4().hex)


async def one_round(port: int, number: int) -> None:
    """A hundred clients come, do everything and leave."""
    clients = await connect_many(port, CLIENTS)
    visitors = (Visitor(client, number * CLIENTS + place) for place, client in enumerate(clients))
    await asyncio.gather(*(visitor.visit() for visitor in visitors))
    await close(clients)


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
    print(f"{len(samples)} rounds of {CLIENTS} new users; {samples[0]:.1f} MB, then {samples[-1]:.1f} MB")
    print(f"after the warm-up memory grew {ratio:.3f} times; at most {LIMIT}")
    if ratio > LIMIT:
        sys.exit("the memory of the gateway grows while clients come and go")


if __name__ == "__main__":
    main()
