"""What the operating system says of this process, as far as it does: memory, processor time, open files.

On systems without /proc, what cannot be read is left out.
"""

from __future__ import annotations

import contextlib
import gc
import os
import time
from collections.abc import Iterator
from pathlib import Path

from tidegate.admin.exposition import Family, of_labels, of_value

STARTED = time.time()
STATUS, FILES = Path("/proc/self/statm"), Path("/proc/self/fd")


def families() -> Iterator[Family]:
    """Under the names that all programs use. Takes long where many files are open: not for the event loop."""
    usage = os.times()
    yield of_value("process_cpu_seconds_total", "counter", "Processor time of this process.", usage.user + usage.system)
    yield of_value("process_start_time_seconds", "gauge", "When this process started, as Unix time.", STARTED)
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(STATUS.read_text().split()[1])
        resident = pages * os.sysconf("SC_PAGE_SIZE")
        yield of_value("process_resident_memory_bytes", "gauge", "Memory of this process in use.", resident)
    with contextlib.suppress(OSError):
        yield of_value("process_open_fds", "gauge", "Open files and sockets.", _open_files())
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource  # noqa: PLC0415  # not on every system

        most = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        yield of_value("process_max_fds", "gauge", "Open files and sockets, at most.", most)
    collections = {str(number): each["collections"] for number, each in enumerate(gc.get_stats())}
    yield of_labels("tidegate_gc_collections_total", "counter", "Garbage collections.", "generation", dict(collections))


def _open_files() -> int:
    """Linux 6.2 and newer say it at once. Raises OSError."""
    return FILES.stat().st_size or sum(1 for _ in os.scandir(FILES))
