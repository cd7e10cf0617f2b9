"""A listener to a change feed."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence

from tests.support.deadlines import DEADLINE_S
from tidegate.core.rows.ports import Change


class Heard:
    """What the feed delivered: batches with the position after each."""

    def __init__(self) -> None:
        self.batches: list[tuple[list[Change], int]] = []
        self.threads: set[int] = set()
        self._news = asyncio.Event()

    def deliver(self, changes: Sequence[Change], head: int) -> None:
        self.batches.append((list(changes), head))
        self.threads.add(threading.get_ident())
        self._news.set()

    @property
    def changes(self) -> list[Change]:
        return [change for changes, _ in self.batches for change in changes]

    @property
    def head(self) -> int:
        return self.batches[-1][1] if self.batches else 0

    async def until(self, head: int) -> None:
        """Returns once everything up to `head` was delivered."""
        async with asyncio.timeout(DEADLINE_S):
            while self.head < head:
                self._news.clear()
                await self._news.wait()
