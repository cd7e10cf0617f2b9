"""Where a PostgreSQL change log is: which cluster, which of its timelines, which database, which log, which epoch.

A restored backup has the change log of before and goes on from there: the same positions would mean other changes. It
is in another place, which tells it from the log that was served, and it gets a new epoch.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import NamedTuple

import psycopg

from tidegate.store.epochs import fresh_epoch
from tidegate.store.errors import REPLACED, REWRITTEN, StoreError, Unmigrated
from tidegate.store.postgres import home
from tidegate.store.postgres.changelog import LOG, META, NEWEST
from tidegate.store.postgres.connection import Connection, Connections, opened, shown
from tidegate.store.postgres.serving import table_shapes
from tidegate.store.postgres.serving.log_watch import LogWatch
from tidegate.store.postgres.serving.reader import HEAD
from tidegate.store.postgres.serving.table_watch import TableWatch
from tidegate.store.serving.guard import Guard

log = logging.getLogger("tidegate.store")

NAMED = f"SELECT name, value FROM {META} WHERE name = ANY($1)"
POSITIONS = f"SELECT {NEWEST}, ({HEAD})"
"""The newest number that was given, and the newest entry."""
EPOCH = f"SELECT value FROM {META} WHERE name = 'epoch'"


class LogFingerprint(NamedTuple):
    """Tells one change log from every other."""

    place: str
    """The cluster's identifier, its timeline, the numbers that the database and its log have there."""
    epoch: str
    home: str
    """The schema of the tables that the log follows."""


def place(connection: Connection) -> str:
    """`LogFingerprint.place` of the database that is connected."""
    ((found,),) = connection.execute(
        "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || "
        "(SELECT timeline_id FROM pg_control_checkpoint()) || '/' || "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || "
        "coalesce(to_regclass($1)::oid, 0)",
        [LOG],
    )
    return str(found)


def fingerprint(connection: Connection) -> LogFingerprint:
    """Of the log as it is now. Raises psycopg.Error."""
    meta: dict[str, str] = dict(connection.execute(NAMED, [["epoch", home.ENTRY]]).fetchall())
    if len(meta) < 2:  # Tidegate's tables are empty for a moment
        raise psycopg.OperationalError("the change log is being restored")
    return LogFingerprint(place(connection), meta["epoch"], meta[home.ENTRY])


class EpochGuard(Guard):
    """Sees that a new epoch began, a dump was restored or the log was emptied while it is served, and that tables are
    not as they were: none of it breaks a connection.
    """

    def __init__(
        self, url: str, served: LogFingerprint, connections: Connections, tables: TableWatch, columns: LogWatch
    ) -> None:
        """`connections` are those of the threads that call `look`."""
        self._url = url
        self._served = served
        self._connections = connections
        self._tables = tables
        self._columns = columns
        self._head, self._newest = 0, 0

    @property
    def incomplete(self) -> Collection[str]:
        """The resources whose changes the log may lack."""
        return self._tables.incomplete | self._columns.incomplete

    def look(self) -> None:
        """Say once that it is another log, and what is new about the tables."""
        if self.outdated:
            return
        try:
            connection = self._connections.for_this_thread()
            replaced = fingerprint(connection) != self._served
            self._tables.look(connection)
            self._columns.look(connection)
            altered = self._tables.rewritten
            if not replaced and (self._went_back(connection) or altered):
                replaced = True
                _begin_epoch(self._url, self._served.epoch)
            self._note_tables()
        except (psycopg.Error, StoreError):
            return  # the feed says so
        if altered:
            log.error(f"the database %s {REWRITTEN}", shown(self._url), ", ".join(altered))
        if replaced:
            self.outdated = True
            log.error("the database %s %s", shown(self._url), REPLACED)

    def _note_tables(self) -> None:
        """Record how the tables are, for gateways that start later. Raises StoreError, psycopg.Error."""
        if self._tables.shapes != self._tables.noted:
            with opened(self._url) as connection:
                table_shapes.record(connection, self._tables.shapes)
            self._tables.noted = dict(self._tables.shapes)

    def _went_back(self, connection: Connection) -> bool:
        """The log was emptied or restored: the newest entry, or the newest number, is an older one than before."""
        ((newest, head),) = connection.execute(POSITIONS).fetchall()
        newest = head if newest is None else newest
        before = self._head, self._newest
        self._head, self._newest = head, newest
        return bool(head < before[0] or newest < before[1] or newest < head)


def _begin_epoch(url: str, served: str) -> None:
    """A new epoch, also for the gateways that start later. Raises StoreError, psycopg.Error."""
    with opened(url) as connection:
        connection.execute(f"UPDATE {META} SET value = $1 WHERE name = 'epoch' AND value = $2", [fresh_epoch(), served])


def new_epoch(url: str) -> tuple[str, str]:
    """Give the log a new epoch; returns the old one and the new one. Raises StoreError."""
    try:
        with opened(url) as connection, connection.transaction():
            if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
                raise Unmigrated(
                    f"the database {shown(url)} was not migrated and has no epoch yet; "
                    "type: tidegate migrate --database with the same URL"
                )
            # Locked, so that of two commands at a time each reports what it did.
            ((old,),) = connection.execute(f"{EPOCH} FOR UPDATE")
            new = fresh_epoch()
            connection.execute(f"UPDATE {META} SET value = $1 WHERE name = 'epoch'", [new])
    except psycopg.Error as error:
        raise StoreError(f"database {shown(url)}: {str(error).strip()}") from None
    return old, new
