"""Starts the engine of rooms that the settings name, and finds the rules of rooms in the schema.

It turns settings into what an engine is started with, and the engine's reasons not to start into a ConfigError. It
does not know what the engine does.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping

from tidegate.auth import room_access
from tidegate.config import ConfigError, Settings
from tidegate.contract import Contract
from tidegate.core.access.room_rules import RoomAccess
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import Engine
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.room_log import RoomLog
from tidegate.core.rooms.slow_readers import SlowRule
from tidegate.engines import opening
from tidegate.engines.durable import DurableEngine
from tidegate.engines.setup import EngineError, EngineSetup
from tidegate.schema import patterns
from tidegate_protocol import RoomMessage


def check(settings: Settings) -> None:
    """Raises ConfigError where the settings name no engine."""
    try:
        opening.check(settings.engine, settings.engine_prefix, settings.database)
    except EngineError as error:
        raise ConfigError(str(error)) from None


def has_durable(contract: Contract) -> bool:
    """Whether a kind of room is durable."""
    return any(room.history.durable for room in contract.rooms.values())


async def opened(
    settings: Settings,
    contract: Contract,
    encode: Callable[[RoomMessage], bytes],
    ledger: Ledger,
    log: RoomLog | None = None,
    wall: Callable[[], float] = time.time,
) -> Engine:
    """The engine, connected. `log`: where messages of durable rooms are kept. `wall`: seconds since the Unix epoch.

    Raises ConfigError.
    """
    setup = EngineSetup(
        url=settings.engine,
        prefix=settings.engine_prefix or "",
        node=_node(),
        new_node=_node,
        new_epoch=_epoch,
        rooms=[room.pattern for room in contract.rooms.values()],
        encode=encode,
        ledger=ledger,
        clock=time.monotonic,
        wall=wall,
    )
    try:
        engine = await opening.open_engine(setup, settings.database)
    except EngineError as error:
        raise ConfigError(str(error)) from None
    if log is None:
        return engine
    of = rules(contract)
    return DurableEngine(engine, log, lambda name: (found := of(name)) is not None and found.durable, encode, wall)


def rules(contract: Contract, access: Mapping[str, RoomAccess] | None = None) -> Callable[[str], RoomRules | None]:
    """The rules of a room by its name; rooms of one kind share theirs. `access`: see `room_access.of_rooms`."""
    known: dict[str, RoomRules] = {}
    bound = room_access.of_rooms(contract, {}) if access is None else access

    def of(name: str) -> RoomRules | None:
        kind = contract.room_type(name)
        if kind is None:
            return None
        if kind.pattern not in known:
            known[kind.pattern] = RoomRules(
                pattern=kind.pattern,
                presence=kind.presence,
                history_size=kind.history.size,
                history_ttl=kind.history.ttl,
                durable=kind.history.durable,
                slow=None if kind.slow == "disconnect" else SlowRule(kind.slow == "conflate", kind.conflate),
                access=kind.access,
                bound=bound.get(kind.pattern),
                parameters=patterns.reader(kind.pattern),
            )
        return known[kind.pattern]

    return of


def _node() -> str:
    return secrets.token_hex(8)


def _epoch() -> str:
    return secrets.token_urlsafe(8)
