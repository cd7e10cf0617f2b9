"""How the database is, as a worker knows it: what the hub said last, and what the worker sees of the file itself.

Invariant: a database that is outdated stays so. Its positions are those of another log, and only a restart helps.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from pathlib import Path

import apsw

from tidegate.contract import Resource
from tidegate.store.errors import HUB_AWAY, REPLACED, StoreError
from tidegate.store.hub.messages import State
from tidegate.store.sqlite.connection import connect, sqlite_path
from tidegate.store.sqlite.migration.migrate import check
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.statements import head

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


def prepared(url: str, resources: Mapping[str, Resource], durable: bool) -> tuple[DatabaseFile, apsw.Connection]:
    """What is known of the file, and a connection that has read it. Raises StoreError."""
    check(url, resources, durable=durable)
    path = sqlite_path(url).absolute()
    connection = connect(path, checkpoint=False)
    try:
        head(connection)
        return DatabaseFile(path), connection
    except (apsw.Error, OSError) as error:
        connection.close()
        raise StoreError(f"database {path}: {error}") from None
