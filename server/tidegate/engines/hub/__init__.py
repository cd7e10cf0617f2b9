"""The engine of the workers of one machine: room messages, history and presence live in the hub's process.

`engine.HubEngine` is the worker's side; `rooms.RoomsOfHub` is the hub's, over the engine of one process.
"""

from __future__ import annotations

from tidegate.engines.hub.engine import HubEngine
from tidegate.engines.setup import EngineSetup

SCHEME = "hub://"


async def start(setup: EngineSetup) -> HubEngine:
    """The engine of a worker. `setup.url`: `hub://` and the address of the hub's socket."""
    return HubEngine(setup.url.removeprefix(SCHEME), setup.node, setup.times.grace)
