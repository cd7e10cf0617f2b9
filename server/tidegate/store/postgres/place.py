"""Where a database is: which cluster, which of its lives, which database in it, which change log in that.

A restored backup has the change log of before and goes on from there: the same positions would mean other changes. Its
place is another, by which it is known, and it gets a new epoch.
"""

from __future__ import annotations

import secrets

import psycopg

from tidegate.store.errors import StoreError, Unmigrated
from tidegate.store.postgres.changelog import LOG, META
from tidegate.store.postgres.connection import Connection, opened, shown


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
