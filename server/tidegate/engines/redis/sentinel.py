"""Asks Sentinels where the master is. They are asked again for each connection: the last answer may be outdated.

It knows one question, and nothing of what the master is for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from tidegate.engines.redis.connection import Connection, ConnectionLost
from tidegate.engines.redis.greeting import NotNow, hello
from tidegate.engines.redis.resp import ReplyError, pack
from tidegate.engines.redis.urls import Address, Login

ANSWER_S = 2.0
"""How long one Sentinel has."""


async def master_of(
    name: str, sentinels: Sequence[Address], login: Login, connect: Callable[[Address], Awaitable[Connection]]
) -> Address:
    """The address of the master that the first Sentinel with an answer names. Raises NotNow."""
    reasons: list[str] = []
    for address in sentinels:
        try:
            async with asyncio.timeout(ANSWER_S):
                connection = await connect(address)
                try:
                    found = await _ask(connection, name, login)
                finally:
                    connection.close()
        except (OSError, TimeoutError, ReplyError, ConnectionLost) as error:
            reasons.append(f"{address}: {error or type(error).__name__}")
            continue
        if found is not None:
            return found
        reasons.append(f"{address} does not know {name}")
    raise NotNow(f"no Sentinel names the master: {'; '.join(reasons)}")


async def _ask(connection: Connection, name: str, login: Login) -> Address | None:
    await connection.answer(hello(login, "tidegate"))
    found: Any = await connection.answer(pack([b"SENTINEL", b"GET-MASTER-ADDR-BY-NAME", name.encode()]))
    return None if not found else Address(found[0].decode(), int(found[1]))
