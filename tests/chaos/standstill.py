"""`python -m tests.chaos.standstill`: a gateway that is stopped by SIGSTOP, and goes on a minute later.

Both clients follow rows and messages meanwhile, and come back by themselves. Connections that sent within the rate, or
half a message, are not cut: they could neither be read from nor be asked. No user is absent for the time of it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from tests.clients.reconnects.run import play, report
from tests.support.gateway import GatewayProcess
from tests.support.wire import Message, Wire, wire
from tests.transport.raw import TEXT, frame
from tidegate.core.rooms.ghosts import GRACE_S, RELOAD_GRACE_S

ROOM = "chat-standstill"
RATE = 100
PINGS_A_SECOND = 80
"""Less than the rate of a connection. In a minute of them are more than its burst."""
BROKEN, RELOADED, LATE = "broken", "reloaded", "late"
GRACE_OF = {BROKEN: GRACE_S, RELOADED: RELOAD_GRACE_S}


async def stand_still(gateway: GatewayProcess, seconds: float) -> None:
    """Stop the process for `seconds`, with clients in every state. Raises AssertionError where one was wronged."""
    async with (
        wire(gateway.url) as watcher,
        _half_a_message(gateway) as half,
        wire(gateway.url) as busy,
        wire(gateway.url, close_timeout=0.01) as late,
    ):
        await watcher.ask({"type": "join", "room": ROOM, "presence": "diff"})
        await _enter(late, gateway, LATE)
        leaving = {BROKEN: None, RELOADED: 1001} if seconds > GRACE_S else {RELOADED: 1001}
        left = {name: await _left(gateway, name, code) for name, code in leaving.items()}
        await watcher.hear(lambda heard: _joined(heard, RELOADED))
        before = len(watcher.heard)
        os.kill(gateway.pid, signal.SIGSTOP)
        stopped = time.monotonic()
        try:
            pings = await _pings(busy, seconds)
            await late.connection.close(1001)
        finally:
            os.kill(gateway.pid, signal.SIGCONT)
        went_on = time.monotonic()
        assert not any(_gone(heard, name) for heard in watcher.heard[before:] for name in left)
        await half()
        for name in (RELOADED, LATE, *(left.keys() - {RELOADED})):
            gone = await _heard_gone(watcher, name)
            if name in left:
                grace = GRACE_OF[name] - (stopped - left[name])
                assert gone - went_on > grace - 0.5, f"{name}: its grace passed with the standstill"
            else:
                assert gone - went_on < RELOAD_GRACE_S + seconds, "it left after the standstill, for the gateway"
        for _ in range(pings):
            await busy.hear("pong")
        assert "did not run for" in gateway.log_file.read_text()


async def _enter(client: Wire, gateway: GatewayProcess, name: str) -> None:
    token = gateway.token(name, "--name", name)
    await client.ask({"type": "authenticate", "token": token})
    await client.ask({"type": "join", "room": ROOM, "presence": "none"})


async def _left(gateway: GatewayProcess, name: str, code: int | None) -> float:
    """A user comes into the room and goes. Returns when. `code`: None breaks the connection."""
    async with wire(gateway.url) as client:
        await _enter(client, gateway, name)
        if code is None:
            client.connection.transport.abort()
        else:
            await client.connection.close(code)
        return time.monotonic()


@contextlib.asynccontextmanager
async def _half_a_message(gateway: GatewayProcess) -> AsyncIterator[Callable[[], asyncio.Future[None]]]:
    """A connection with half a message under way. Call it to send the rest, and to get the answer."""
    async with wire(gateway.url) as client:
        data = frame(TEXT, json.dumps({"type": "ping", "ref": "half"}).encode())
        client.connection.transport.write(data[:20])

        async def finish() -> None:
            client.connection.transport.write(data[20:])
            await client.hear(lambda heard: heard.get("ref") == "half")

        yield lambda: asyncio.ensure_future(finish())


async def _pings(client: Wire, seconds: float) -> int:
    """Ask for `seconds`, within the rate. Returns how often."""
    began, said = time.monotonic(), 0
    while (passed := time.monotonic() - began) < seconds:
        while said < passed * PINGS_A_SECOND:
            said += 1
            await client.say({"type": "ping", "ref": said})
        await asyncio.sleep(0.02)
    return said


def _joined(message: Message, name: str) -> bool:
    return message["type"] == "presence_diff" and any(member["id"] == name for member in message["joined"])


def _gone(message: Message, name: str) -> bool:
    return message["type"] == "presence_diff" and name in str(message["left"])


async def _heard_gone(watcher: Wire, name: str) -> float:
    if not any(_gone(heard, name) for heard in watcher.heard):
        await watcher.hear(lambda heard: _gone(heard, name))
    return time.monotonic()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the standstill (default: 60)")
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder:
        node = os.environ.get("NODE", "node")
        disturbed = play(Path(folder), node, 0, 1, 1, lambda gateway: stand_still(gateway, seconds))
        found = asyncio.run(disturbed)
    print(report(found))
    # Both clients give a silent gateway up after two heartbeats and five seconds.
    failed = any(seen.violations or (seconds > 56 and seen.opens < 2) for seen in found.values())
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
