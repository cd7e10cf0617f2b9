"""One gateway serves an SQLite file: it holds a lock on a file beside the database, which says which process it is.

The lock is advisory and only gateways ask for it, so that migrations, models and other programs use the database as
ever. The kernel releases it when the process ends, however it ends; the file stays. The database file itself must not
be locked so: when a process closes it, SQLite's locks of that process on the file are gone.
"""

from __future__ import annotations

import fcntl
import logging
import os
import socket
from pathlib import Path

from tidegate.store.errors import StoreError

log = logging.getLogger("tidegate.store")

SUFFIX = "-tidegate-lock"
"""After the name of the database file, the name of its lock file."""
TEXT_BYTES = 300


class ServingLock:
    """Held from `take` to `release`."""

    def __init__(self, file: int | None) -> None:
        """`file`: the descriptor of the locked file; None where the folder or the file system allows no lock."""
        self._file = file

    @classmethod
    def take(cls, path: Path) -> ServingLock:
        """Raises StoreError: another gateway serves the database at `path`."""
        database = path.resolve()
        file = None
        try:
            # Python lets no child process inherit the descriptor, and with it the lock.
            file = os.open(database.with_name(database.name + SUFFIX), os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(file, 0)
            os.pwrite(file, f"process {os.getpid()} on {socket.gethostname()}".encode()[:TEXT_BYTES], 0)
        except BlockingIOError:
            assert file is not None
            holder = os.pread(file, TEXT_BYTES, 0).decode(errors="replace")
            os.close(file)
            raise StoreError(
                f"the database {path} is already served by another gateway ({holder or 'it is starting'}); an SQLite "
                "file has one gateway: stop the other one, or use PostgreSQL for several gateways"
            ) from None
        except OSError as error:
            log.warning("cannot keep other gateways from serving the database %s: %s", path, error)
            if file is not None:
                os.close(file)
                file = None
        return cls(file)

    def release(self) -> None:
        if self._file is not None:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = None
