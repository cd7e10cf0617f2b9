"""Pruning the change log and the memory of requests in PostgreSQL, step by step.

Invariant: `pruned_to` moves in the same transaction in which changes go, so that every reader notices a gap.
"""

from __future__ import annotations

import time

from tidegate.store.postgres.changelog import LOG, META, PENDING, REQUESTS
from tidegate.store.postgres.connection import Connection, connect
from tidegate.store.postgres.serving.reader import HEAD, PRUNED_TO, one_value
from tidegate.store.serving.log_size import LogSize
from tidegate.store.serving.retention import KEEP, REQUESTS_KEEP_MS, Retention

STEP = 5_000
"""Changes that go in one transaction."""

SIZES = f"""SELECT seq, octet_length(key) + coalesce(octet_length(old), 0) + coalesce(octet_length(new), 0) FROM {LOG}
WHERE seq > $1 ORDER BY seq LIMIT $2"""
"""octet_length() reads the length of a long text and not the text."""


def prune_all(url: str, keep: Retention = KEEP, size: LogSize | None = None) -> None:
    """Drop what is too old, and the oldest changes while the log is too large. Raises psycopg.Error.

    `size`: what earlier calls measured.
    """
    size = LogSize(keep.bytes, STEP) if size is None else size
    with connect(url) as connection:
        while prune(connection, int(time.time() * 1000), keep) > STEP // 2:
            pass
        while prune_to_size(connection, size):
            pass


def prune_to_size(connection: Connection, size: LogSize) -> bool:
    """One step: measure what is new, and drop the oldest changes if the log is too large; whether more is left."""
    size.pruned(one_value(connection.execute(f"SELECT {PRUNED_TO}")))
    found = connection.execute(SIZES, [size.measured_to, STEP]).fetchall()
    size.add(found)
    if (upto := size.excess()) is not None:
        with connection.transaction():
            _drop(connection, upto)
        size.pruned(upto)
    return len(found) == STEP or size.excess() is not None


def _drop(connection: Connection, upto: int) -> int:
    """Drop the changes up to `upto`, in a transaction of the caller; returns how many went."""
    connection.execute(f"UPDATE {META} SET value = greatest(value::bigint, $1)::text WHERE name = 'pruned_to'", [upto])
    return connection.execute(f"DELETE FROM {LOG} WHERE seq <= $1", [upto]).rowcount


def prune(connection: Connection, now_ms: int, keep: Retention = KEEP) -> int:
    """One step: drop changes that are both old and many; returns how many went."""
    with connection.transaction():
        newest = one_value(connection.execute(HEAD))
        oldest = one_value(connection.execute(f"SELECT coalesce(min(seq), 0) FROM {LOG}"))
        last = one_value(
            connection.execute(
                f"SELECT coalesce(max(seq), 0) FROM {LOG} WHERE seq <= $1 AND time < $2",
                [min(newest - keep.rows, oldest + STEP - 1), now_ms - keep.age_ms],
            )
        )
        gone = _drop(connection, last) if last else 0
        connection.execute(f"DELETE FROM {REQUESTS} WHERE time < $1", [now_ms - REQUESTS_KEEP_MS])
        # Serializable transactions leave their entries there after they have logged them.
        connection.execute(f"DELETE FROM {PENDING} WHERE xact < pg_snapshot_xmin(pg_current_snapshot())")
    return gone
