"""A client of Python behind a thin line, in the time of a clock that goes on with the bytes that pass the line.

`make patience` does the same with a real gateway, in minutes.
"""

from __future__ import annotations

import asyncio
import math
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from tests.chaos.thin_line import CHUNK, SMALL, STUCK, ThinLine, fill, finishes, is_cut
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, migrate
from tests.support.waiting import until
from tests.transport.inside import Inside, running
from tests.transport.test_backpressure import FakeClock
from tidegate.transport.open_connections import SLICES
from tidegate.transport.state import OPEN

ROWS = 6_000
HALF = 600_000
"""Bytes of the snapshot."""
KBIT_64 = 8_000
"""Bytes a second. A client has to take 3,277."""
pytestmark = pytest.mark.slow


async def at(rate: int, folder: Path, play: Callable[[ThinLine], object]) -> tuple[object, float, bool]:
    """Play behind a line of `rate`. Returns the result, the seconds of the line, and whether data waited for it."""
    migrate(f"sqlite:///{folder / 'tidegate.db'}", ROOT / "schema")
    fill(folder / "tidegate.db", ROWS)
    clock = FakeClock()
    waited = False
    async with running(folder) as inside:
        inside.listener.context.now = clock
        for listening in inside.listener._server._sockets:
            # Connections inherit it. Larger buffers grow with the kernel's memory, until nothing waits at the gateway.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)

        async def pace(seconds: float) -> None:
            nonlocal waited
            # Each connection is looked at once a second, as the gateway does: more seldom, and short waits are missed.
            looks = math.ceil(seconds * SLICES)
            for _ in range(looks):
                clock.now += seconds / looks
                inside.listener.context.door.sweep(clock.now, lambda _: True)
            # While the snapshot flows, more waits than all buffers hold together. No time passes while it is read.
            if CHUNK < line.passed < HALF:
                await until(
                    lambda: not _sides(inside) or any(side._paused_since is not None for side in _sides(inside))
                )
                waited = waited or bool(_sides(inside))
            await asyncio.sleep(0)

        async with ThinLine(inside.listener.port, rate, pace) as line:
            async with asyncio.timeout(DEADLINE_S):
                result = await play(line)  # type: ignore[misc]
        return result, clock.now - 1000.0, waited


def _sides(inside: Inside) -> list[Any]:
    """Of open connections: one that is about to end has no more to send, and time has to pass for it."""
    sides = [cast("Any", each).write_side for each in inside.listener.context.connections]
    return [side for side in sides if side.state is OPEN]


async def test_a_line_of_64_kbit_finishes_its_snapshot_on_one_connection(tmp_path: Path) -> None:
    """Data waits for more than 10 seconds at a time, and the client takes little more than it has to."""
    _, seconds, waited = await at(KBIT_64, tmp_path, lambda line: finishes(line, ROWS))
    assert seconds > 100
    assert waited


async def test_a_line_that_takes_almost_nothing_is_cut(tmp_path: Path) -> None:
    code, seconds, waited = await at(STUCK, tmp_path, is_cut)
    assert waited
    assert code in {4101, 1006}
    assert seconds < 2000, "what the operating systems hold passes after the cut; the snapshot would take longer"
