"""What is measured at several sizes: processor time of operations in this process, memory of a gateway.

Each size is measured alone, so that nothing of another one is left. It fits no model and writes no page.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import msgspec

from tests.bench import measures
from tests.bench.guard.figures import low
from tests.bench.guard.paths import Work, change, join, row
from tests.bench.transport import tidegate
from tests.support.gateway import ROOT
from tidegate import schema
from tidegate.contract import Contract

SLICES = 200
SPARE_FILES = 1_000
"""Open files that are left for other things than connections."""


class Curve(msgspec.Struct, frozen=True):
    """`measure` returns the cost at one size, in `unit`."""

    title: str
    of: str
    unit: str
    sizes: tuple[int, ...]
    measure: Callable[[int], float]


def repeated(prepare: Callable[[int], Callable[[ExitStack], Work]], times: int) -> Callable[[int], float]:
    """Microseconds of one of the `times` operations that a path does."""

    def measure(size: int) -> float:
        with ExitStack() as stack:
            work = prepare(size)(stack)
            work()
            gc.collect()
            gc.freeze()
            gc.disable()
            try:
                return low([_slice(work) for _ in range(SLICES)]) / times / 1000
            finally:
                gc.enable()
                gc.unfreeze()

    return measure


def _slice(work: Work) -> int:
    began = time.thread_time_ns()
    work()
    return time.thread_time_ns() - began


def contract(tables: int) -> float:
    """Milliseconds to read, check and compile the contract of so many tables like `users` of the sample."""
    users = (ROOT / "schema/resources/users.schema.json").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "resources"
        folder.mkdir()
        for number in range(tables):
            table = json.loads(users)
            table["title"] = f"Thing{number}"
            table["x-resource"]["table"] = f"things{number}"
            (folder / f"things{number}.schema.json").write_text(json.dumps(table), encoding="utf-8")
        began = time.process_time()
        compiled = Contract(schema.bundle(schema.load(Path(name))))
        used = time.process_time() - began
    assert len(compiled.resources) == tables
    return used * 1000


def memory(size: int) -> float:
    """Megabytes that so many clients in one room add to a gateway."""

    async def measure() -> float:
        with tidegate() as server:
            kilobytes, _ = await measures.connections(server, size)
        return kilobytes * size / 1024

    return asyncio.run(measure())


def most_connections() -> int:
    """What the hard limit of open files allows, for the gateway and for the load generator alike."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return (soft if hard == resource.RLIM_INFINITY else hard) - SPARE_FILES


def curves() -> Mapping[str, Curve]:
    """All curves by name. The number of connections ends where the limit of open files does."""
    most = most_connections()
    connections = tuple(dict.fromkeys(min(size, most) for size in (1_000, 5_000, 10_000, 20_000)))
    subscriptions, members = (1_000, 10_000, 100_000), (10, 100, 1_000, 10_000)
    return {
        "connections": Curve("memory of clients in one room", "connections", "MB", connections, memory),
        "subscriptions": Curve(
            "a change that concerns ten subscriptions of many",
            "subscriptions",
            "us",
            subscriptions,
            repeated(change, 20),
        ),
        "members": Curve("join and leave of a room", "members", "us", members, repeated(join, 20)),
        "tables": Curve("reading and compiling a contract", "tables", "ms", (1, 10, 100, 300), contract),
        "rows": Curve("a row of SQLite by its key", "rows", "us", (1, 1_000, 100_000, 1_000_000), repeated(row, 10)),
    }
