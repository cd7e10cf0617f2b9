"""A supervisor of fake members in a process, as tests see it: its processes, its log, and who answers on its port."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, clean_environment
from tests.support.ports import free_port
from tests.support.waiting import until

PROGRAM = Path(__file__).parent / "fake_serve.py"


class Supervised:
    """`start` starts it in `folder`, where files say how members behave."""

    def __init__(self, folder: Path, *options: str, **environment: str) -> None:
        self.folder = folder
        self.port = free_port()
        self._options = options
        self._environment = {**clean_environment(), "PYTHONPATH": str(ROOT), **environment}
        self._process: subprocess.Popen[str] | None = None

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None
        return self._process

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def started(self) -> list[list[str]]:
        """The members that were started, in order: name, number, process id, behaviour."""
        file = self.folder / "started"
        return [line.split() for line in file.read_text().splitlines()] if file.exists() else []

    @property
    def members(self) -> set[int]:
        """The processes that run now."""
        try:
            return {each.pid for each in psutil.Process(self.process.pid).children()}
        except psutil.NoSuchProcess:
            return set()

    @property
    def ready(self) -> bool:
        """Whether there are a hub and two workers, and all of them serve."""
        file, members = self.folder / "ready", self.members
        return file.exists() and len(members) == 3 and members <= {int(line) for line in file.read_text().split()}

    @property
    def hub(self) -> int:
        """The process of the hub, which was started before the workers."""
        for each in psutil.Process(self.process.pid).children():
            with contextlib.suppress(psutil.NoSuchProcess):  # it has just ended
                if '"kind":"hub"' in "".join(each.cmdline()):  # of a process that ends it is empty
                    return each.pid
        raise AssertionError("there is no hub")

    @property
    def workers(self) -> set[int]:
        return self.members - {self.hub}

    def behave(self, member: str, how: str) -> None:
        """How processes of `member` behave that are started from here on."""
        (self.folder / member).write_text(how)

    def start(self, command: Iterable[str] = (), environment: Mapping[str, str] | None = None) -> None:
        """Start it, and return when it serves, or has ended."""
        arguments = [sys.executable, str(PROGRAM), "--port", str(self.port), "--workers", "2", *self._options]
        with (self.folder / "log").open("a") as log:
            self._process = subprocess.Popen(
                [*command, *arguments],
                cwd=self.folder,
                env={**self._environment, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def signal(self, signum: signal.Signals) -> None:
        self.process.send_signal(signum)

    def ended(self) -> int:
        """Wait until it has ended. Returns the exit code."""
        return self.process.wait(DEADLINE_S)

    def close(self) -> None:
        if self._process is None:
            return
        left = self.members
        self._process.kill()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()
        for pid in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    async def logged(self, text: str, times: int = 1) -> str:
        """Wait until the log has `text` so many times; returns the last line with it."""
        await until(lambda: self.log.count(text) >= times)
        return [line for line in self.log.splitlines() if text in line][-1]

    async def others(self, before: set[int]) -> set[int]:
        """Wait until none of `before` runs, and as many others do."""
        await until(lambda: not self.members & before and len(self.members) == len(before))
        return self.members

    async def ask(self) -> str:
        """Who answers a connection: a member's name and process id."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            async with asyncio.timeout(DEADLINE_S):
                return (await reader.readline()).decode().strip()
        finally:
            writer.close()

    async def spread(self, connections: int) -> collections.Counter[str]:
        """Which workers take so many connections that are open at a time."""
        opened = [await asyncio.open_connection("127.0.0.1", self.port) for _ in range(connections)]
        async with asyncio.timeout(DEADLINE_S):
            names = [(await reader.readline()).decode().rpartition(" ")[0] for reader, _ in opened]
        for _, writer in opened:
            writer.close()
        return collections.Counter(names)
