"""Connections that threads own, one each, opened when they are first needed and again when they broke.

Invariant: no two threads ever use one connection.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping

import psycopg

from tidegate.store.postgres.connection import Connection, connect


class Connections:
    """Of one database. `reading`: every transaction is a snapshot that writes nothing."""

    def __init__(self, url: str, settings: Mapping[str, str] = {}, *, reading: bool = False) -> None:
        self._url = url
        self._settings = settings
        self._reading = reading
        self._own = threading.local()
        self._all: list[Connection] = []
        self._lock = threading.Lock()

    def mine(self) -> Connection:
        """The calling thread's. Raises psycopg.OperationalError."""
        connection: Connection | None = getattr(self._own, "connection", None)
        return self.anew() if connection is None or connection.closed else connection

    def anew(self) -> Connection:
        """A new one in the place of the calling thread's. Raises psycopg.OperationalError."""
        old: Connection | None = getattr(self._own, "connection", None)
        if old is not None:
            old.close()
        self._own.connection = None
        connection = connect(self._url, self._settings)
        if self._reading:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
        self._own.connection = connection
        with self._lock:
            self._all = [one for one in self._all if not one.closed] + [connection]
        return connection

    def close(self) -> None:
        """To be called when no thread uses its own any more."""
        with self._lock:
            for connection in self._all:
                connection.close()
            self._all.clear()
