"""One connection to PostgreSQL, driven by the event loop: prepared statements in a pipeline, and notifications.

psycopg opens the connection. Afterwards its libpq is used directly: a statement costs a fifth of what it costs through
psycopg's cursors, and no task waits for it. Every statement is one transaction. It knows no SQL.
Invariant: every `done` is called once, in the order of the statements; after the connection broke, with the reason.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

import psycopg
from psycopg import pq

from tidegate.core.round_trips import LOST, RoundTrips
from tidegate.engines.postgres.values import Row

log = logging.getLogger("tidegate.rooms")

BINARY = pq.Format.BINARY

Done = Callable[[Sequence[Row] | Exception], None]


class StatementFailed(Exception):
    """The server refused a statement; the connection lives."""

    def __init__(self, state: str, text: str) -> None:
        super().__init__(text)
        self.state = state
        """The SQLSTATE: https://www.postgresql.org/docs/current/errcodes-appendix.html"""


class LinkLost(Exception):
    """The connection broke."""


class Link:
    """A connection from `__init__` until it breaks or `close`."""

    def __init__(
        self,
        connection: psycopg.AsyncConnection[Any],
        loop: asyncio.AbstractEventLoop,
        notified: Callable[[], None],
        lost: Callable[[Exception], None],
        round_trips: RoundTrips,
    ) -> None:
        """`connection`: open and idle. `notified`: something arrived by LISTEN. `lost`: is called once."""
        self._pg = connection.pgconn
        self._connection = connection
        self._loop = loop
        self._notified = notified
        self._lost = lost
        self._round_trips = round_trips
        self._waiting: deque[Done] = deque()
        self._asked_at: deque[float] = deque()
        """When each of them was asked, in the loop's time."""
        self._prepared: dict[str, bytes] = {}
        self._rows: list[Row] = []
        self._failure: StatementFailed | None = None
        self._writing = False
        self.closed = False
        self.waiting_since: float | None = None
        """When the oldest unanswered statement was sent or, if later, the last one was answered; in the loop's time."""
        self._pg.nonblocking = 1
        self._pg.enter_pipeline_mode()
        self._socket = self._pg.socket
        loop.add_reader(self._socket, self._readable)

    @property
    def unanswered(self) -> int:
        return len(self._waiting)

    def ask(self, statement: str, values: Sequence[bytes | None], done: Done) -> None:
        """Send `statement` with `values` for $1, $2 ..., all in binary. `done` gets its rows, or why it failed."""
        if self.closed:
            done(LinkLost("the connection is closed"))
            return
        try:
            name = self._prepared.get(statement)
            if name is None:
                name = self._prepared[statement] = b"s%d" % len(self._prepared)
                self._pg.send_prepare(name, statement.encode())
            self._pg.send_query_prepared(name, values, [BINARY] * len(values), BINARY)
            self._pg.pipeline_sync()
            now = self._loop.time()
            if not self._waiting:
                self.waiting_since = now
            self._waiting.append(done)
            self._asked_at.append(now)
            self._flush()
        except psycopg.OperationalError as error:
            self._break(error)

    async def asked(self, statement: str, values: Sequence[bytes | None]) -> Sequence[Row]:
        """The rows. Raises StatementFailed, LinkLost."""
        future: asyncio.Future[Sequence[Row]] = self._loop.create_future()

        def done(rows: Sequence[Row] | Exception) -> None:
            if future.done():
                return
            if isinstance(rows, Exception):
                future.set_exception(rows)
            else:
                future.set_result(rows)

        self.ask(statement, values, done)
        return await future

    def close(self) -> None:
        """Let go of the connection. Statements without an answer fail."""
        self._break(LinkLost("the connection was closed"), tell=False)

    def _readable(self) -> None:
        try:
            self._pg.consume_input()
            while self._waiting and not self._pg.is_busy():
                self._take(self._pg.get_result())
                if self.closed:
                    return
            told = False
            while self._pg.notifies() is not None:
                told = True
            self._flush()
        except psycopg.OperationalError as error:
            self._break(error)
            return
        if told:
            self._notified()

    def _take(self, result: pq.abc.PGresult | None) -> None:
        if result is None:  # the end of one statement's results
            return
        status = result.status
        if status == pq.ExecStatus.TUPLES_OK:
            columns = range(result.nfields)
            self._rows = [tuple([result.get_value(row, column) for column in columns]) for row in range(result.ntuples)]
        elif status == pq.ExecStatus.PIPELINE_SYNC:
            rows, failure = self._rows, self._failure
            self._rows, self._failure = [], None
            done, now = self._waiting.popleft(), self._loop.time()
            self.waiting_since = now if self._waiting else None
            self._round_trips.observe(now - self._asked_at.popleft())
            if failure is not None:
                self._round_trips.failed(failure.state)
            try:
                done(rows if failure is None else failure)
            except Exception:  # the boundary: the answers that follow belong to others
                log.exception("an answer of the database cannot be used")
        elif status == pq.ExecStatus.FATAL_ERROR:
            state = result.error_field(pq.DiagnosticField.SQLSTATE) or b""
            text = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message
            self._failure = StatementFailed(state.decode(), text.decode("utf-8", "replace").strip())
            if self._pg.status == pq.ConnStatus.BAD:
                self._break(LinkLost(str(self._failure)))

    def _flush(self) -> None:
        pending = self._pg.flush() != 0
        if pending and not self._writing:
            self._loop.add_writer(self._socket, self._writable)
        elif self._writing and not pending:
            self._loop.remove_writer(self._socket)
        self._writing = pending

    def _writable(self) -> None:
        try:
            self._flush()
        except psycopg.OperationalError as error:
            self._break(error)

    def _break(self, error: Exception, *, tell: bool = True) -> None:
        if self.closed:
            return
        self.closed = True
        self.waiting_since = None
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)
        self._pg.finish()
        lost = LinkLost(str(error).strip())
        if self._waiting:
            self._round_trips.failed(LOST, len(self._waiting))
        while self._waiting:
            self._waiting.popleft()(lost)
        if tell:
            self._lost(lost)
