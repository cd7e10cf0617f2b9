"""The settings of one worker of several: limits of the whole gateway are divided, the hub has a part of the memory.

Limits of one address that workers count together (`counts`) stay as they are.
"""

from __future__ import annotations

import math

import msgspec

from tidegate.config import Settings
from tidegate.engines.opening import MEMORY
from tidegate.memory_limit import LEAST


def of_worker(settings: Settings, workers: int, *, hub: str | None) -> Settings:
    """The settings of each of `workers`. `hub`: the address of the hub; it is their engine where they have no other."""
    return msgspec.structs.replace(
        settings,
        engine=settings.engine if hub is None or settings.engine != MEMORY else f"hub://{hub}",
        max_connections=math.ceil(settings.max_connections / workers),
        memory=_memory(settings, workers + (hub is not None)),
    )


def of_hub(settings: Settings, workers: int) -> Settings:
    """The settings of the hub beside `workers`."""
    return msgspec.structs.replace(settings, memory=_memory(settings, workers + 1))


def _memory(settings: Settings, processes: int) -> str:
    limit = settings.memory_bytes
    return str(max(LEAST, limit // processes)) if limit else "0"
