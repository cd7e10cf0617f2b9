"""What the parts of the engine share: the connection of the moment, the names of keys, and new epochs.

It decides nothing. Invariant: no two calls of `new_epoch` return the same, in any gateway.
"""

from __future__ import annotations

import asyncio
import logging
from itertools import count
from typing import Any

from tidegate.core.errors import Refused
from tidegate.core.rooms.room import RoomRules
from tidegate.core.round_trips import RoundTrips
from tidegate.counted import Counted
from tidegate.engines.health import RETRY_S
from tidegate.engines.redis.connection import Connection
from tidegate.engines.redis.keys import Keys
from tidegate.engines.redis.resp import ReplyError
from tidegate.engines.setup import EngineSetup

log = logging.getLogger("tidegate.engine")
REFUSED = Counted(log, logging.ERROR, "the engine's server refused a command: %s", name="engine_command_refused")

SWEEP_S = 60.0
"""How often each open room is looked at, beside what its connection says."""
META_S = 3 * SWEEP_S
"""How long a room's epoch outlives its messages, and its last sweep."""
NOT_DONE = frozenset({"READONLY", "LOADING", "MASTERDOWN", "BUSY", "TRYAGAIN", "NOREPLICAS", "OUTDATED"})
"""Errors with which a server did nothing, and on which another connection may help."""


class Wire:
    """`connection` is None while there is none."""

    def __init__(self, setup: EngineSetup, database: int = 0) -> None:
        self.setup = setup
        self.keys = Keys(setup.prefix, database)
        self.loop = asyncio.get_running_loop()
        self.node = setup.node
        """How this gateway is named at present."""
        self.kept = b""
        """The name of what the server keeps; empty as long as it is not known."""
        self.leased = True
        """Whether `node` may have a lease: not from when it is a new name until a beat is answered."""
        self.round_trips = RoundTrips("redis")
        """Of all connections."""
        self.connection: Connection | None = None
        self.history = ""
        """Of the server behind the connection; see greeting.Server."""
        self._epoch = setup.new_epoch()
        self._epochs = count(1)

    @property
    def remembered_ms(self) -> int:
        """For how long the server knows what a change was named: a gateway that is away for longer was given up."""
        times = self.setup.times
        return int((times.lease + times.grace) * 2000)

    def new_epoch(self) -> str:
        return f"{self._epoch}.{next(self._epochs)}"

    def failed(self, error: ReplyError) -> None:
        """A command failed that always works: where another server may do it, connect again."""
        connection = self.connection
        if error.code in NOT_DONE and connection is not None:
            connection.close(error)
        else:
            REFUSED(error)


def away() -> Refused:
    return Refused("unavailable", "rooms cannot be reached at the moment", retry_after=RETRY_S)


def refuse(answer: asyncio.Future[Any], refused: Refused) -> None:
    """Answer a call with `refused`, also where the caller does not wait any more."""
    if not answer.done():
        answer.set_exception(refused)
        answer.exception()  # a caller that went away is no error


def kept_ms(rules: RoomRules) -> int:
    """For how long messages are kept."""
    return int(rules.history_ttl * 1000) if rules.history_size else 0


def lives_ms(rules: RoomRules) -> int:
    """For how long the hash of a room lives after the last time that a gateway used it."""
    return kept_ms(rules) + int(META_S * 1000)
