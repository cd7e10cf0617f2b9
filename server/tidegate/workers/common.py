"""What all workers have in common: the contract of those that run, and the memory in which they count together.

Both are files without a name, which the workers inherit. A worker writes its contract into its own file, and compares
it with that of the workers that run (`fitting`). A column of the counts belongs to one process at a time.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

import msgspec

from tidegate.workers.counts import Counts, most_workers
from tidegate.workers.place import Place
from tidegate.workers.spawning import Process


class Common:
    """The supervisor's side."""

    def __init__(self, workers: int) -> None:
        self._running = os.memfd_create("tidegate-contract")
        self._known = False
        self._counts = Counts.make(most_workers(workers))
        self._free = list(range(most_workers(workers)))

    def start(self, place: Place, start: Callable[[Place], Process]) -> Process:
        """Start a worker at `place`, which gets its part of both. `ended` must be called for it. Raises OSError."""
        if not self._free:
            raise OSError(errno.EAGAIN, "too many processes of workers have not ended yet")
        column, own = self._free.pop(0), os.memfd_create("tidegate-contract")
        self._counts.clear(column)
        try:
            return start(
                msgspec.structs.replace(
                    place, running=self._running, own=own, counts=self._counts.descriptor, column=column
                )
            )
        except OSError:
            os.close(own)
            self._free.append(column)
            raise

    def ready(self, process: Process) -> None:
        """The first worker that is ready sets the contract."""
        if not self._known and process.place.own is not None:
            self.adopt(process)

    def adopt(self, process: Process) -> None:
        """The contract of this worker is that of all workers from here on."""
        assert process.place.own is not None
        self._known = True
        os.dup2(process.place.own, self._running, inheritable=False)

    def ended(self, process: Process) -> None:
        if process.place.own is not None:
            os.close(process.place.own)
            self._free.append(process.place.column)
