"""A hub in virtual time: the product's own, on simulated lines, and what can happen to it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from tests.simulate.loop import SimulatedLoop
from tests.simulate.rooms.network import OwnSocket, ServerLine
from tidegate.core.budgets.ledger import Ledger
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.hub.line import Line
from tidegate.hub.server import HubServer
from tidegate.workers.hub import TICK_S


class _Transport(asyncio.Transport):
    """The hub's transport of one line."""

    def __init__(self, line: ServerLine) -> None:
        super().__init__()
        self._line = line
        self._closing = False

    def write(self, data: Any) -> None:
        if not self._closing:
            self._line.answer(bytes(data))

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return OwnSocket() if name == "socket" else default

    def get_write_buffer_size(self) -> int:
        return self._line.unread

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        """The hub looks at the size itself."""

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        if not self._closing:
            self._closing = True
            self._line.end()


class _Session:
    """The hub's side of one line."""

    def __init__(self, loop: SimulatedLoop, line: ServerLine, protocol: Line) -> None:
        self._loop = loop
        self._protocol = protocol
        self._gone = False
        loop.call_soon(protocol.connection_made, _Transport(line))

    def said(self, data: bytes) -> None:
        if not self._gone:
            self._protocol.data_received(data)

    def gone(self) -> None:
        if not self._gone:
            self._gone = True
            self._loop.call_soon(self._protocol.connection_lost, None)


class SimulatedHub:
    """One hub after the other: each begins with nothing."""

    def __init__(self, loop: SimulatedLoop, now: Callable[[], float]) -> None:
        self.down = False
        self._loop = loop
        self._now = now
        self._runs = 0
        self._lines: list[ServerLine] = []
        self._rooms: RoomsOfHub
        self._hub: HubServer
        self._begin()
        loop.call_later(TICK_S, self._tick)

    def session(self, line: ServerLine) -> _Session:
        self._lines.append(line)
        return _Session(self._loop, line, Line(self._hub._begun, answers_pings=True))

    def cut_all(self) -> None:
        """Every line ends."""
        lines, self._lines = self._lines, []
        for line in lines:
            line.end()

    def restart_empty(self) -> None:
        """The process was killed, and there is another one."""
        self.cut_all()
        self._begin()

    def _begin(self) -> None:
        self._runs += 1
        began = self._runs + int(self._loop.time() * 1e9)
        self._rooms = RoomsOfHub(Ledger(), f"h{self._runs}", self._now, began=began, again=self._runs > 1)
        self._hub = HubServer({"rooms": self._rooms.join})

    def _tick(self) -> None:
        self._rooms.tick(self._loop.time())
        self._loop.call_later(TICK_S, self._tick)
