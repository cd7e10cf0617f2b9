"""The servers that `engines` measures: how gateways reach one, and how many commands it got."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Protocol

from tests.support import redis
from tests.support.driver import psycopg
from tests.support.postgres import PostgresServer
from tests.support.redis import RedisServer


class EngineServer(Protocol):
    """A server that runs. `url`: what a gateway is started with."""

    url: str

    def commands(self) -> int:
        """What it did since it started."""


class Valkey:
    """Implements `EngineServer`."""

    def __init__(self, server: RedisServer) -> None:
        self._server = server
        self.url = server.socket_url

    def commands(self) -> int:
        lines = self._server.command("INFO", "stats").decode().splitlines()
        return int(next(line for line in lines if line.startswith("total_commands_processed:")).partition(":")[2])


class Postgres:
    """Implements `EngineServer`. A transaction counts as a command: the engine's statements are one each."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self.url = server.url()

    def commands(self) -> int:
        statistics = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
        with psycopg.connect(self._server.url(), autocommit=True) as connection:
            # A server process reports at most once a second, and at once when it is asked to.
            connection.execute("SELECT pg_sleep(4)")
            row = connection.execute(statistics.encode()).fetchone()
        assert row is not None
        return int(row[0])


@contextlib.contextmanager
def valkey() -> Iterator[EngineServer]:
    with redis.running("valkey") as server:
        yield Valkey(server)


@contextlib.contextmanager
def postgres() -> Iterator[EngineServer]:
    server = PostgresServer(autovacuum="off")  # its transactions would be counted
    try:
        server.start()
        yield Postgres(server)
    finally:
        server.close()
