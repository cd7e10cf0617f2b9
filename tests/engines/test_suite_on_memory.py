"""The suite on the engine of one process, which has no other gateways and no server that could be lost."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from tests.engines.suite.cases import Case, every_case, play
from tests.engines.suite.under_test import Ability
from tests.support.deadlines import DEADLINE_S
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import Engine, EngineListener
from tidegate.engines.memory import MemoryEngine
from tidegate.engines.setup import LeaseTimes


class Opened(MemoryEngine):
    """Delivers open rooms only. Its gateway drops what is delivered of others, so the engine does not look."""

    def listen(self, listener: EngineListener) -> None:
        deliver = listener.delivered

        def delivered(room: str, offset: int, text: bytes) -> None:
            if room in self._open:
                deliver(room, offset, text)

        listener.delivered = delivered  # type: ignore[method-assign]
        super().listen(listener)


class MemoryUnderTest:
    """Implements `EngineUnderTest`."""

    name = "the engine of one process"
    cannot: Mapping[Ability, str] = {
        Ability.SEVERAL: "it is one gateway's",
        Ability.KILL: "it dies with its gateway",
        Ability.CUT: "it has no connection",
        Ability.EMPTY: "it has no server",
        Ability.PROMOTE: "it has no replicas",
        Ability.LOSE: "it has no beat",
        Ability.LOSE_CHANGE: "it has no connection",
    }
    times = LeaseTimes()
    patience = DEADLINE_S

    def __init__(self) -> None:
        self._now = 1000.0

    def clock(self) -> float:
        return self._now

    async def start(self, listener: EngineListener, rooms: Sequence[str]) -> Engine:
        engine = Opened(msgspec.json.encode, "e", Ledger())
        engine.listen(listener)
        return engine

    def node(self, engine: Engine) -> str:
        return "the only one"

    async def turn(self) -> None:
        await asyncio.sleep(0)

    async def pass_time(self, seconds: float) -> None:
        self._now += seconds

    async def kill(self, engine: Engine) -> None:
        raise NotImplementedError

    async def cut(self, engine: Engine) -> None:
        raise NotImplementedError

    async def heal(self, engine: Engine) -> None:
        raise NotImplementedError

    def lose_beat(self, engine: Engine) -> None:
        raise NotImplementedError

    def lose_change(self, engine: Engine) -> None:
        raise NotImplementedError

    async def restart_empty(self) -> None:
        raise NotImplementedError

    async def promote(self, lost: Callable[[], Awaitable[None]]) -> None:
        raise NotImplementedError


@every_case
async def test_the_suite(played: Case) -> None:
    await play(played, MemoryUnderTest())
