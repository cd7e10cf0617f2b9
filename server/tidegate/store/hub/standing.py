"""How the database is, as a worker knows it: what the hub said last, and what the worker sees of the file itself.

Invariant: a database that is outdated stays so. Its positions are those of another log, and only a restart helps.
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from tidegate.store.errors import HUB_AWAY, REPLACED
from tidegate.store.hub.messages import State
from tidegate.store.sqlite.serving.database_file import DatabaseFile

log = logging.getLogger("tidegate.store")


class Standing:
    """Belongs to the loop's thread."""

    def __init__(self, path: Path, file: DatabaseFile) -> None:
        self.first: asyncio.Future[State] = asyncio.get_running_loop().create_future()
        """What the hub said when this worker began."""
        self._path = path
        self._file = file
        self._state: State | None = None
        self._replaced = False

    @property
    def known(self) -> State:
        """What the hub said last."""
        assert self._state is not None
        return self._state

    @property
    def outdated(self) -> bool:
        return self._replaced or self.known.outdated

    def problem(self, hub_is_there: bool) -> str | None:
        """Why `healthy` is false; None while it is true."""
        if self._replaced:
            return f"the database {REPLACED}"
        if self._file.problem is not None:
            return self._file.problem
        return self.known.problem if hub_is_there else f"the database {HUB_AWAY}"

    def told(self, state: State) -> None:
        """The hub says how the database is."""
        self._state = state
        if not self.first.done():
            self.first.set_result(state)
        elif state.epoch != self.first.result().epoch and not self._replaced:
            self._replaced = True
            log.error("the database %s %s", self._path, REPLACED)
