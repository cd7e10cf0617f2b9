"""What the ledger counts for an object beside its texts is what the object takes, or a little more."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.history import HISTORY_BYTES, KEY_BYTES, MESSAGE_BYTES, RECENT_KEYS, History

MANY = 2048
TEXT = 100


def each(count: int, make: Callable[[], object]) -> float:
    """Bytes that one of the `count` objects takes that `make` makes."""
    gc.collect()
    tracemalloc.start()
    try:
        kept = make()
        size = tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
    del kept
    return size


def is_counted_well(counted: int, measured: float) -> bool:
    return measured <= counted <= 2 * measured


def history(epoch: str = "run.1") -> History:
    return History(Ledger(), "user 1", epoch, (MANY, 60.0), 0.0)


def test_a_history_with_its_first_message() -> None:
    ledger = Ledger()

    def histories() -> object:
        found = {}
        for number in range(MANY):
            found[f"room-{number}"] = made = History(ledger, "user 1", f"run.{number}", (10, 60.0), 0.0)
            made.append(bytes(TEXT), float(number), "user 1")
        return found

    assert is_counted_well(HISTORY_BYTES + MESSAGE_BYTES + TEXT, each(MANY, histories))


def test_a_message() -> None:
    def messages() -> object:
        made = history()
        for number in range(MANY):
            made.append(bytes(TEXT), float(number), "user 1")
        return made

    assert is_counted_well(MESSAGE_BYTES + TEXT, each(MANY, messages))


def test_a_key() -> None:
    def keys() -> object:
        made = history()
        for number in range(RECENT_KEYS):
            made.remember(f"anon-{number:016}", f"key-{number:016}", number.to_bytes(16, "big"), "user 1")
        return made

    assert is_counted_well(KEY_BYTES + 41, each(RECENT_KEYS, keys))
