"""docs/how-to/worker.md: the worker runs as it stands there, and misses no change when it or the gateway restarts."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import pytest

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tidegate_client import connect

(WORKER,) = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "how-to" / "worker.md").read_text(), re.S)


class Worker:
    """One run of the worker, with what it printed."""

    def __init__(self, place: Path, lines: list[str]) -> None:
        self.program: dict[str, Any] = {"__name__": "worker", "print": self.write}
        exec(compile(WORKER, "worker.md", "exec"), self.program)
        self.program["PLACE"] = place
        self.lines = lines
        self.wrote = asyncio.Event()
        self.task: asyncio.Task[None]

    def write(self, *words: object, flush: bool) -> None:
        self.lines.append(" ".join(map(str, words)))
        self.wrote.set()

    def start(self, url: str) -> None:
        self.task = asyncio.ensure_future(self.program["main"](url))

    async def until(self, line: str) -> None:
        async with asyncio.timeout(DEADLINE_S):
            while line not in self.lines:
                self.wrote.clear()
                await self.wrote.wait()

    async def stop(self) -> None:
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.mark.process
async def test_the_worker_goes_on_where_it_was(tmp_path: Path) -> None:
    gateway, lines, made = GatewayProcess(tmp_path, "--dev"), list[str](), 0
    gateway.migrate()
    gateway.start()
    try:
        for run in range(3):
            async with connect(gateway.url) as client:
                users = client.resource("users")
                worker = Worker(tmp_path / "worker.json", lines)
                for _ in range(2):  # while no worker runs
                    made += 1
                    await users.create({"name": f"u{made}", "email": f"u{made}@example.org"})
                worker.start(gateway.url)
                await worker.until(f"{'found' if run == 0 else 'create'} {made}")
                made += 1
                await users.create({"name": f"u{made}", "email": f"u{made}@example.org"})
                await worker.until(f"create {made}")
                await worker.stop()
            if run == 1:
                gateway.stop()
                gateway.start()
    finally:
        gateway.stop()
    created = [int(line.split()[1]) for line in lines if line.startswith("create")]
    assert sorted(set(created)) == list(range(3, made + 1)), "each change after the first load"
    assert len(created) <= made - 2 + 2, "once more at most for each of the two restarts"
    assert lines[:2] == ["found 1", "found 2"]
