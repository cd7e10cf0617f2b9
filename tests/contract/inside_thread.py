"""A whole gateway in a thread of the test process: real socket, real SQLite file, and parts that a test can patch."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT
from tests.transport.inside import SECRET, running
from tidegate.auth.tokens import sign
from tidegate.checks.gateway_process import Address

START_S = DEADLINE_S
LIFE_S = 3600.0


@contextlib.contextmanager
def gateway_in_a_thread(folder: Path, schema: Path = ROOT / "schema") -> Iterator[Address]:
    """A gateway over the sample application, or over another one, its tables empty. It ends with the block."""
    begun, ended = threading.Event(), threading.Event()
    found: list[str] = []
    trouble: list[BaseException] = []

    async def serve() -> None:
        limits: dict[str, Any] = {"max_rooms": 100_000, "max_subscriptions": 100_000, "max_page": 50}
        async with running(folder, schema=str(schema), **limits) as inside:
            found.append(inside.url)
            begun.set()
            await asyncio.to_thread(ended.wait)

    def work() -> None:
        try:
            asyncio.run(serve())
        except BaseException as error:  # the test reports a failure of the thread
            trouble.append(error)
        finally:
            begun.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert begun.wait(START_S), "the gateway did not start"
        assert found, trouble
        token = sign(SECRET, "contract-check", "Contract check", ["admin"], time.time(), LIFE_S)
        yield Address(found[0], token)
    finally:
        ended.set()
        thread.join(START_S)
    assert not trouble, trouble
