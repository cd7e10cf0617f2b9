"""Transactions in the gateway's database for the application's handlers: `call.db`.

Each has a separate connection, taken from a few that are kept, so that one may be ended while its handler still
runs. In SQLite a transaction holds the lock of all writers from its beginning.
Invariant: a transaction is committed once, or not at all; one that was ended is never committed afterwards.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import apsw
import peewee

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.store import backends, call_database
from tidegate.store import handler_notes as notes
from tidegate.store.call_database import CallDatabase, CallModels, TransactionOver, raw
from tidegate.store.handler_notes import AskedWithKey, Author
from tidegate.store.serving import refusals

log = logging.getLogger("tidegate.store")

LIMIT = 32
"""Transactions at a time. Each takes a connection."""
WAIT_S = 5.0
"""How long a handler waits for one of them."""
LONGEST_S = 4.0
"""How long a transaction may hold SQLite's lock: other writers wait for 5 s."""
KEPT = 4
"""Connections that are kept while no transaction uses them."""
ENDED_S = 5.0
"""How long a statement may take to end when its transaction is ended."""


CROWDED = "too many handlers have a transaction; try again"


class HandlerTransaction:
    """One transaction, which has begun. Every method but `abort` belongs to one thread at a time."""

    def __init__(
        self,
        database: CallDatabase,
        resources: Mapping[str, Resource],
        author: Author,
        returned: Callable[[CallDatabase, bool], None],
    ) -> None:
        """`returned` gets the database back, and whether its connection can be used again."""
        self.models = CallModels(database, resources)
        self._database = database
        self._author = author
        self._returned = returned
        self._transaction = database.transaction()
        self._transaction.__enter__()
        try:
            self._mark = notes.begin(database, author)
        except BaseException as error:
            call_database.end(database, self._transaction, type(error))
            raise
        self._lock = threading.Lock()
        self._over = False
        self._ending = threading.Lock()
        """Held by `abort`, so that its handler does not close the connection while that is being ended."""

    def remember(self, asked: AskedWithKey, reply: str) -> None:
        """Keep a reply in this transaction. Raises Refused where another one is kept under the key at this moment."""
        try:
            notes.keep(self._database, asked, reply)
        except peewee.IntegrityError:
            raise Refused("unavailable", "this message is being answered; try again", retry_after=1.0) from None

    def commit(self) -> None:
        """Raises TransactionOver, or what the database refuses; then nothing is committed."""
        self._finish(None)

    def rollback(self) -> None:
        with suppress(TransactionOver):
            self._finish(Refused)

    def abort(self) -> None:
        """End it, in any thread, whatever its handler does. A commit that has begun goes on. May block for a moment."""
        with self._ending:
            if not self._take():
                return
            try:
                end_connection(self._database)
            except Exception:  # the boundary: drivers fail in their own ways, and the connection is not used again
                log.exception("the transaction of a handler could not be ended")
        self._returned(self._database, False)

    def _finish(self, kind: type[BaseException] | None) -> None:
        if not self._take():
            with self._ending, suppress(Exception):  # it is broken already
                raw(self._database).close()
            raise TransactionOver("the transaction was ended, because its handler was not waited for any more")
        clean = False
        try:
            try:
                if kind is None:
                    call_database.check(self._database)
                    notes.end(self._database, self._author, self._mark)
            except BaseException as error:
                call_database.end(self._database, self._transaction, type(error))
                raise
            call_database.end(self._database, self._transaction, kind)
            clean = True
        finally:
            self._returned(self._database, clean)

    def _take(self) -> bool:
        """Whether the caller is the first that ends it."""
        with self._lock:
            first, self._over = not self._over, True
        return first


class Transactions:
    """Of one database. Every method may be called in any thread."""

    def __init__(self, url: str, resources: Mapping[str, Resource]) -> None:
        self._url = url
        self._resources = resources
        self._free = threading.BoundedSemaphore(LIMIT)
        self._lock = threading.Lock()
        self._kept: list[Any] = []
        """Connections."""
        self._closed = False
        self.longest = None if backends.is_postgres(url) else LONGEST_S
        """Seconds that a transaction may take, because it holds the lock of all writers."""

    def begin(self, user: str, key: str | None) -> HandlerTransaction:
        """A transaction whose changes the log has as those of `user`, with the idempotency `key` of its message.

        Raises Refused(unavailable): the database, its lock or a connection is not to be had in time."""
        if not self._free.acquire(timeout=WAIT_S):
            raise Refused("unavailable", CROWDED, retry_after=1.0)
        database: CallDatabase = None
        try:
            database = self._taken()
            return HandlerTransaction(database, self._resources, Author(user, key), self._return)
        except peewee.PeeweeException as error:
            log.warning("a transaction for a handler could not begin: %s", str(error).strip())
            self._return(database, False)
            raise refusals.unavailable() from None
        except BaseException:
            self._return(database, False)
            raise

    def kept(self, asked: AskedWithKey) -> tuple[bytes, str] | None:
        """The digest and the reply that are kept under a key. Raises Refused(unavailable)."""
        if not self._free.acquire(timeout=WAIT_S):
            raise Refused("unavailable", CROWDED, retry_after=1.0)
        database: CallDatabase = None
        clean = False
        try:
            database = self._taken()
            found = notes.kept(database, asked)
            clean = True
        except peewee.PeeweeException as error:
            log.warning("the replies that are kept could not be read: %s", str(error).strip())
            raise refusals.unavailable() from None
        finally:
            self._return(database, clean)
        return found

    def close(self) -> None:
        """Close the connections that are kept, and keep none any more."""
        with self._lock:
            kept, self._kept, self._closed = self._kept, [], True
        for connection in kept:
            connection.close()

    def _taken(self) -> CallDatabase:
        with self._lock:
            kept = self._kept.pop() if self._kept else None
        database = call_database.call_database(self._url, kept)
        database.connect(reuse_if_open=True)
        return database

    def _return(self, database: CallDatabase, clean: bool) -> None:
        connection = None if database is None else call_database.released(database)
        with self._lock:
            keep = connection is not None and clean and not self._closed and len(self._kept) < KEPT
            if keep:
                self._kept.append(connection)
        if connection is not None and not keep:
            with suppress(Exception):  # it is broken, closed, or ended while it is used
                connection.close()
        self._free.release()


def end_connection(database: CallDatabase) -> None:
    """Break the connection of a transaction, which undoes it, while another thread may be in a statement."""
    connection = raw(database)
    if isinstance(connection, apsw.Connection):
        until = time.monotonic() + ENDED_S
        while True:
            connection.interrupt()
            try:
                connection.close(True)
            except apsw.ThreadingViolationError:  # the statement ends soon
                if time.monotonic() > until:
                    raise
                time.sleep(0.005)
            else:
                return
    with suppress(Exception):  # the server does not answer; it notices the end of the connection
        connection.cancel_safe(timeout=1.0)
    with socket.socket(fileno=socket.dup(connection.fileno())) as copy, suppress(OSError):
        copy.shutdown(socket.SHUT_RDWR)
