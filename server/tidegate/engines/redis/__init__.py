"""The engine over Redis 6.2 or newer, or Valkey: rooms that gateways on any number of machines share.

engine        the port, and how its parts are put together
link          keeps a connection: greeting (login, scripts), sentinel (where the master is), urls
connection    commands and replies in their order; resp (the bytes)
publisher     messages on their way out
open_rooms    messages on their way in, joins, refills, the sweep
attendance    who is present through this gateway
nodes         leases and burials
pages         pages of history
scripts/      what the server does in one step each; lua (loads them), keys (names in the server)
"""

from __future__ import annotations

from tidegate.engines.redis.engine import RedisEngine
from tidegate.engines.redis.urls import read
from tidegate.engines.setup import EngineSetup

__all__ = ["RedisEngine", "start"]


async def start(setup: EngineSetup) -> RedisEngine:
    """Raises EngineError where a person has to mend something; a server that is away is waited for while serving."""
    engine = RedisEngine(setup, read(setup.url))
    await engine.start()
    return engine
