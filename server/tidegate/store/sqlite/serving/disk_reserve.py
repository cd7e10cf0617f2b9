"""Some megabytes of the disk, kept for the time when it is full: without them not even a delete could be logged.

Beside a file `app.db` the gateway allocates `app.db-tidegate-reserve` and never reads it. When the disk is full the
file is given up, so that deletes and the pruning of the change log go on; it is made again when there is room.
"""

from __future__ import annotations

import errno
import logging
import os
from pathlib import Path

log = logging.getLogger("tidegate.store")

SUFFIX = "-tidegate-reserve"
"""After the name of the database file, the name of its reserve."""
SIZE = 16 * 1024 * 1024
"""Four times the write-ahead log in its usual size: a delete logs the row in it, and then in the file."""
NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class DiskReserve:
    """Of one database. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        self.held = False
        database = path.resolve()
        self._file = database.with_name(database.name + SUFFIX)
        self._said = False

    def make(self) -> bool:
        """Allocate the reserve; whether there is room, also where none can be kept."""
        if self.held:
            return True
        try:
            if self._file.exists() and self._file.stat().st_size >= SIZE:
                self.held = True  # left by a gateway that was killed
                return True
            room = os.statvfs(self._file.parent)
            if room.f_bavail * room.f_frsize < 2 * SIZE:
                return self._refused(None)  # as much again has to be left to write with
            with self._file.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, SIZE)
        except OSError as error:
            self.give_up()
            return self._refused(error)
        self.held, self._said = True, False
        return True

    def give_up(self) -> None:
        """Leave the room to the database."""
        if self.held:
            self.held, self._said = False, True  # as it should be
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            log.warning("the reserve %s cannot be deleted: %s", self._file, error)

    def _refused(self, error: OSError | None) -> bool:
        if not self._said:
            self._said = True
            log.warning(
                "no reserve of %d bytes can be kept beside the database, so that deletes may fail when the disk is "
                "full: %s",
                SIZE,
                error or "there is too little room on the disk",
            )
        return error is not None and error.errno not in NO_ROOM
