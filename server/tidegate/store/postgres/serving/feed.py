"""The change feed of PostgreSQL.

The gateway's writers wake it at once, other gateways wake it through LISTEN, and it looks for what other programs
committed: five times a second, and up to fifty times while they commit. After the gateway's commits it wakes the other
gateways: outside every transaction, since a NOTIFY within one makes all commits of the cluster wait for each other. A
paused feed only checks now and then that the database answers.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from tidegate.store.errors import UNREACHABLE
from tidegate.store.postgres.changelog import SCHEMA
from tidegate.store.postgres.connection import MARK, Connection, connect, numbered
from tidegate.store.postgres.serving import other_gateways
from tidegate.store.postgres.serving.database_errors import is_broken
from tidegate.store.postgres.serving.epoch import LogFingerprint, fingerprint
from tidegate.store.postgres.serving.reader import CHANGES, HEAD, PRUNED_TO, one_value
from tidegate.store.serving.feed import Feed

log = logging.getLogger("tidegate.feed")

POLL_S, LIVELY_POLL_S, PAUSED_POLL_S = 0.2, 0.02, 1.0
RECONNECT_S = 0.25
CHANNEL = SCHEMA
AFTER = numbered(
    f"SELECT later.*, pruned_to FROM (SELECT {PRUNED_TO}) pruned (pruned_to) LEFT JOIN LATERAL "
    f"({CHANGES} WHERE seq > {MARK} ORDER BY seq LIMIT {MARK}) later ON true ORDER BY seq"
)
"""One statement, because most looks find nothing: how far the log is pruned, at the end of each change or of a row that
is otherwise empty."""


def until_look(since: float) -> float:
    """Seconds to the next look, `since` seconds after a look found a commit of another program.

    A tenth of that: a change waits for a twentieth of the time since the one before, and looks become rare again.
    """
    return min(POLL_S, max(LIVELY_POLL_S, since / 10))


class PostgresFeed(Feed):
    """Owns a connection, too."""

    def __init__(
        self,
        url: str,
        served: LogFingerprint,
        resources: Iterable[str],
        decoded: Callable[[Connection, list[tuple[Any, ...]]], Sequence[Any]],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`served`: the only log that the feed reads. `decoded`: what is delivered of rows that were just read."""
        self._url = url
        self._served = served
        self._decoded = decoded
        self.prefix = ""
        """That of the engine of rooms; see `other_gateways.announce`. To be set before `start`."""
        self._waker, self._woken = socket.socketpair()
        self._waker.setblocking(False)
        self._woken.setblocking(False)
        self._notify = False
        """The other gateways have to be woken."""
        self._knows_others = False
        self._notified = False
        """A notification came with the answer to a query: the connection will not become readable for it."""
        self._found_at = float("-inf")
        """When a look found a commit that no gateway told."""
        super().__init__(resources, loop)

    def wake(self) -> None:
        self._notify = True
        self._ring()

    def close(self) -> None:
        super().close()
        self._waker.close()
        self._woken.close()

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # the thread has not read the last hundred bytes yet
            self._waker.send(b"!")

    def _run(self) -> None:
        while not self._ended:
            try:
                with connect(self._url) as connection:
                    self._follow(connection)
            except Exception as error:  # the boundary of the thread: without it no change is delivered any more
                self._failed(error)
                self._wait([], RECONNECT_S)

    def _why(self, error: Exception) -> str:
        unreachable = isinstance(error, psycopg.OperationalError) and is_broken(error)
        return UNREACHABLE if unreachable else super()._why(error)

    def _complain(self, error: Exception) -> None:
        if isinstance(error, psycopg.Error):
            log.warning("the database cannot be read: %s", str(error).strip())
        else:
            super()._complain(error)

    def _follow(self, connection: Connection) -> None:
        """Deliver what there is and what comes. Raises psycopg.Error when the connection breaks."""
        connection.add_notify_handler(self._on_notify)
        connection.execute(f"LISTEN {CHANNEL}")
        if fingerprint(connection) != self._served:
            raise psycopg.OperationalError("it is another database, or a restored one: restart the gateway")
        other_gateways.announce(connection, self.prefix)
        if not self._knows_others:
            other_gateways.warn_of_others(connection, self._url, self.prefix)
            self._knows_others = True
        woken = True
        while not self._ended:
            self._notified = False
            paused = self.gate.paused
            if paused:
                connection.execute(f"UNLISTEN {CHANNEL}")  # each time, for it shows that the database answers
            else:
                if self.gate.jump_due:
                    self._jump(connection)
                before = self._position
                self._catch_up(connection)
                if not woken and self._position > before:
                    self._found_at = time.monotonic()
            self._succeeded()
            if self._notify:
                self._notify = False
                connection.execute(f"NOTIFY {CHANNEL}")  # this gateway gets it too, and looks at the log once more
            pause = until_look(time.monotonic() - self._found_at)
            woken = self._wait([connection], PAUSED_POLL_S if paused else 0 if self._notified else pause)
            woken = woken or self._notified

    def _on_notify(self, _: psycopg.Notify) -> None:
        self._notified = True

    def _jump(self, connection: Connection) -> None:
        connection.execute(f"LISTEN {CHANNEL}")
        self._position = int(one_value(connection.execute(HEAD)))
        self.gate.jumped(self._position)

    def _catch_up(self, connection: Connection) -> None:
        while not self._ended and not self.gate.paused:
            found: list[tuple[Any, ...]] = connection.execute(AFTER, [self._position, self._batch.size]).fetchall()
            *_, pruned_to = found[0]
            if pruned_to > self._position:
                self._reset(pruned_to)
                continue
            if found[0][0] is None:
                return
            self._hand_over(self._decoded(connection, [row[:-1] for row in found]), found[-1][0])

    def _wait(self, connections: Sequence[Connection], seconds: float) -> bool:
        """Until a gateway says that it committed something, or `seconds` are over. Returns whether one did."""
        woken = self._woken.fileno()
        ready, _, _ = select.select([woken, *(connection.fileno() for connection in connections)], [], [], seconds)
        if woken in ready:
            self._woken.recv(4096)
        for connection in connections:
            if connection.fileno() in ready:
                connection.pgconn.consume_input()  # notifications, or the end of the connection
                while connection.pgconn.notifies() is not None:
                    pass
        return bool(ready)
