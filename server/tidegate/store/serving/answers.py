"""What is kept of the answer to a write with an idempotency key, and how a repetition is answered from it.

A small answer is kept as it is. Of a large one only the keys of the rows are kept, and not even those where the
repeated request names them: its rows are read again. This module knows no SQL.
Invariant: what is kept has at most `KEPT_BYTES`, or the bytes of the keys; it always tells that the write was done.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tidegate.core.budgets.daily import DailyBudget
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Key, Mutation, Row

KEPT_BYTES = 4096
"""Of an answer as JSON, at most."""
BYTES_A_DAY = 256 * 1024**2
"""Of answers that are kept for one account, in 24 hours."""
NUMBER_A_DAY = 1_000_000
ENTRY_BYTES = 200
"""What an entry takes beside the answer, about."""


class Answers:
    """The budget of kept answers, and their form. May be used in several threads."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._budget = DailyBudget(BYTES_A_DAY, NUMBER_A_DAY)
        self._lock = threading.Lock()
        self._now = now

    def check(self, mutation: Mutation) -> None:
        """Raises Refused: no answer to this mutation, which was not done before, can be kept."""
        if mutation.idempotency_key is not None:
            with self._lock:
                self._budget.check(mutation.payer.account, self._now())

    def kept(self, mutation: Mutation, rows: Sequence[Row], key: Sequence[str]) -> str:
        """What to keep of the answer `rows`. `key`: the names of the key's properties."""
        text = msgspec.json.encode(rows)
        if mutation.kind == "delete" or len(text) > KEPT_BYTES:
            text = msgspec.json.encode({"keys": _unknown_keys(mutation, rows, key)})
        with self._lock:
            self._budget.add(mutation.payer.account, len(text) + ENTRY_BYTES, self._now())
        return text.decode()


def again(mutation: Mutation, kept: Any, find: Callable[[Key], Row | None]) -> list[Row]:
    """The rows for a repetition of `mutation`. `kept`: decoded. `find`: the row with a key, as it is now.

    Raises Refused: none of the rows is there any more.
    """
    if isinstance(kept, list):
        return kept
    keys: Sequence[Key] = mutation.keys if kept["keys"] is None else kept["keys"]
    if mutation.kind == "delete":
        return list(keys)
    found = [row for row in map(find, keys) if row is not None]
    if keys and not found:
        raise Refused(
            "not_found", "this request was carried out before; its rows are not there any more", pointer="/key"
        )
    return found


def _unknown_keys(mutation: Mutation, rows: Sequence[Row], key: Sequence[str]) -> list[Key] | None:
    """The keys of the rows; None where the request itself has them."""
    changed = mutation.data or {}
    if mutation.kind == "delete" or (mutation.kind == "update" and changed.keys().isdisjoint(key)):
        return None
    return [{name: row[name] for name in key} for row in rows]
