"""The change feed of PostgreSQL.

It is woken by our own writers at once, by other gateways through LISTEN, and looks by itself several times a second for
what other programs committed. After our own commits it wakes the other gateways: outside every transaction, since a
NOTIFY within one makes all commits of the cluster wait for each other. While nobody listens it only asks now and then
whether the database is there.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from tidegate.store.postgres.changelog import META, SCHEMA
from tidegate.store.postgres.connection import MARK, Connection, connect, numbered
from tidegate.store.postgres.serving.epoch import place
from tidegate.store.postgres.serving.reader import CHANGES, HEAD, PRUNED_TO, Reader, one_value
from tidegate.store.serving.feed import Feed

log = logging.getLogger("tidegate.feed")

POLL_S, REST_S = 0.2, 1.0
RECONNECT_S = 0.25
CHANNEL = SCHEMA
STATE = f"SELECT value FROM {META} WHERE name = 'epoch'"
AFTER = numbered(f"{CHANGES} WHERE seq > {MARK} ORDER BY seq LIMIT {MARK}")


class PostgresFeed(Feed):
    """Owns a connection, too."""

    def __init__(
        self,
        url: str,
        log_of: tuple[str, str],
        resources: Iterable[str],
        reader: Reader,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`log_of`: the place of the database and its log's epoch, which no other log has."""
        self._url = url
        self._log_of = log_of
        self._reader = reader
        self._wakes, self._waked = socket.socketpair()
        self._wakes.setblocking(False)
        self._waked.setblocking(False)
        self._tell = False
        super().__init__(resources, loop)

    def wake(self) -> None:
        self._tell = True
        self._ring()

    def close(self) -> None:
        super().close()
        self._wakes.close()
        self._waked.close()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it has not heard the last hundred times yet
            self._wakes.send(b"!")

    def _run(self) -> None:
        while not self._ended:
            try:
                with connect(self._url) as connection:
                    self._follow(connection)
            except Exception as error:  # the boundary of the thread, without which nobody would hear of changes
                self._failed(error)
                self._wait([], RECONNECT_S)

    def _complain(self, error: Exception) -> None:
        if isinstance(error, psycopg.Error):
            log.warning("the database cannot be read: %s", str(error).strip())
        else:
            super()._complain(error)

    def _follow(self, connection: Connection) -> None:
        """Deliver what there is and what comes. Raises psycopg.Error when the connection breaks."""
        connection.execute(f"LISTEN {CHANNEL}")
        self._resume(connection)
        while not self._ended:
            resting = self.attention.resting
            if resting:
                connection.execute(f"UNLISTEN {CHANNEL}")  # and if it did before: it shows that the database answers
            else:
                if self.attention.jump_due:
                    self._jump(connection)
                self._catch_up(connection)
            self._worked()
            if self._tell:
                self._tell = False
                connection.execute(f"NOTIFY {CHANNEL}")  # we hear it too; it costs one look at the log
            self._wait([connection], REST_S if resting else POLL_S)

    def _resume(self, connection: Connection) -> None:
        """Is it still the log that was read before?"""
        ((epoch,),) = connection.execute(STATE).fetchall()
        if (place(connection), epoch) != self._log_of:
            raise psycopg.OperationalError("it is another database, or a restored one: restart the gateway")

    def _jump(self, connection: Connection) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._at = int(one_value(connection.execute(HEAD)))
        self.attention.jumped(self._at)

    def _catch_up(self, connection: Connection) -> None:
        while not self._ended:
            found: list[tuple[Any, ...]] = connection.execute(AFTER, [self._at, self._batches.size]).fetchall()
            pruned_to = one_value(connection.execute(f"SELECT {PRUNED_TO}"))
            if pruned_to > self._at:
                self._reset(pruned_to)
                continue
            if not found:
                return
            self._hand_over(self._reader.decoded(found), found[-1][0])

    def _wait(self, connections: Sequence[Connection], seconds: float) -> None:
        """Until something was committed, as far as one is told, or `seconds` are over."""
        waked = self._waked.fileno()
        ready, _, _ = select.select([waked, *(one.fileno() for one in connections)], [], [], seconds)
        if waked in ready:
            self._waked.recv(4096)
        for connection in connections:
            if connection.fileno() in ready:
                connection.pgconn.consume_input()  # notifications, or the end of the connection
                while connection.pgconn.notifies() is not None:
                    pass
