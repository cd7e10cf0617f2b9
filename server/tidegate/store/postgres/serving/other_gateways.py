"""Whether other gateways serve a PostgreSQL database: each holds a shared advisory lock on the feed's connection.

Workers are one gateway: their hub has the feed. The server releases the lock when the connection ends, so that a
gateway which was killed leaves none.
"""

from __future__ import annotations

import logging

from tidegate.store.postgres.changelog import SERVING_LOCK
from tidegate.store.postgres.connection import Connection, shown

log = logging.getLogger("tidegate.store")

# A lock with one number is kept in two halves, objsubid 1: https://www.postgresql.org/docs/current/view-pg-locks.html
OTHERS = f"""SELECT count(DISTINCT pid) FROM pg_locks
WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND classid = {SERVING_LOCK >> 32} AND objid = {SERVING_LOCK & 0xFFFFFFFF} AND objsubid = 1"""


def announce(connection: Connection) -> None:
    """Show this gateway to others for as long as the connection lives. Raises psycopg.Error."""
    connection.execute("SELECT pg_try_advisory_lock_shared($1)", [SERVING_LOCK])


def warn_of_others(connection: Connection, url: str) -> None:
    """To be called after `announce`, so that of two gateways that start at once the second sees the first.

    Raises psycopg.Error.
    """
    ((count,),) = connection.execute(OTHERS).fetchall()
    if count:
        log.warning(
            "the database %s is already served by %d other gateway%s: clients of different gateways meet in rooms only "
            "where all of them have the same engine and engine_prefix; rows are shared",
            shown(url),
            count,
            "s" if count > 1 else "",
        )
