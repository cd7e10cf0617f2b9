"""Gateways on a real server, for the suite and for other tests of this folder.

Every gateway reaches the server through a symbolic link to its Unix socket, so that a test can cut off one of them, or
lead all of them to another server. Leases end TIMES_FASTER times faster than with the times of a gateway.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec

from tests.engines.suite.under_test import Ability
from tests.support.deadlines import DEADLINE_S
from tests.support.redis import RedisServer, free_prefix, running
from tests.support.waiting import until
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import EngineListener
from tidegate.engines.redis import RedisEngine, start
from tidegate.engines.redis.connection import ConnectionLost
from tidegate.engines.setup import EngineSetup, LeaseTimes

TIMES_FASTER = 10.0
TIMES = LeaseTimes(lease=0.6, beat=0.15, grace=0.4)
"""As the engine has them."""
_numbers = itertools.count(1)


class RedisUnderTest:
    """Implements `EngineUnderTest`. The suite's seconds are TIMES_FASTER times shorter."""

    cannot: Mapping[Ability, str] = {}
    patience = DEADLINE_S
    times = LeaseTimes(
        lease=TIMES.lease * TIMES_FASTER, beat=TIMES.beat * TIMES_FASTER, grace=TIMES.grace * TIMES_FASTER
    )

    def __init__(self, server: RedisServer, prefix: str | None = None) -> None:
        self.name: str = server.kind
        self.prefix = prefix or free_prefix()
        self.engines: list[RedisEngine] = []
        self.lease_times = TIMES
        """Of the gateways that are started from now on."""
        self._server = server
        self._links: dict[RedisEngine, Path] = {}
        self._cut: set[RedisEngine] = set()
        self._stack = ExitStack()

    def clock(self) -> float:
        return time.monotonic() * TIMES_FASTER

    def setup(self, url: str, rooms: Sequence[str] = (), times: LeaseTimes = TIMES) -> EngineSetup:
        return EngineSetup(
            url=url,
            prefix=self.prefix,
            node=secrets.token_hex(8),
            new_node=lambda: secrets.token_hex(8),
            new_epoch=lambda: secrets.token_urlsafe(8),
            rooms=rooms,
            encode=msgspec.json.encode,
            ledger=Ledger(),
            clock=self.clock,
            times=times,
        )

    async def start(self, listener: EngineListener, rooms: Sequence[str]) -> RedisEngine:
        link = self._server.folder / f"gateway{next(_numbers)}"
        link.symlink_to(self._server.socket)
        engine = await start(self.setup(f"unix://{link}", rooms, self.lease_times))
        engine.listen(listener)
        self.engines.append(engine)
        self._links[engine] = link
        return engine

    def node(self, engine: Any) -> str:
        return str(engine.node)

    async def turn(self) -> None:
        await asyncio.sleep(0.005)

    async def pass_time(self, seconds: float) -> None:
        """Keys expire by the server's clock, which nothing makes faster."""
        await asyncio.sleep(seconds)

    async def kill(self, engine: Any) -> None:
        """As the kernel does it: connections end, and nothing is said on them."""
        engine._relay.listener = None
        engine._nodes._left = True
        for task in engine._tasks:
            task.cancel()
        await asyncio.gather(*engine._tasks, return_exceptions=True)
        await engine._nodes.aclose()
        await engine._pages.aclose()

    async def cut(self, engine: Any) -> None:
        self._links[engine].unlink()
        self._cut.add(engine)
        self._end_connections(engine)
        await until(lambda: engine._wire.connection is None)

    async def heal(self, engine: Any) -> None:
        self._cut.discard(engine)
        self._links[engine].symlink_to(self._server.socket)

    def lose_beat(self, engine: Any) -> None:
        nodes, connection = engine._nodes, engine._wire.connection
        beaten = nodes._beaten

        def lost(name: str, reply: Any) -> None:
            if engine._wire.connection in (None, connection) or isinstance(reply, Exception):
                beaten(name, reply)
                return
            del nodes._beaten
            engine._wire.connection.close()

        nodes._beaten = lost

    def lose_change(self, engine: Any) -> None:
        attendance = engine._attendance
        written = attendance._written

        def lost(*arguments: Any) -> None:
            *of_what, reply = arguments
            if isinstance(reply, Exception):
                written(*arguments)
                return
            del attendance._written
            written(*of_what, ConnectionLost("the connection broke"))
            engine._wire.connection.close()

        attendance._written = lost

    def _end_connections(self, engine: Any) -> None:
        """CLIENT KILL for all connections of one gateway."""
        name = f"name=tidegate-{engine._setup.node} "
        with self._server.client() as client:
            for line in client.command("CLIENT", "LIST").decode().splitlines():
                if name in line:
                    client.command("CLIENT", "KILL", "ID", line.split()[0].removeprefix("id="))

    async def restart_empty(self) -> None:
        self._server.restart_empty()

    async def promote(self, lost: Callable[[], Awaitable[None]]) -> None:
        """The replica serves from here on, until `close`."""
        master = self._server
        replica = self._stack.enter_context(running(master.kind))
        replica.command("REPLICAOF", "127.0.0.1", master.port)
        await until(lambda: b"master_link_status:up" in replica.command("INFO", "replication"))
        assert master.command("WAIT", 1, 10_000) == 1
        replica.command("REPLICAOF", "127.0.0.1", 1)  # it keeps what it has, and gets nothing more
        await lost()
        self._stack.callback(master.start)
        master.kill()
        replica.command("REPLICAOF", "NO", "ONE")
        self._server = replica
        for engine, link in self._links.items():
            if engine not in self._cut:
                link.unlink()
                link.symlink_to(replica.socket)

    def close(self) -> None:
        """Leave the server as other tests expect it."""
        self._stack.close()
