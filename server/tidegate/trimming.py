"""Gives memory back to the operating system after a peak.

Python keeps freed objects of some types for the next use. A few of them are in each block of memory, so that it keeps
the blocks too: after 20,000 rooms had come and gone, a gateway still had 35 of the 39 MiB that they had taken, and gave
33 MiB back when its garbage was collected. Where nothing happens any more, Python collects none by itself.
It decides by what the ledger and the transport count, and does nothing in ordinary times.
"""

from __future__ import annotations

import ctypes
import gc
import logging

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
    _trim()


class AfterDrop:
    """The same for unfinished messages, of which the ledger knows nothing."""

    def __init__(self) -> None:
        self._dropped = 0
        """How much had been dropped when memory was given back."""

    def __call__(self, dropped: int) -> None:
        """`dropped`: bytes that ended connections had, in all. They are freed already, so nothing is collected."""
        if dropped - self._dropped >= PEAK_BYTES:
            self._dropped = dropped
            _trim()


def _trim() -> None:
    """Large freed texts stay in the heap of the C library, which gives them back when it is asked; glibc's alone."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
