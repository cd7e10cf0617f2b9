"""Pruning the change log and the memory of requests, in small steps.

Invariant: `pruned_to` moves in the same transaction in which changes go, so that every reader
notices a gap.
"""

from __future__ import annotations

import apsw

from tidegate.store.serving.retention import KEEP, REQUESTS_KEEP_MS, Retention
from tidegate.store.sqlite.changelog import ASIDE, LOG, META, REQUESTS
from tidegate.store.sqlite.serving.reader import head, one_value

STEP = 1_000
"""Changes that go in one transaction, so that no writer waits long."""


def prune(connection: apsw.Connection, now_ms: int, keep: Retention = KEEP) -> int:
    """One small step: drop changes that are both old and many; returns how many went."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        oldest = one_value(connection, f"SELECT coalesce(min(seq), 0) FROM {LOG}")
        last = min(head(connection) - keep.rows, oldest + STEP - 1)
        found = one_value(
            connection,
            f"SELECT coalesce(max(seq), 0) FROM {LOG} WHERE seq <= ? AND time < ?",
            last,
            now_ms - keep.age_ms,
        )
        gone = 0
        if found:
            connection.execute(f"DELETE FROM {LOG} WHERE seq <= ?", (found,))
            gone = connection.changes()
            connection.execute(f"UPDATE {META} SET value = ? WHERE name = 'pruned_to'", (found,))
        connection.execute(f"DELETE FROM {ASIDE}")  # it is of use only within a transaction
        connection.execute(f"DELETE FROM {REQUESTS} WHERE time < ?", (now_ms - REQUESTS_KEEP_MS,))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return gone
