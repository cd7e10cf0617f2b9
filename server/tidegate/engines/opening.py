"""Chooses the engine by its URL, and starts it.

The package of an engine is imported only where it is used, so that no gateway needs the driver of another one's.
Invariant: no engine outside of the gateway is started without a prefix.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from typing import Any

import msgspec

from tidegate.core.rooms.ports import Engine
from tidegate.engines.memory import MemoryEngine
from tidegate.engines.setup import EngineError, EngineSetup, check_prefix

MEMORY, DATABASE = "memory", "database"
REDIS = (
    *("redis", "rediss", "redis+sentinel", "rediss+sentinel", "redis+unix", "unix"),
    *("valkey", "valkeys", "valkey+sentinel", "valkeys+sentinel", "valkey+unix"),
)
POSTGRES = ("postgresql", "postgres")
HUB = "hub"
PACKAGES = {
    **dict.fromkeys(REDIS, "tidegate.engines.redis"),
    **dict.fromkeys(POSTGRES, "tidegate.engines.postgres"),
    HUB: "tidegate.engines.hub",
}
"""By the scheme of the URL: the package whose `start` makes the engine."""
UNKNOWN = (
    "engine: this names no engine; write memory, redis://host:6379/0, rediss://..., redis+sentinel://..., "
    "unix:///path, postgresql://... or database"
)


def check(engine: str, prefix: str | None, database: str) -> None:
    """Whether these settings name an engine. Raises EngineError, before anything is opened."""
    scheme = _scheme(engine)
    if scheme is None or scheme == HUB:
        return
    check_prefix(prefix)
    if engine == DATABASE and database.partition("://")[0] not in POSTGRES:
        raise EngineError(
            "engine: `database` stands for the gateway's PostgreSQL database, and this gateway has another one; "
            "write memory, redis://... or postgresql://..."
        )


def check_setting(engine: str, prefix: str | None, database: str) -> None:
    """As `check`, for what a person wrote: the hub is the supervisor's engine alone, and a prefix means an engine."""
    if engine.partition(":")[0] == HUB:
        raise EngineError(UNKNOWN)
    if engine == MEMORY and prefix is not None:
        raise EngineError(
            "engine_prefix: it is the application's name in an engine, and this gateway has none (engine = memory); "
            "write for example --engine redis://host:6379/0 (or TIDEGATE_ENGINE=...), or leave the prefix out"
        )
    check(engine, prefix, database)


async def open_engine(setup: EngineSetup, database: str) -> Engine:
    """The engine that `setup.url` names, connected; `database` is the URL of the gateway's database.

    Raises EngineError where there is no such engine, or where it cannot be used.
    """
    check(setup.url, setup.prefix, database)
    if _scheme(setup.url) is None:
        memory = MemoryEngine(setup.encode, setup.new_epoch(), setup.ledger)
        memory.sweep_with(asyncio.get_running_loop().call_later, setup.wall)
        return memory
    if setup.url == DATABASE:
        setup = msgspec.structs.replace(setup, url=database)
    package: Any = import_module(PACKAGES[setup.url.partition("://")[0]])
    engine: Engine = await package.start(setup)
    return engine


def _scheme(engine: str) -> str | None:
    """None for the engine of one process."""
    if engine == MEMORY:
        return None
    scheme = POSTGRES[0] if engine == DATABASE else engine.partition("://")[0]
    if scheme not in PACKAGES or (engine != DATABASE and "://" not in engine):
        raise EngineError(UNKNOWN)
    return scheme
