"""Opens the engine's two connections, with the settings that it relies on.

What is opened here is ready: the tables are there, the server is no standby, and what a gateway notifies arrives.
Behind a pooler that changes sessions between transactions (PgBouncer's mode `transaction`), LISTEN and prepared
statements are lost: that is found out here. It knows no rooms.
Invariant: no text holds a password.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import psycopg
from psycopg import sql

from tidegate.engines.postgres.install import Connection, install
from tidegate.engines.setup import EngineError
from tidegate.urls import shown

CONNECT_S = 5
LOCK_MS = 800
"""How long a statement waits for a lock, of another program for example; shorter than a publish is held."""
STATEMENT_MS = 5000
IDLE_MS = 10_000
"""How long a gateway may stand still in a transaction, which may hold the lock of all gateways."""
HEARD_S = 5.0
"""How long the test of LISTEN waits."""
SETTINGS = {
    "client_encoding": "UTF8",
    "synchronous_commit": "off",
    "default_transaction_isolation": "read committed",
    "default_transaction_read_only": "off",
    "lock_timeout": str(LOCK_MS),
    "statement_timeout": str(STATEMENT_MS),
    "idle_session_timeout": "0",
    "idle_in_transaction_session_timeout": str(IDLE_MS),
    "jit": "off",
    "plan_cache_mode": "force_generic_plan",
    "standard_conforming_strings": "on",
    "row_security": "on",
}
SETTINGS_OF_17 = {"transaction_timeout": "0"}
"""Of PostgreSQL 17 and newer. Each statement has a limit, and standing still between two of them."""
POOLED = (
    "engine: there is a pooler before this PostgreSQL server that does not keep sessions (PgBouncer's pool_mode "
    "`transaction` or `statement`), and through it no notification arrives; give --engine the URL of the server "
    "itself, or of a pool with pool_mode `session`"
)


def channel(node: str) -> str:
    """On which a gateway is woken."""
    return f"tidegate_{node}"


async def connect(url: str, name: str) -> Connection:
    """A connection in autocommit mode. `name`: what the server's lists show. Raises psycopg.Error."""
    connection = await psycopg.AsyncConnection[Any].connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_S,
        application_name=name,
        keepalives_idle=10,
        keepalives_interval=5,
        keepalives_count=3,
        tcp_user_timeout=15_000,
    )
    asked = SETTINGS | (SETTINGS_OF_17 if connection.info.server_version >= 170000 else {})
    settings = sql.SQL(", ").join(
        sql.SQL("set_config({}, {}, false)").format(sql.Literal(each), sql.Literal(value))
        for each, value in asked.items()
    )
    try:
        await connection.execute(sql.SQL("SELECT {}").format(settings))
    except BaseException:
        await connection.close()
        raise
    return connection


async def open_pair(url: str, prefix: str, node: str, *, repair: bool) -> tuple[Connection, Connection]:
    """The connection that carries messages and notifications, and the one for histories and joins. `repair`: as for
    `install`.

    Raises EngineError where no later attempt will succeed, psycopg.Error where one may.
    """
    first = await connect(url, f"tidegate rooms {prefix}")
    second = None
    try:
        await install(first, prefix, repair=repair)
        await first.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel(node))))
        second = await connect(url, f"tidegate rooms {prefix} (history)")
        await _check_sessions(first, second)
        await _check_heard(first, node)
    except BaseException:
        await first.close()
        if second is not None:
            await second.close()
        raise
    return first, second


async def _check_sessions(first: Connection, second: Connection) -> None:
    """A pooler that does not keep sessions gives the second connection what the first one had. Raises EngineError."""
    ours = await _process(first)
    async with second.transaction():
        if await _process(second) == ours:
            raise EngineError(POOLED)


async def _process(connection: Connection) -> int:
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    assert row is not None
    return int(row[0])


async def _check_heard(first: Connection, node: str) -> None:
    """Raises EngineError where a notification to this gateway does not arrive."""
    await first.execute("SELECT pg_notify(%s, '')", [channel(node)])
    with contextlib.suppress(asyncio.TimeoutError):
        async with asyncio.timeout(HEARD_S):
            async for _ in first.notifies(timeout=HEARD_S, stop_after=1):
                return
    raise EngineError(POOLED)


def refused(url: str, error: Exception) -> EngineError:
    """Why the engine cannot be started."""
    return EngineError(f"engine {shown(url)}: {str(error).strip()}")
