"""Gives tasks whose title says "urgent" the highest priority, and goes on where it stopped.

It keeps its place in a file: a task that is added while the worker is not running is not missed.

    python worker.py ws://127.0.0.1:8787/ws place.json
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from tidegate_client import Client, RequestRefused, connect

URGENT = {"title": {"contains": "urgent"}, "priority": {"gt": 1}}


async def work(url: str, place: Path) -> None:
    """Deal with each change, and keep the place behind it."""
    async with connect(url, wait=True) as client, await client.subscribe("tasks", URGENT, since=read(place)) as live:
        async for change in live:
            found = live.rows.values() if change.action == "reset" else [change.row]
            for task in list(found):
                if task is not None:
                    await hurry(client, task)
            keep(place, live.since)


async def hurry(client: Client, task: dict[str, Any]) -> None:
    """Unless the title was changed meanwhile: then that change comes next."""
    try:
        await client.resource("tasks").update(task["id"], {"priority": 1}, expect={"title": task["title"]})
        print("urgent:", task["title"], flush=True)
    except RequestRefused as refused:
        print("left alone:", task["title"], refused.code, flush=True)


def read(place: Path) -> Any:
    """Where the last run stopped; None before the first."""
    return json.loads(place.read_text(encoding="utf-8")) if place.exists() else None


def keep(place: Path, since: Any) -> None:
    """Write a new file and rename it, so that the place is whole whenever the worker ends."""
    new = place.with_suffix(".new")
    new.write_text(json.dumps(since), encoding="utf-8")
    new.rename(place)


if __name__ == "__main__":
    asyncio.run(work(sys.argv[1], Path(sys.argv[2])))
