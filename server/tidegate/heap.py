"""The heap of the C library, where that is glibc: how it takes memory from the operating system, and gives it back.

Python takes what is larger than 512 bytes from there: messages, frames, answers. It knows no policy; `trimming` decides
when memory is given back. With another C library (musl, macOS) there is no such heap: `of_process` returns None.
"""

from __future__ import annotations

import ctypes
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

LARGE_BYTES = 128 << 10
"""What is larger is taken from the operating system by itself, and given back as soon as it is freed. By default glibc
takes it from the heap once it has seen such sizes freed, up to 32 MiB."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
SET_BY_OPERATOR = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_")
STATM = Path("/proc/self/statm")
FIELDS = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
"""Of the struct that mallinfo(3) returns."""


class _Sizes(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in FIELDS]  # as ctypes wants it


class _SmallSizes(ctypes.Structure):
    """Of glibc before 2.33. They are those of 4 GiB at most."""

    _fields_ = [(name, ctypes.c_uint) for name in FIELDS]  # as ctypes wants it


class Heap:
    """glibc's, of this process."""

    def __init__(self, library: ctypes.CDLL) -> None:
        """Raises AttributeError if the library is not glibc."""
        self._trim = library.malloc_trim
        self._mallopt = library.mallopt
        try:
            self._sizes, self._sizes.restype = library.mallinfo2, _Sizes
        except AttributeError:
            self._sizes, self._sizes.restype = library.mallinfo, _SmallSizes

    def fit(self, environment: Mapping[str, str] = os.environ) -> None:
        """Let what is large leave no holes, unless the operator has set this for glibc."""
        if any(environment.get(name) for name in SET_BY_OPERATOR) or "malloc" in environment.get("GLIBC_TUNABLES", ""):
            return
        # The second is twice the first, as glibc chooses it.
        self._mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)
        self._mallopt(M_TRIM_THRESHOLD, 2 * LARGE_BYTES)

    def free(self) -> int:
        """Bytes that are freed and still in the heap. Some of them may be with the operating system already."""
        return int(self._sizes().fordblks)

    def resident(self) -> int:
        """Bytes of this process that are in memory; 0 where that cannot be learnt."""
        with suppress(OSError, ValueError, IndexError):
            return int(STATM.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0

    def trim(self) -> None:
        """Give whole free pages back. It takes about 0.1 ms for each MiB."""
        self._trim(0)


def of_process() -> Heap | None:
    """The heap of this process; None where the C library is not glibc."""
    try:
        return Heap(ctypes.CDLL(None))
    except (AttributeError, OSError):
        return None
