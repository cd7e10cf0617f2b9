"""Where a history of rooms is played: real gateways on a real engine, and what can go wrong with each.

Every gateway reaches its engine's server over a line that can be cut, held and led elsewhere. Its faults are methods;
each lasts as long as its coroutine. Invariant: after `heal`, nothing is broken any more, and enough gateways serve.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import psutil

from tests.simulate.rooms.gateway import SCHEMA
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import GatewayProcess
from tests.support.postgres import PostgresServer
from tests.support.redis import Kind, RedisServer, running
from tests.support.tcp_line import TcpLine
from tidegate.auth.tokens import sign

Fault = Callable[[], Awaitable[None]]
SECRET = "signs the tokens of these rooms of chaos"
SETTINGS = {
    "TIDEGATE_GRACEFUL_STOP": "1", "TIDEGATE_RATE": "0", "TIDEGATE_RATE_BYTES": "0", "TIDEGATE_SECRET": SECRET,
}  # fmt: skip


class Gateway(GatewayProcess):
    """One `tidegate serve` with rooms alone, and its line to the engine."""

    def __init__(self, folder: Path, line: TcpLine | None, *options: str) -> None:
        folder.mkdir()
        self.line = line
        self.paused = False
        # In development a gateway checks what it sends, and is one process.
        how = () if "--workers" in options else ("--dev",)
        super().__init__(folder, *how, "--schema", str(SCHEMA), *options, environment=SETTINGS)
        self.migrate()


class Place(ABC):
    """`close` ends everything that `open` began."""

    name = ""
    gateways_at_once = 2

    def __init__(self, folder: Path, chance: random.Random) -> None:
        self.gateways: list[Gateway] = []
        self.chance = chance
        self._folder = folder
        self._stack = AsyncExitStack()
        self._born = 0

    @property
    def faults(self) -> dict[str, Fault]:
        """By name. Those of every engine are here."""
        return {
            "kill -9 of a gateway": self._kill_gateway,
            "restart of a gateway": self._restart_gateway,
            "a gateway stands still": self._pause_gateway,
            "a line is cut": self._cut_line,
            "a line is held": self._hold_line,
        }

    @property
    def urls(self) -> list[str]:
        return [gateway.url for gateway in self.gateways if not gateway.paused]

    def token(self, user: str) -> str:
        return sign(SECRET, user, user, [], time.time(), 3600)

    async def open(self) -> None:
        await self._open_engine()
        for _ in range(self.gateways_at_once):
            await self._start()

    async def close(self) -> None:
        for gateway in self.gateways:
            await asyncio.to_thread(gateway.stop)
        await self._stack.aclose()

    async def heal(self) -> None:
        """Called when no fault is under way."""
        while len(self.gateways) < self.gateways_at_once:
            await self._start()

    @abstractmethod
    async def _open_engine(self) -> None:
        """Start the engine's server."""

    @abstractmethod
    async def _line(self) -> TcpLine | None:
        """A new line to it."""

    @abstractmethod
    def _options(self, line: TcpLine | None) -> tuple[str, ...]:
        """The settings of a gateway with this line."""

    async def _start(self) -> None:
        self._born += 1
        line = await self._line()
        gateway = Gateway(self._folder / f"gateway-{self._born}", line, *self._options(line))
        await asyncio.to_thread(gateway.start)
        self.gateways.append(gateway)

    async def _kill_gateway(self) -> None:
        gateway = self.chance.choice(self.gateways)
        self.gateways.remove(gateway)
        await asyncio.to_thread(gateway.kill)
        await self._start()

    async def _restart_gateway(self) -> None:
        await self._start()
        gateway = self.gateways.pop(self.chance.randrange(len(self.gateways) - 1))
        await asyncio.to_thread(gateway.stop)

    async def _pause_gateway(self) -> None:
        gateway = self.chance.choice(self.gateways)
        gateway.paused = True
        os.kill(gateway.pid, signal.SIGSTOP)
        await asyncio.sleep(self.chance.choice((1.0, 5.0, 30.0)))
        os.kill(gateway.pid, signal.SIGCONT)
        gateway.paused = False

    async def _cut_line(self) -> None:
        line = self.chance.choice(self.gateways).line
        if line is not None:
            line.cut()
            await asyncio.sleep(self.chance.choice((0.0, 1.0, 8.0)))
            line.heal()

    async def _hold_line(self) -> None:
        """In one direction or in both: the network says nothing."""
        line = self.chance.choice(self.gateways).line
        if line is not None:
            up, down = self.chance.choice(((True, False), (False, True), (True, True)))
            line.hold(up=up, down=down)
            await asyncio.sleep(self.chance.choice((1.0, 5.0, 30.0)))
            line.let_go()


class RedisPlace(Place):
    """Over Redis or Valkey."""

    def __init__(self, folder: Path, chance: random.Random, kind: Kind) -> None:
        super().__init__(folder, chance)
        self.name = kind
        self._kind = kind
        self._server: RedisServer

    @property
    def faults(self) -> dict[str, Fault]:
        return super().faults | {
            "CLIENT KILL": self._kill_clients,
            "CLIENT PAUSE": self._pause_clients,
            "DEBUG SLEEP": self._sleep,
            "FLUSHALL": self._flush,
            "kill -9 of the server": self._restart_empty,
            "promotion with lost writes": self._promote,
            "SCRIPT FLUSH": self._forget_scripts,
        }

    async def _open_engine(self) -> None:
        self._server = self._stack.enter_context(running(self._kind))

    async def _line(self) -> TcpLine:
        return await TcpLine.open(self._server.port)

    def _options(self, line: TcpLine | None) -> tuple[str, ...]:
        assert line is not None
        return ("--engine", f"redis://127.0.0.1:{line.port}", "--engine-prefix", "chaos")

    async def _kill_clients(self) -> None:
        await asyncio.to_thread(self._server.kill_clients)

    async def _pause_clients(self) -> None:
        await asyncio.to_thread(self._server.pause_clients, 1500)
        await asyncio.sleep(1.5)

    async def _sleep(self) -> None:
        await asyncio.to_thread(self._server.command, "DEBUG", "SLEEP", self.chance.choice(("0.5", "2", "6")))

    async def _flush(self) -> None:
        await asyncio.to_thread(self._server.command, "FLUSHALL")

    async def _forget_scripts(self) -> None:
        await asyncio.to_thread(self._server.command, "SCRIPT", "FLUSH")

    async def _restart_empty(self) -> None:
        self._server.kill()
        await asyncio.sleep(self.chance.choice((0.0, 2.0, 10.0)))
        await asyncio.to_thread(self._server.start)

    async def _promote(self) -> None:
        """A replica that lacks the last seconds takes over."""
        replica = self._stack.enter_context(running(self._kind))
        await asyncio.to_thread(replica.command, "REPLICAOF", "127.0.0.1", self._server.port)
        async with asyncio.timeout(DEADLINE_S):
            while not await asyncio.to_thread(self._follows, replica):  # noqa: ASYNC110  # a server tells no event
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.3)
        replica_of, self._server = self._server, replica
        await asyncio.to_thread(replica.command, "CONFIG", "SET", "repl-timeout", 3600)
        await asyncio.to_thread(replica_of.kill_clients, "replica" if self._kind == "valkey" else "slave")
        await asyncio.to_thread(replica.command, "REPLICAOF", "NO", "ONE")
        await asyncio.sleep(self.chance.choice((0.1, 1.0)))  # what is said now is acknowledged, and lost
        replica_of.kill()
        for gateway in self.gateways:
            assert gateway.line is not None
            gateway.line.target = replica.port

    @staticmethod
    def _follows(replica: RedisServer) -> bool:
        return b"master_link_status:up" in replica.command("INFO", "replication")


class PostgresPlace(Place):
    """Over PostgreSQL."""

    name = "postgresql"

    def __init__(self, folder: Path, chance: random.Random, server: PostgresServer) -> None:
        super().__init__(folder, chance)
        self._server = server
        self._database = ""

    @property
    def faults(self) -> dict[str, Fault]:
        return super().faults | {
            "connections are terminated": self._terminate,
            "kill -9 of the server": self._crash,
            "TRUNCATE": self._empty,
        }

    async def _open_engine(self) -> None:
        self._database = self._server.database()

    async def _line(self) -> TcpLine:
        return await TcpLine.open(self._server.port)

    def _options(self, line: TcpLine | None) -> tuple[str, ...]:
        assert line is not None
        url = f"postgresql://tidegate@127.0.0.1:{line.port}/{self._database}"
        return ("--engine", url, "--engine-prefix", "chaos")

    async def _terminate(self) -> None:
        share = self.chance.choice(("true", "random() < 0.5"))
        await asyncio.to_thread(
            self._server.script,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE datname = '{self._database}' AND pid <> pg_backend_pid() AND {share}",
        )

    async def _crash(self) -> None:
        """As after a power cut: tables without a log are empty."""
        await asyncio.to_thread(self._server.stop)
        await asyncio.sleep(self.chance.choice((0.0, 3.0)))
        await asyncio.to_thread(self._server.start)

    async def _empty(self) -> None:
        """A person empties all tables of the engine."""
        import psycopg

        def truncate() -> None:
            with suppress(psycopg.Error), psycopg.connect(self._server.url(self._database)) as connection:
                tables = connection.execute(
                    "SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') FROM pg_tables"
                    " WHERE schemaname LIKE '%chaos%'"
                ).fetchone()
                assert tables is not None
                connection.execute(f"TRUNCATE {tables[0]}".encode())

        await asyncio.to_thread(truncate)


class WorkersPlace(Place):
    """Workers of one machine, joined by a hub. Faults strike single processes below the supervisor."""

    name = "workers"
    gateways_at_once = 1

    @property
    def faults(self) -> dict[str, Fault]:
        return {
            "kill -9 of a worker": self._kill_worker,
            "kill -9 of the hub": self._kill_hub,
            "a worker stands still": self._pause_worker,
            "the hub stands still": self._pause_hub,
            "SIGHUP": self._reload,
        }

    async def _open_engine(self) -> None:
        """There is none beside the hub."""

    async def _line(self) -> None:
        return None

    def _options(self, line: TcpLine | None) -> tuple[str, ...]:
        return ("--workers", "2")

    def _processes(self, hub: bool) -> list[psutil.Process]:
        found = []
        for process in psutil.Process(self.gateways[0].pid).children():
            with suppress(psutil.NoSuchProcess):
                is_hub = any("hub" in word for word in process.cmdline())
                if is_hub == hub:
                    found.append(process)
        return found

    async def _kill(self, *, hub: bool) -> None:
        if found := self._processes(hub):
            self.chance.choice(found).kill()

    async def _pause(self, *, hub: bool) -> None:
        if found := self._processes(hub):
            process = self.chance.choice(found)
            with suppress(psutil.NoSuchProcess):
                process.suspend()
                await asyncio.sleep(self.chance.choice((0.5, 2.0)))
                process.resume()

    async def _kill_worker(self) -> None:
        await self._kill(hub=False)

    async def _kill_hub(self) -> None:
        await self._kill(hub=True)

    async def _pause_worker(self) -> None:
        await self._pause(hub=False)

    async def _pause_hub(self) -> None:
        await self._pause(hub=True)

    async def _reload(self) -> None:
        os.kill(self.gateways[0].pid, signal.SIGHUP)
        await asyncio.sleep(1.0)
