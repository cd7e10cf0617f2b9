"""Refuses to open an SQLite file that would be spoiled by it: a log of another file beside it, or damage.

SQLite applies every write-ahead log that it finds beside a file. The log of a file that was replaced would be mixed
with the new content, without an error. So this module looks before the first connection is made.
Invariant: what is refused is left as it is: no file is changed, moved or deleted.
"""

from __future__ import annotations

import logging
import time
from contextlib import closing
from pathlib import Path

import apsw

from tidegate.store.errors import StoreError
from tidegate.store.sqlite.file_header import FileHeader, LogState, log_path, read_header, read_log

log = logging.getLogger("tidegate.store")

CHECK_S = 2.0
"""How long a file is checked at most. A large one is not checked whole: that would take minutes."""
STEPS = 10_000
"""Instructions of SQLite between two looks at the clock: about a millisecond."""
AGAIN_S, LOOKS = 0.1, 3
"""Another program may write while both files are read: what speaks against them has to hold several times."""

RESTORE = "restore a backup, or save what can be read: sqlite3 %s .recover; nothing was changed"
FOREIGN_LOG = (
    "the database {path} does not belong together with {log}: {why}. The file was replaced while its log was left "
    "beside it. If {path} is the one to serve, move {log} and {shm} away, then start again; nothing was changed"
)


def refuse_foreign_log(path: Path, noted: tuple[int, int] | None = None) -> None:
    """Raises StoreError where the log beside the file at `path` is not its own.

    `noted`: the numbers of the file and of its log in their file system, as a gateway noted them.
    """
    for look in range(LOOKS):
        if (why := _against(path, noted)) is None:
            return
        if look < LOOKS - 1:
            time.sleep(AGAIN_S)
    raise StoreError(FOREIGN_LOG.format(path=path, log=log_path(path).name, shm=f"{path.resolve().name}-shm", why=why))


def refuse_damage(path: Path, *, suspect: bool = False, seconds: float = CHECK_S) -> None:
    """Check a file that was not closed, or that is `suspect`. Raises StoreError where it is damaged."""
    wal = log_path(path)
    if not suspect and not (wal.exists() and wal.stat().st_size):
        return
    found = damage(path, seconds)
    if found is None:
        log.warning("the database %s was not closed the last time; it was too large to be checked whole at start", path)
    elif found:
        raise StoreError(f"the database {path} is damaged: {found}; {RESTORE % path}")


def damage(path: Path, seconds: float = CHECK_S) -> str | None:
    """What is wrong with the file: "" where nothing is, None where the time was too short to find out."""
    until = time.monotonic() + seconds
    try:
        with closing(apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE)) as connection:
            connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)  # it is only looked at
            connection.set_progress_handler(lambda: time.monotonic() > until, STEPS)
            ((found,),) = connection.execute("PRAGMA quick_check(1)")
    except apsw.InterruptError:
        return None
    except (apsw.CorruptError, apsw.NotADBError) as error:
        return str(error)
    except apsw.Error:  # it is locked, or cannot be opened: the caller's own connection says so
        return None
    return "" if found == "ok" else " ".join(str(found).split())


def _against(path: Path, noted: tuple[int, int] | None) -> str | None:
    """What speaks against a file and a log that are beside each other."""
    wal = log_path(path)
    if not path.exists():
        return None
    try:
        header = read_header(path)  # first: the log may only go on from there
        state = read_log(wal)
    except apsw.Error:
        return None  # the first connection says what is wrong
    if state is None or not state.commits:
        return None
    if noted is not None and path.stat().st_ino != noted[0] and wal.stat().st_ino == noted[1]:
        return "the log was written for another file, as the gateway noted"
    return _contradiction(header, state)


def _contradiction(header: FileHeader, state: LogState) -> str | None:
    if not header.size:
        return "the file is empty, and the log has committed changes"
    if not header.is_database:
        return "the file does not begin like an SQLite database"
    if header.page_size != state.page_size:
        return f"the pages of the file have {header.page_size} bytes, those of the log {state.page_size}"
    if state.counters is not None and not state.counters[0] - 1 <= header.counter <= state.counters[1]:
        first, last = state.counters
        return f"the file is at change {header.counter}, and the log goes from {first} to {last}"
    return None
