"""Where a database is: which cluster, which of its lives, which database in it, which change log in that.

A restored backup has the change log of before and goes on from there: the same positions would mean other changes. Its
place is another, by which it is known, and it gets a new epoch.
"""

from __future__ import annotations

import logging
import secrets

import psycopg

from tidegate.store.errors import REPLACED, StoreError, Unmigrated
from tidegate.store.postgres.changelog import LOG, META
from tidegate.store.postgres.connection import Connection, Connections, opened, shown

log = logging.getLogger("tidegate.store")


def place(connection: Connection) -> str:
    """The cluster's identifier, its timeline, the numbers of the database and of its log in it."""
    ((found,),) = connection.execute(
        "SELECT (SELECT system_identifier FROM pg_control_system()) || '/' || "
        "(SELECT timeline_id FROM pg_control_checkpoint()) || '/' || "
        "(SELECT oid FROM pg_database WHERE datname = current_database()) || '/' || "
        "coalesce(to_regclass($1)::oid, 0)",
        [LOG],
    )
    return str(found)


class EpochGuard:
    """Sees that a new epoch began, or a dump was restored, while the log is served: neither breaks a connection."""

    def __init__(self, url: str, served: tuple[str, str], connections: Connections) -> None:
        """`served`: the place and the epoch of the log. `connections` are those of the threads that call `look`."""
        self.healthy = True
        self._url = url
        self._served = served
        self._connections = connections

    def look(self) -> None:
        """Say once that it is another log."""
        if not self.healthy:
            return
        try:
            connection = self._connections.for_this_thread()
            ((epoch,),) = connection.execute(f"SELECT value FROM {META} WHERE name = 'epoch'").fetchall()
            now = place(connection), epoch
        except psycopg.Error:
            return  # the feed says so
        if now != self._served:
            self.healthy = False
            log.error("the database %s %s", shown(self._url), REPLACED)


def new_epoch(url: str) -> tuple[str, str]:
    """Give the log a new epoch; returns the old one and the new one. Raises StoreError."""
    try:
        with opened(url) as connection, connection.transaction():
            if connection.execute("SELECT to_regclass($1)", [META]).fetchall() == [(None,)]:
                raise Unmigrated(
                    f"the database {shown(url)} was not migrated and has no epoch yet; "
                    "type: tidegate migrate --database with the same URL"
                )
            # Locked, so that of two commands at a time each tells what it did.
            ((old,),) = connection.execute(f"SELECT value FROM {META} WHERE name = 'epoch' FOR UPDATE")
            new = secrets.token_urlsafe(9)
            connection.execute(f"UPDATE {META} SET value = $1 WHERE name = 'epoch'", [new])
    except psycopg.Error as error:
        raise StoreError(f"database {shown(url)}: {str(error).strip()}") from None
    return old, new
