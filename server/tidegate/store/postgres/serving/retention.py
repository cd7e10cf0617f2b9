"""Pruning the change log and the memory of requests in PostgreSQL, step by step.

Invariant: `pruned_to` moves in the same transaction in which changes go, so that every reader
notices a gap.
"""

from __future__ import annotations

import time

from tidegate.store.postgres.changelog import LOG, META, PENDING, REQUESTS
from tidegate.store.postgres.connection import Connection, connect
from tidegate.store.postgres.serving.reader import HEAD, one_value
from tidegate.store.serving.retention import KEEP, REQUESTS_KEEP_MS, Retention

STEP = 5_000
"""Changes that go in one transaction."""


def prune_all(url: str, keep: Retention = KEEP) -> None:
    """Drop what is too old. Raises psycopg.Error."""
    with connect(url) as connection:
        while prune(connection, int(time.time() * 1000), keep) > STEP // 2:
            pass


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
        gone = 0
        if last:
            connection.execute(
                f"UPDATE {META} SET value = greatest(value::bigint, $1)::text WHERE name = 'pruned_to'", [last]
            )
            gone = connection.execute(f"DELETE FROM {LOG} WHERE seq <= $1", [last]).rowcount
        connection.execute(f"DELETE FROM {REQUESTS} WHERE time < $1", [now_ms - REQUESTS_KEEP_MS])
        # Serializable transactions leave their entries there after they have logged them.
        connection.execute(f"DELETE FROM {PENDING} WHERE xact < pg_snapshot_xmin(pg_current_snapshot())")
    return gone
