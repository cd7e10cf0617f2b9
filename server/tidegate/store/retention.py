"""How long the change log and the memory of requests are kept.

Invariant: `pruned_to` moves in the same transaction in which changes go, so that no reader takes a gap for silence.
"""

from __future__ import annotations

import apsw
import msgspec

from tidegate.store.changelog import ASIDE, LOG, META, REQUESTS
from tidegate.store.reader import head, one_value

PAUSE_S = 30.0
STEP = 1_000
"""Changes that go in one transaction, so that no writer waits long."""
REQUESTS_KEEP_MS = 24 * 3600 * 1000


class Retention(msgspec.Struct, frozen=True):
    """A change goes when it is older than `age_ms` and `rows` newer ones are there.

    Whoever was away for a shorter time, or missed fewer, is told all of it.
    """

    age_ms: int = 24 * 3600 * 1000
    """Far longer than the change feeds of all gateways need to read a change: those that come too late start anew."""
    rows: int = 100_000
    """At least 1: the newest change tells this log from another one."""

    @property
    def pause_s(self) -> float:
        """Seconds between two looks for what is to go: a small part of the age."""
        return min(PAUSE_S, self.age_ms / 120_000)


KEEP = Retention()


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
        connection.execute(f"DELETE FROM {ASIDE}")  # between two transactions nothing there is of use
        connection.execute(f"DELETE FROM {REQUESTS} WHERE time < ?", (now_ms - REQUESTS_KEEP_MS,))
        connection.execute("COMMIT")
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    return gone
