"""Gives memory back to the operating system after a peak.

Python keeps freed objects of some types for the next use. A few of them are in each block of memory, so that it keeps
the blocks too: after 20,000 rooms had come and gone, a gateway still had 35 of the 39 MiB that they had taken, and gave
33 MiB back when its garbage was collected. Where nothing happens any more, Python collects none by itself.
The C library keeps freed pages between others that are in use. It knows how much is free, whatever it was: `AfterFrees`
asks it.
Both do nothing in ordinary times.
"""

from __future__ import annotations

import gc
import logging
from typing import Protocol

from tidegate.core.budgets.ledger import Ledger

log = logging.getLogger("tidegate")

LOOK_S = 5.0
"""Seconds between two looks."""
PEAK_BYTES = 8 << 20
"""A smaller peak is not worth a collection, which holds the event loop for some milliseconds."""


def after_peak(ledger: Ledger) -> None:
    """Collect garbage if what clients hold was much more than it is now; once for each peak."""
    if ledger.peak - ledger.total < PEAK_BYTES or ledger.total > ledger.peak // 2:
        return
    log.debug("clients hold %d bytes, and held %d: memory is given back", ledger.total, ledger.peak)
    ledger.peak = ledger.total
    gc.collect()


class Heap(Protocol):
    """As `heap.Heap`."""

    def free(self) -> int:
        """Bytes that are freed and still in the heap."""

    def resident(self) -> int:
        """Bytes of the process that are in memory."""

    def trim(self) -> None:
        """Give free pages back."""


class AfterFrees:
    """Gives the free pages of a heap back when there are many that it did not give back before.

    What was given back still counts as free, and may have been used and freed again between two looks. So more must be
    free than at the least since the last time, or more of the process in memory.
    """

    def __init__(self, heap: Heap) -> None:
        self._heap = heap
        self._note()

    def _note(self) -> None:
        self._free, self._resident = self._heap.free(), self._heap.resident()

    def look(self) -> None:
        """To be called every `LOOK_S`."""
        free, resident = self._heap.free(), self._heap.resident()
        self._free, self._resident = min(self._free, free), min(self._resident, resident)
        if free < PEAK_BYTES or max(free - self._free, resident - self._resident) < PEAK_BYTES:
            return
        self._heap.trim()
        self._note()
        log.debug("%d bytes were free: %d of %d are resident now", free, self._resident, resident)
