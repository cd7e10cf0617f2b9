"""The Python client under observation: a live query and a room, on a line that breaks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.clients.reconnects.history import History
from tidegate_client import Client, LiveQuery, Room, connect

LAST = "the end"


async def watch(url: str, room: str, history: History, delay: Callable[[], float]) -> None:
    """Write down what the client sees until the last row and the last message. `delay`: shortens the backoff."""
    async with connect(url, wait=True, random=delay) as client:
        live = await client.subscribe("tasks", {"done": False})
        joined = await client.join(room)
        statuses = asyncio.create_task(_statuses(client, history))
        try:
            await asyncio.gather(_rows(live, history), _messages(joined, history))
        finally:
            statuses.cancel()


async def _statuses(client: Client, history: History) -> None:
    history.see({"open": True})
    async for status in client.statuses():
        if status == "open":
            history.see({"open": True})


async def _rows(live: LiveQuery[dict[str, Any]], history: History) -> None:
    async for change in live:
        title = change.row["title"] if change.row else None
        history.see({"change": [change.action, change.key, title]})
        rows = {str(key): row["title"] for key, row in live.rows.items()}
        if live.ready and live.position is not None:
            history.see({"rows": rows, "seq": live.position["seq"]})
        if title == LAST:
            return


async def _messages(room: Room[Any], history: History) -> None:
    async for message in room:
        text = message.data["text"]
        history.see({"message": message.position["offset"], "text": text, "gap": message.gap})
        if text == LAST:
            return
