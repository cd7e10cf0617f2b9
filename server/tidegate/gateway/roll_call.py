"""Asks every gateway of the engine who it is, for operators: over the engine, as gateways tell one another all else.

A gateway that is known to the engine and does not answer in time is named as silent. It knows nothing of how operators
ask, and keeps nothing of other gateways between two calls.
Invariant: `ask` returns within its time, and each gateway is in its answer once; this one is not.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from tidegate.core.rooms.ports import Engine
from tidegate.gateway.engine_listener import EngineListener

CALL, HERE = "roll-call", "here"
"""What gateways call the question and its answer among each other."""
ANSWER_S = 1.0
MOST = 1000
"""Answers of one call, at most."""

About = Mapping[str, Any]


class _Call(msgspec.Struct, array_like=True):
    node: str
    """Who asks."""
    number: int


class _Here(msgspec.Struct, array_like=True):
    node: str
    number: int
    about: dict[str, Any]


class _Asked(msgspec.Struct):
    """A call under way."""

    done: asyncio.Future[None]
    answers: dict[str, dict[str, Any]]


class RollCall:
    """Of one gateway. `about`: what it says of itself, as JSON has it."""

    def __init__(self, engine: Engine, listener: EngineListener, about: Callable[[], About]) -> None:
        self.about = about
        self._engine = engine
        self._numbers = itertools.count(1)
        self._asked: dict[int, _Asked] = {}
        listener.on_told(CALL, self._called)
        listener.on_told(HERE, self._heard)

    async def ask(self, seconds: float = ANSWER_S) -> list[dict[str, Any]]:
        """What the other gateways say of themselves, with `node`, `standing`, `heard` and `silent`.

        It waits for those that the engine knows, at most `seconds`.
        """
        if not self._engine.others():
            return []
        number = next(self._numbers)
        asked = self._asked[number] = _Asked(asyncio.get_running_loop().create_future(), {})
        try:
            self._tell(None, CALL, _Call(self._engine.node, number))
            await asyncio.wait([asked.done], timeout=seconds)
        finally:
            del self._asked[number]
        known = {
            other.node: {"node": other.node, "standing": other.standing, "heard": other.heard}
            for other in self._engine.others()
        }
        found = [
            {"standing": "present", "heard": None, **known.pop(node, {}), **said, "node": node, "silent": False}
            for node, said in asked.answers.items()
        ]
        return found + [{**other, "silent": True} for other in known.values()]

    def _called(self, text: str) -> None:
        """A gateway asks; it may be this one."""
        call = msgspec.json.decode(text, type=_Call)
        own = self._engine.node
        if call.node != own:
            self._tell(call.node, HERE, _Here(own, call.number, dict(self.about())))

    def _heard(self, text: str) -> None:
        here = msgspec.json.decode(text, type=_Here)
        asked = self._asked.get(here.number)
        if asked is None or len(asked.answers) >= MOST or asked.done.done():
            return  # it came too late
        asked.answers[here.node] = here.about
        present = {other.node for other in self._engine.others() if other.standing == "present"}
        if present <= asked.answers.keys():
            asked.done.set_result(None)

    def _tell(self, node: str | None, kind: str, said: msgspec.Struct) -> None:
        self._engine.tell(node, kind, msgspec.json.encode(said).decode())
