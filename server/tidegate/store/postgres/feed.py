"""The change feed of PostgreSQL: a thread that reads the log on from where it is and hands batches to the loop.

It is woken by our own writers at once, by other gateways through LISTEN, and looks by itself several times a second for
what other programs committed. After our own commits it wakes the other gateways: outside every transaction, since a
NOTIFY within one makes all commits of the cluster wait for each other. It never runs ahead of the loop by more than one
batch. While nobody listens it reads nothing, only asks now and then whether the database is there; then it jumps to the
log's head.
Invariant: every change that is committed while somebody listens is delivered exactly once, in order of `seq`; where the
log was pruned before it could be read, a reset of every resource is.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import psycopg

from tidegate.core.errors import Refused
from tidegate.core.ports import Change
from tidegate.store.attention import Attention
from tidegate.store.batches import Batches
from tidegate.store.postgres.changelog import META, SCHEMA
from tidegate.store.postgres.connection import MARK, Connection, connect, numbered
from tidegate.store.postgres.place import place
from tidegate.store.postgres.reader import CHANGES, HEAD, PRUNED_TO, UNAVAILABLE, Reader, one_value

log = logging.getLogger("tidegate.feed")

POLL_S, REST_S = 0.2, 1.0
RECONNECT_S = 0.25
CHANNEL = SCHEMA
STATE = f"SELECT value FROM {META} WHERE name = 'epoch'"
AFTER = numbered(f"{CHANGES} WHERE seq > {MARK} ORDER BY seq LIMIT {MARK}")

Deliver = Callable[[Sequence[Change], int], None]


class Feed:
    """Owns its thread and its connection from `start` to `close`."""

    def __init__(
        self,
        url: str,
        log_of: tuple[str, str],
        resources: Iterable[str],
        reader: Reader,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        """`log_of`: the place of the database and its log's epoch, which no other log has."""
        self.healthy = True
        """Whether the database answered when it was last asked."""
        self._trouble = ""
        self._url = url
        self._log_of = log_of
        self._resources = tuple(resources)
        self._reader = reader
        self._loop = loop
        self._wakes, self._waked = socket.socketpair()
        self._wakes.setblocking(False)
        self._waked.setblocking(False)
        self.attention = Attention(loop, self._ring)
        self._tell = False
        self._taken = threading.Event()
        self._batches = Batches()
        self._ended = False
        self._at = 0
        self._deliver: Deliver
        self._thread = threading.Thread(target=self._run, name="tidegate-feed")

    def start(self, after: int, deliver: Deliver) -> None:
        """Deliver what comes after `after`."""
        self._at, self._deliver = after, deliver
        self._thread.start()

    def wake(self) -> None:
        """One of our writers committed something; may be called in any thread."""
        self._tell = True
        self._ring()

    def close(self) -> None:
        """End the thread. Blocks for at most one batch."""
        self._ended = True
        self._ring()
        self._taken.set()
        if self._thread.is_alive():
            self._thread.join()
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

    def _failed(self, error: Exception) -> None:
        self.healthy = False
        self.attention.failed(Refused("unavailable", UNAVAILABLE, retry_after=1.0))
        if str(error) == self._trouble:  # not four times a second
            return
        self._trouble = str(error)
        if isinstance(error, psycopg.Error):
            log.warning("the database cannot be read: %s", self._trouble.strip())
        else:
            log.error("the change log could not be read; it will be tried again", exc_info=error)

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
            self.healthy, self._trouble = True, ""
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
            if pruned_to > self._at:  # what is gone cannot be told: whoever listens reads anew
                self._reset(pruned_to)
                continue
            if not found:
                return
            self._hand_over(self._reader.decoded(found), found[-1][0])

    def _reset(self, pruned_to: int) -> None:
        now = int(time.time() * 1000)
        resets = [Change(pruned_to, now, name, {}, "reset", None, None) for name in self._resources]
        self._hand_over(resets, pruned_to)

    def _hand_over(self, changes: Sequence[Change], upto: int) -> None:
        """Give the loop a batch and wait until it took it."""
        self._taken.clear()
        self._loop.call_soon_threadsafe(self._take, changes, upto)
        while not self._taken.wait(1.0) and not self._ended:
            pass
        self._at = upto

    def _take(self, changes: Sequence[Change], upto: int) -> None:
        began = time.perf_counter()
        try:
            if not self._ended:
                self._deliver(changes, upto)
        finally:
            self._batches.took(time.perf_counter() - began)
            self._taken.set()

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
