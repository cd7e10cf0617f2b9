"""Pruning the change log and the memory of requests, in small steps.

Invariant: `pruned_to` moves in the same transaction in which changes go, so that every reader notices a gap.
"""

from __future__ import annotations

from typing import Any

import apsw

from tidegate.store.serving.log_size import LogSize
from tidegate.store.serving.retention import KEEP, REQUESTS_KEEP_MS, Retention
from tidegate.store.sqlite.changelog import ASIDE, LOG, META, REQUESTS
from tidegate.store.sqlite.serving.statements import head, one_value

STEP = 1_000
"""Changes that go in one transaction, so that no writer waits long."""

SIZES = f"""SELECT seq, octet_length(key) + ifnull(octet_length(old), 0) + ifnull(octet_length(new), 0) FROM {LOG}
WHERE seq > ? ORDER BY seq LIMIT +?"""
"""octet_length() reads the length of a text and not the text."""


def prune_to_size(connection: apsw.Connection, size: LogSize) -> bool:
    """One step: measure what is new, and drop the oldest changes if the log is too large; whether more is left."""
    size.pruned(one_value(connection, f"SELECT value FROM {META} WHERE name = 'pruned_to'"))
    found: list[tuple[Any, ...]] = connection.execute(SIZES, (size.measured_to, STEP)).fetchall()
    size.add(found)
    if (upto := size.excess()) is not None:
        connection.execute("BEGIN IMMEDIATE")
        try:
            _drop(connection, upto)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        size.pruned(upto)
    return len(found) == STEP or size.excess() is not None


def _drop(connection: apsw.Connection, upto: int) -> int:
    """Drop the changes up to `upto`, in a transaction of the caller; returns how many went."""
    connection.execute(f"DELETE FROM {LOG} WHERE seq <= ?", (upto,))
    gone = connection.changes()
    connection.execute(f"UPDATE {META} SET value = ? WHERE name = 'pruned_to'", (upto,))
    return gone


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
        gone = _drop(connection, found) if found else 0
        connection.execute(f"DELETE FROM {ASIDE}")  # it is of use only within a transaction
        connection.execute(f"DELETE FROM {REQUESTS} WHERE time < ?", (now_ms - REQUESTS_KEEP_MS,))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return gone
