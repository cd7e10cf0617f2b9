"""The engine of rooms over PostgreSQL, for clusters of gateways that have no Redis.

`start` is what `opening.open_engine` calls. psycopg is imported only here.
"""

from __future__ import annotations

from tidegate.core.rooms.ports import Engine
from tidegate.engines.postgres.engine import PostgresEngine
from tidegate.engines.setup import EngineSetup


async def start(setup: EngineSetup) -> Engine:
    """The engine, connected. Raises EngineError."""
    engine = PostgresEngine(setup)
    await engine.start()
    return engine
