"""Whether other gateways serve a PostgreSQL database: each holds a shared advisory lock on the feed's connection.

Gateways that meet in an engine of rooms hold a second lock, whose number follows from the engine's prefix. Workers are
one gateway: their hub has the feed. The server releases the locks when the connection ends, so that a gateway which was
killed leaves none.
"""

from __future__ import annotations

import hashlib
import logging

from tidegate.store.postgres.changelog import SERVING_LOCK
from tidegate.store.postgres.connection import Connection, shown

log = logging.getLogger("tidegate.store")

# A lock with one number is kept in two halves, objsubid 1: https://www.postgresql.org/docs/current/view-pg-locks.html
HOLDERS = """SELECT DISTINCT pid FROM pg_locks
WHERE locktype = 'advisory' AND granted AND pid <> pg_backend_pid()
AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND classid = {high} AND objid = {low} AND objsubid = 1"""


def announce(connection: Connection, prefix: str) -> None:
    """Show this gateway to others for as long as the connection lives. Raises psycopg.Error.

    `prefix`: that of the engine through which gateways meet in rooms; empty where rooms are in this process alone.
    """
    for number in (SERVING_LOCK, *([meeting_lock(prefix)] if prefix else [])):
        connection.execute("SELECT pg_try_advisory_lock_shared($1)", [number])


def warn_of_others(connection: Connection, url: str, prefix: str) -> None:
    """To be called after `announce`, so that of two gateways that start at once the second sees the first. A gateway
    with the same prefix is no matter of concern.

    Raises psycopg.Error.
    """
    strangers = _holders(connection, SERVING_LOCK)
    if prefix:
        strangers -= _holders(connection, meeting_lock(prefix))
    if strangers:
        log.warning(
            "the database %s is already served by %d other gateway%s: clients of different gateways meet in rooms only "
            "where all of them have the same engine and engine_prefix; rows are shared",
            shown(url),
            len(strangers),
            "s" if len(strangers) > 1 else "",
        )


def meeting_lock(prefix: str) -> int:
    """The lock of all gateways with this prefix: a number of 63 bits."""
    digest = hashlib.sha256(b"tidegate rooms " + prefix.encode()).digest()
    return int.from_bytes(digest[:8]) >> 1


def _holders(connection: Connection, lock: int) -> set[int]:
    """The processes of the server, beside that of `connection`, that hold `lock`."""
    found = connection.execute(HOLDERS.format(high=lock >> 32, low=lock & 0xFFFFFFFF)).fetchall()
    return {pid for (pid,) in found}
