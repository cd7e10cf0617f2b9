"""The first connection: a server that is away is waited for, and then the gateway starts without it.

What a person has to mend ends the start with words: a URL that is none, a wrong password, a database that is not there.
The texts of a refused connection are in the server's language, so the server is asked whether it takes connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import psycopg
from psycopg import conninfo, pq

from tidegate.engines.postgres.connecting import refused

START_S = 5.0
"""How long a gateway that starts waits for the server. Without it, it starts and is not ready."""
PAUSE_S = 0.2
PING_S = 2
GOING_DOWN = ("08", "57P")
"""How the SQLSTATE begins where the server ends connections."""


async def connected(connect: Callable[[], Awaitable[None]], url: str, away: Callable[[], None]) -> Exception | None:
    """Call `connect` until it succeeds, and return None; after `START_S` return why the server is away.

    `away` is called when that is seen. Raises EngineError where no later attempt will succeed.
    """
    end = asyncio.get_running_loop().time() + START_S
    while True:
        try:
            async with asyncio.timeout_at(end):
                await connect()
            return None
        except (psycopg.Error, OSError) as error:  # a TimeoutError is an OSError
            if not await is_away(url, error):
                raise refused(url, error) from None
            away()
            if asyncio.get_running_loop().time() + PAUSE_S >= end:
                return error
        await asyncio.sleep(PAUSE_S)


async def is_away(url: str, error: Exception) -> bool:
    """Whether `error` says that the server at `url` cannot be reached, or takes no connections at the moment."""
    if isinstance(error, OSError | psycopg.errors.ConnectionTimeout):
        return True
    if not isinstance(error, psycopg.OperationalError):
        return False
    if error.sqlstate is not None:
        return error.sqlstate.startswith(GOING_DOWN)
    return await asyncio.to_thread(_takes_none, url)


def _takes_none(url: str) -> bool:
    """Whether there is no server, or one that starts or stops. It answers that without a login."""
    asked = conninfo.make_conninfo(url, connect_timeout=PING_S)
    return pq.PGconn.ping(asked.encode()) in {pq.Ping.NO_RESPONSE, pq.Ping.REJECT}
