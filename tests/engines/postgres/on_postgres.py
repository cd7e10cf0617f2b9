"""The engine over PostgreSQL for the suite: each gateway has its own line to a real server."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from tests.engines.suite.under_test import Ability
from tests.support.deadlines import DEADLINE_S
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer, PostgresStandby
from tests.support.tcp_line import TcpLine
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import Engine, EngineListener
from tidegate.engines.postgres import attaching
from tidegate.engines.postgres.cleaning import OUTBOX_MS
from tidegate.engines.postgres.engine import PostgresEngine
from tidegate.engines.postgres.install import schema_name
from tidegate.engines.postgres.link import LinkLost
from tidegate.engines.postgres.wishes import PRESENCE
from tidegate.engines.setup import EngineSetup, LeaseTimes

PREFIX = "suite"
TABLES = ("state", "nodes", "rooms", "outbox", "history", "keys", "opened", "present", "told")
TIMES = {"nodes": "ends", "rooms": "touched", "outbox": "at", "history": "at", "keys": "at"}

CUT_RATE = 20.0


def setup(
    url: str,
    rooms: Sequence[str] = (),
    prefix: str = PREFIX,
    times: LeaseTimes | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> EngineSetup:
    """What a gateway starts its engine with."""
    return EngineSetup(
        url=url,
        prefix=prefix,
        node=secrets.token_hex(8),
        new_node=lambda: secrets.token_hex(8),
        new_epoch=lambda: secrets.token_urlsafe(8),
        rooms=rooms,
        encode=msgspec.json.encode,
        ledger=Ledger(),
        clock=clock,
        times=times or LeaseTimes(),
    )


class Clock:
    """Seconds; they pass faster for a gateway that is cut off, which waits for nothing but the clock."""

    def __init__(self) -> None:
        self._from, self._at, self._rate = time.monotonic(), 0.0, 1.0

    def __call__(self) -> float:
        return self._at + (time.monotonic() - self._from) * self._rate

    def rate(self, rate: float) -> None:
        self._at, self._from, self._rate = self(), time.monotonic(), rate


class PostgresUnderTest:
    """Implements `EngineUnderTest`."""

    name = "PostgreSQL"
    times = LeaseTimes(lease=0.6, beat=0.1, grace=0.4)
    patience = DEADLINE_S

    def __init__(self, server: PostgresServer, database: str, *, long_cuts: bool = False) -> None:
        """`long_cuts`: a gateway that was cut off finds an outbox that was swept meanwhile."""
        self.cannot: Mapping[Ability, str] = {
            **({} if long_cuts else {Ability.MISS: "the outbox keeps the last minute of all rooms"}),
        }
        self._long_cuts = long_cuts
        self._server = server
        self._database = database
        self._lines: dict[int, TcpLine] = {}
        self._engines: list[PostgresEngine] = []
        self._standby: PostgresStandby | None = None
        self._clock = Clock()
        self._clocks: dict[int, Clock] = {}
        self._empty()

    def clock(self) -> float:
        return self._clock()

    async def start(self, listener: EngineListener, rooms: Sequence[str]) -> PostgresEngine:
        line = await TcpLine.open(self._server.port)
        url = f"postgresql://tidegate@127.0.0.1:{line.port}/{self._database}"
        clock = Clock()
        engine = PostgresEngine(setup(url, rooms, times=self.times, clock=clock))
        self._clocks[id(engine)] = clock
        self._lines[id(engine)] = line
        self._engines.append(engine)
        await engine.start()
        engine.listen(listener)
        return engine

    def line(self, engine: Engine) -> TcpLine:
        return self._lines[id(engine)]

    def node(self, engine: Engine) -> str:
        assert isinstance(engine, PostgresEngine)
        return engine.node

    async def turn(self) -> None:
        await asyncio.sleep(0.002)

    async def pass_time(self, seconds: float) -> None:
        shift = int(seconds * 1000)
        self.sql(*(f"UPDATE {{}}.{table} SET {column} = {column} - {shift}" for table, column in TIMES.items()))
        self.sql(f"UPDATE {{}}.history SET until = until - {shift}")

    async def kill(self, engine: Engine) -> None:
        self.line(engine).cut()
        await engine.aclose()

    async def cut(self, engine: Engine) -> None:
        self._hurry(engine, CUT_RATE)
        self.line(engine).cut()
        assert isinstance(engine, PostgresEngine)
        while engine._at is not None:
            await self.turn()

    async def heal(self, engine: Engine) -> None:
        if self._long_cuts:
            assert isinstance(engine, PostgresEngine)
            engine._news.read_at -= OUTBOX_MS
            with contextlib.suppress(psycopg.errors.UndefinedTable):  # a crash of the server takes what is very new
                self.sql("DELETE FROM {}.outbox")
        self._hurry(engine, 1.0)
        self.line(engine).heal()

    def lose_beat(self, engine: Engine) -> None:
        """The statement that makes the gateway known again is its first beat, and as the others are it may be lost."""
        assert isinstance(engine, PostgresEngine)
        upkeep: Any = engine._upkeep
        module: Any = attaching
        current = upkeep._current
        setup, times = engine._setup, iter(("attach", "beat"))
        really, answered = module._attach, upkeep._beat_answered

        async def attach(connection: Any, of: Any, calls: Any, node: str, *, again: bool) -> Any:
            found = await really(connection, of, calls, node, again=again)
            if of is setup and found.generation is not None and next(times, "") == "attach":
                module._attach = really
                raise psycopg.OperationalError("the connection broke")
            return found

        def beaten(of: Any, rows: Any) -> None:
            if of is current or isinstance(rows, Exception):
                answered(of, rows)
                return
            del upkeep._beat_answered
            upkeep.drop("the connection broke")

        module._attach = attach
        upkeep._beat_answered = beaten

    def lose_change(self, engine: Engine) -> None:
        assert isinstance(engine, PostgresEngine)
        out: Any = engine._out
        answered = out._answered

        def lost(batch: Any, owed: str, rows: Any) -> None:
            if isinstance(rows, Exception) or not any(wish.kind == PRESENCE for wish in batch.wishes):
                answered(batch, owed, rows)
                return
            del out._answered
            answered(batch, owed, LinkLost("the connection broke"))
            engine._upkeep.drop("the connection broke")

        out._answered = lost

    def _hurry(self, engine: Engine, rate: float) -> None:
        self._clock.rate(rate)
        self._clocks[id(engine)].rate(rate)

    async def restart_empty(self) -> None:
        self._server.stop()
        self._server.start()

    async def promote(self, lost: Callable[[], Awaitable[None]]) -> None:
        """A real standby: it has the rows of programs, and of these tables none."""
        self._standby = PostgresStandby(self._server)
        self._standby.start()
        await lost()
        self._server.stop()
        self._standby.promote()
        for line in self._lines.values():
            line.target = self._standby.port

    async def close(self) -> None:
        for engine in self._engines:
            await engine.aclose()
        for line in self._lines.values():
            await line.close()
        if self._standby is not None:
            self._standby.close()
            self._server.start()

    def sql(self, *statements: str) -> None:
        """As the administrator; {} stands for the engine's schema."""
        with psycopg.connect(self._server.url(self._database), autocommit=True) as connection:
            for statement in statements:
                connection.execute(statement.replace("{}.", f'"{schema_name(PREFIX)}".').encode())

    def rows(self, query: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self._server.url(self._database), autocommit=True) as connection:
            return connection.execute(query.replace("{}.", f'"{schema_name(PREFIX)}".').encode()).fetchall()

    @contextmanager
    def locking(self, statement: str) -> Iterator[None]:
        """Another program holds a lock in the block."""
        with psycopg.connect(self._server.url(self._database)) as connection:
            connection.execute(statement.replace("{}.", f'"{schema_name(PREFIX)}".').encode())
            yield

    def _empty(self) -> None:
        with psycopg.connect(self._server.url(self._database), autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema_name(PREFIX)])
            there = bool(found.fetchall())
        if there:
            self.sql(*(f"DELETE FROM {{}}.{table}" for table in TABLES))
