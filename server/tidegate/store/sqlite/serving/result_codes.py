"""What SQLite's result codes mean for a request: whether the same request may succeed later.

The primary result code decides: https://www.sqlite.org/rescode.html
Invariant: a failure is temporary only where waiting can help.
"""

from __future__ import annotations

import logging

import apsw

from tidegate.core.errors import Refused
from tidegate.store.serving import refusals

log = logging.getLogger("tidegate.store")

TEMPORARY = {
    apsw.SQLITE_BUSY,  # another program holds the lock
    apsw.SQLITE_LOCKED,
    apsw.SQLITE_NOMEM,
    apsw.SQLITE_INTERRUPT,
    apsw.SQLITE_IOERR,
    apsw.SQLITE_FULL,  # the disk
    apsw.SQLITE_CANTOPEN,  # too many open files
    apsw.SQLITE_PROTOCOL,
    apsw.SQLITE_SCHEMA,  # another program changed definitions at that moment
}
OF_THE_ROW = {apsw.SQLITE_CONSTRAINT, apsw.SQLITE_MISMATCH, apsw.SQLITE_TOOBIG}
"""A rule of the database does not accept the values."""


def is_temporary(error: Exception) -> bool:
    """Whether the database cannot do it at the moment. Otherwise a definition is
    wrong, a right is missing, or the file is broken.
    """
    return isinstance(error, apsw.Error) and _primary(error) in TEMPORARY


def failure(error: Exception) -> Refused:
    """What a failed mutation, or a failed transaction, means to its client; the log has the error."""
    if isinstance(error, apsw.Error) and _primary(error) in OF_THE_ROW:
        return Refused("invalid_data", "the database does not accept this row", keyword="check")
    return refusals.unavailable() if is_temporary(error) else refusals.failed()


def unreadable(error: apsw.Error) -> Refused:
    """What an error means to a client that reads."""
    log.error("rows cannot be read", exc_info=error)
    return refusals.unreachable() if is_temporary(error) else refusals.unreadable()


def _primary(error: apsw.Error) -> int:
    """The extended codes have it in their low byte. 0: apsw itself raised the error."""
    return int(getattr(error, "result", 0)) & 0xFF
