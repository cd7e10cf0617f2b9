"""Waiting for what has no event to wait for: another thread, another process or the database knows it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from tests.support.deadlines import DEADLINE_S


async def until(condition: Callable[[], object]) -> None:
    """Let the loop turn until `condition` holds. Raises TimeoutError at the deadline."""
    async with asyncio.timeout(DEADLINE_S):
        while not condition():  # noqa: ASYNC110  # there is no event
            await asyncio.sleep(0.002)
