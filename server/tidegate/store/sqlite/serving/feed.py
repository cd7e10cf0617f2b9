"""The change feed of SQLite: it learns of other programs' commits from `PRAGMA data_version`, of ours from the writer.

While the feed is paused its thread sleeps.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import apsw

from tidegate.store.serving.feed import Feed
from tidegate.store.sqlite.changelog import LOG, META
from tidegate.store.sqlite.connection import connect
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.statements import COLUMNS, head, one_value

POLL_S, LIVELY_POLL_S, LIVELY_S = 0.04, 0.003, 1.0
"""Seconds between looks for other programs' commits; for `LIVELY_S` after such a commit the feed looks more often."""

PRUNED_TO = f"SELECT value FROM {META} WHERE name = 'pruned_to'"


class SqliteFeed(Feed):
    """Owns a connection, too."""

    def __init__(
        self,
        path: Path,
        file: DatabaseFile,
        resources: Iterable[str],
        decoded: Callable[[Sequence[tuple[Any, ...]]], Sequence[Any]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`decoded` makes of rows of the log what is delivered."""
        self._path = path
        self._file = file
        self._decoded = decoded
        self._bell = threading.Event()
        super().__init__(resources, loop)

    def wake(self) -> None:
        if not self.gate.paused:
            self._ring()

    def _ring(self) -> None:
        self._bell.set()

    def _run(self) -> None:
        connection: apsw.Connection | None = None
        version = None
        lively_until = 0.0
        try:
            while not self._ended:
                lively = time.monotonic() < lively_until
                woken = self._bell.wait(None if self.gate.paused else LIVELY_POLL_S if lively else POLL_S)
                self._bell.clear()
                if self.gate.paused:
                    continue
                try:
                    if connection is None:
                        connection = connect(self._path, checkpoint=False)
                    if self.gate.jump_due:
                        if (newest := head(connection)) < self._position:
                            self._file.log_went_back()
                        self._position = newest
                        self.gate.jumped(self._position)
                    seen = connection.pragma("data_version")
                    if seen != version:
                        lively_until = time.monotonic() + LIVELY_S
                    if woken or seen != version:
                        self._catch_up(connection)
                        version = seen
                    self._succeeded()
                except Exception as error:  # the boundary of the thread: without it no change is delivered any more
                    self._failed(error)
        finally:
            if connection is not None:
                connection.close()

    def _complain(self, error: Exception) -> None:
        self._file.notice(error)
        super()._complain(error)

    def _catch_up(self, connection: apsw.Connection) -> None:
        while not self._ended and not self.gate.paused:
            with connection:
                newest, pruned_to = head(connection), one_value(connection, PRUNED_TO)
                found: list[tuple[Any, ...]] = connection.execute(
                    f"SELECT {COLUMNS} FROM {LOG} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT +?",
                    (self._position, newest, size := self._batch.size),
                ).fetchall()
            if newest < self._position:  # another program put a backup into the file
                self._file.log_went_back()
            if newest <= self._position:
                return
            if pruned_to > self._position:
                self._reset(pruned_to)
            else:
                self._hand_over(self._decoded(found), found[-1][0] if len(found) == size else newest)
