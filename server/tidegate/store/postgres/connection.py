"""PostgreSQL URLs, names, connections with the settings that Tidegate relies on, and connections that threads own.

Statements are written with `MARK` for each bound value; `numbered` makes them $1, $2 ..., as PostgreSQL itself has
them, so that no name ever needs an escape for the driver. It knows no tables.
Invariants: no text for people ever holds a password; no two threads ever use one connection of `Connections`.
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import os
import re
import socket
import threading
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import pq
from psycopg.conninfo import conninfo_to_dict

from tidegate.contract import Resource
from tidegate.store.errors import StoreError

Connection = psycopg.Connection[tuple[Any, ...]]

MARK = "\0"
"""Stands for one bound value; no SQL text can hold it otherwise."""
CONNECT_TIMEOUT_S = 5
LOCK_TIMEOUT_MS = 5_000
"""How long a writer waits for another program that holds a row."""
CANCEL_TIMEOUT_S = 1.0
"""How long the server may take to accept that a statement is to be ended."""
NAME_BYTES = 63
"""PostgreSQL cuts longer names silently."""
SETTINGS = {
    "client_encoding": "UTF8",
    # The database's default may be serializable: then a reader can make a program that writes fail.
    "default_transaction_isolation": "read committed",
    "DateStyle": "ISO, YMD",  # one spelling of what is read as text
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",  # floats as they are
    "jit": "off",  # compiles longer than such queries run
    "idle_session_timeout": "0",  # most connections of a gateway wait most of the time
    "standard_conforming_strings": "on",
}


_LONG = (
    "CASE WHEN current_setting('{0}')::interval BETWEEN '1ms' AND '1min' THEN '1min' ELSE current_setting('{0}') END"
)
# A limit that a person set for other programs may be too short for the way to the server and back, or to read a large
# table in one snapshot. A longer one stays.
_IDLE, _WHOLE = "idle_in_transaction_session_timeout", "transaction_timeout"
WHOLE_SINCE = 170000
"""The version of PostgreSQL that knows a limit of whole transactions."""
# Resolved once: a schema that is made later, such as one of the role's name ("$user"), hides no table. Temporary tables
# come last, for those that a trigger makes. pg_catalog stays first, as it is when a search_path does not name it.
_SEARCH_PATH = """concat_ws(', ', (SELECT string_agg(quote_ident(name), ', ' ORDER BY place)
FROM unnest(array_remove(ARRAY[$1::text], NULL) || current_schemas(false)::text[]) WITH ORDINALITY AS path (name, place)
WHERE name !~ '^pg_'), 'pg_temp')"""


def connect(url: str, settings: Mapping[str, str] = {}, home: str | None = None) -> Connection:
    """A new connection in autocommit mode. `home`: the schema in which names are looked up first.

    Raises psycopg.OperationalError.
    """
    connection = psycopg.connect(
        url,
        autocommit=True,
        connect_timeout=CONNECT_TIMEOUT_S,
        fallback_application_name="tidegate",
        cursor_factory=psycopg.RawCursor,
        keepalives_idle=30,
        tcp_user_timeout=15_000,
    )
    try:
        prepare(connection, settings, home)
    except BaseException:
        connection.close()
        raise
    return connection


def prepare(connection: Connection, settings: Mapping[str, str] = {}, home: str | None = None) -> None:
    """Give a new connection the settings that Tidegate relies on."""
    asked = {name: f"'{value}'" for name, value in (SETTINGS | dict(settings)).items()}
    asked |= {"search_path": _SEARCH_PATH, _IDLE: _LONG.format(_IDLE)}
    if connection.info.server_version >= WHOLE_SINCE:
        asked[_WHOLE] = _LONG.format(_WHOLE)
    connection.execute(
        "SELECT " + ", ".join(f"set_config('{name}', {value}, false)" for name, value in asked.items()), [home]
    )


class Connections:
    """Connections to one database, one for each thread, opened when first needed and again when they broke.

    `reading`: every transaction is a snapshot that writes nothing.
    """

    def __init__(
        self, url: str, settings: Mapping[str, str] = {}, home: str | None = None, *, reading: bool = False
    ) -> None:
        self._url = url
        self._settings = settings
        self._home = home
        self._reading = reading
        self._generation = 0
        self._local = threading.local()
        self._all: dict[int, Connection] = {}
        """By the thread that owns it."""
        self._lock = threading.Lock()

    def for_this_thread(self) -> Connection:
        """Raises psycopg.OperationalError."""
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None or connection.closed or self._local.generation != self._generation:
            return self.reopened()
        return connection

    def renew(self) -> None:
        """Let each thread open a new one when it next needs it: the server's settings for sessions have changed."""
        self._generation += 1

    def reopened(self) -> Connection:
        """A new one in the place of the calling thread's. Raises psycopg.OperationalError."""
        self.discard()
        self._local.generation = self._generation
        connection = connect(self._url, self._settings, self._home)
        if self._reading:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            connection.read_only = True
        self._local.connection = connection
        with self._lock:
            self._all[threading.get_ident()] = connection
        return connection

    @property
    def clean(self) -> bool:
        """Whether the calling thread's connection is in no transaction."""
        connection: Connection | None = getattr(self._local, "connection", None)
        return connection is None or connection.info.transaction_status is pq.TransactionStatus.IDLE

    def discard(self) -> None:
        """The calling thread needs a new connection next time."""
        old: Connection | None = getattr(self._local, "connection", None)
        self._local.connection = None
        if old is not None:
            with self._lock:
                self._all.pop(threading.get_ident(), None)
                old.close()

    def cancel(self, thread: int) -> None:
        """Ask the server to end the statement of another thread."""
        with self._lock:
            connection = self._all.get(thread)
        if connection is not None:
            connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)

    def cancel_all(self) -> None:
        """Ask the server to end the statement of each thread. May be called in any thread; blocks."""
        with self._lock:
            connections = list(self._all.values())
        for connection in connections:
            with contextlib.suppress(psycopg.Error):  # the connection is closed, or the server does not answer
                connection.cancel_safe(timeout=CANCEL_TIMEOUT_S)

    def cut(self, thread: int) -> None:
        """Break the connection of another thread, which then waits for nothing any more. The server may not notice."""
        with self._lock:
            connection = self._all.get(thread)
            if connection is None or connection.closed:
                return
            with socket.socket(fileno=os.dup(connection.fileno())) as copy, contextlib.suppress(OSError):
                copy.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """To be called when no thread uses its connection any more."""
        with self._lock:
            for connection in self._all.values():
                connection.close()
            self._all.clear()


def opened(url: str) -> Connection:
    """`connect` for commands. Raises StoreError where there is no such database."""
    try:
        return connect(url)
    except psycopg.Error as error:
        raise refused(url, error) from None


def refused(url: str, error: Exception) -> StoreError:
    """Why there is no connection, and what to type where there is no such database."""
    text = str(error).strip()
    missing = re.search(r'database "([^"]+)" does not exist', text)
    return StoreError(f"database {shown(url)}: {text}" + (f"; type: createdb {missing[1]}" if missing else ""))


def shown(url: str) -> str:
    """The URL without what is secret in it."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        raise StoreError(f"database: this is no postgresql:// URL: {str(error).strip()}") from None
    host = f"{parts.get('host', '')}:{parts['port']}" if "port" in parts else parts.get("host", "")
    return f"postgresql://{host}/{parts.get('dbname', '')}"


def numbered(statement: str) -> str:
    """`statement` with $1, $2 ... for its marks."""
    numbers = itertools.count(1)
    return re.sub(MARK, lambda _: f"${next(numbers)}", statement)


def short(name: str) -> str:
    """A name that PostgreSQL keeps as it is: a long one ends in a hash of all of it."""
    if len(name.encode()) <= NAME_BYTES:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:8]
    return name.encode()[: NAME_BYTES - 9].decode(errors="ignore") + "_" + digest


def check_names(resources: Mapping[str, Resource]) -> None:
    """Raises StoreError for tables and columns whose names PostgreSQL would cut."""
    for resource in resources.values():
        for kind, name in [("table", resource.table), *(("column", name) for name in resource.properties)]:
            if len(name.encode()) > NAME_BYTES:
                raise StoreError(
                    f"resource {resource.name}: PostgreSQL's names have at most {NAME_BYTES} bytes; the name of the "
                    f"{kind} {name!r} is longer"
                )
