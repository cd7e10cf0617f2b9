"""What SQLite's result codes mean: for a request, whether it may succeed later, and for the gateway's readiness.

An extended code decides, and where the table does not have it, its primary code: https://www.sqlite.org/rescode.html
Invariant: a failure is temporary only where waiting can help. Waiting also helps where an operator has to act on the
whole database, which stands still until then.
"""

from __future__ import annotations

import logging
from enum import Enum, auto

import apsw

from tidegate.core.errors import Refused
from tidegate.store.serving import refusals

log = logging.getLogger("tidegate.store")


class Fault(Enum):
    """Whose fault a failed statement is."""

    DATABASE = auto()
    """The database cannot do it at the moment."""
    NO_ROOM = auto()
    """The file or its log cannot grow: the disk is full, or a limit is reached."""
    READ_ONLY = auto()
    """The file cannot be written, or not opened for writing."""
    DAMAGE = auto()
    """The content of the file is not a database's any more."""
    ROW = auto()
    """A rule of the database does not accept the values."""
    SETUP = auto()
    """A definition is wrong or missing: a person has to change something."""


FAULTS = {
    apsw.SQLITE_BUSY: Fault.DATABASE,  # another program holds the lock
    apsw.SQLITE_LOCKED: Fault.DATABASE,
    apsw.SQLITE_NOMEM: Fault.DATABASE,
    apsw.SQLITE_INTERRUPT: Fault.DATABASE,
    apsw.SQLITE_PROTOCOL: Fault.DATABASE,
    apsw.SQLITE_SCHEMA: Fault.DATABASE,  # another program changed definitions at that moment
    apsw.SQLITE_IOERR: Fault.DATABASE,
    # A quota and a limit of the file's size are no full disk to SQLite.
    apsw.SQLITE_IOERR_WRITE: Fault.NO_ROOM,
    apsw.SQLITE_IOERR_FSYNC: Fault.NO_ROOM,
    apsw.SQLITE_IOERR_TRUNCATE: Fault.NO_ROOM,
    apsw.SQLITE_IOERR_SHMSIZE: Fault.NO_ROOM,
    apsw.SQLITE_FULL: Fault.NO_ROOM,
    apsw.SQLITE_NOLFS: Fault.NO_ROOM,
    apsw.SQLITE_CANTOPEN: Fault.READ_ONLY,  # or too many open files
    apsw.SQLITE_READONLY: Fault.READ_ONLY,
    apsw.SQLITE_PERM: Fault.READ_ONLY,
    apsw.SQLITE_CORRUPT: Fault.DAMAGE,
    apsw.SQLITE_CORRUPT_VTAB: Fault.SETUP,  # of a virtual table, such as an index of texts that a trigger keeps
    apsw.SQLITE_NOTADB: Fault.DAMAGE,
    apsw.SQLITE_IOERR_CORRUPTFS: Fault.DAMAGE,
    apsw.SQLITE_IOERR_DATA: Fault.DAMAGE,  # a checksum of the file system
    apsw.SQLITE_CONSTRAINT: Fault.ROW,
    apsw.SQLITE_MISMATCH: Fault.ROW,
    apsw.SQLITE_TOOBIG: Fault.ROW,
}
TEMPORARY = {Fault.DATABASE, Fault.NO_ROOM, Fault.READ_ONLY, Fault.DAMAGE}


def fault(error: apsw.Error) -> Fault:
    """By the table; 0 as a result: apsw itself raised the error."""
    code, extended = int(getattr(error, "result", 0)), int(getattr(error, "extendedresult", 0))
    return FAULTS.get(extended) or FAULTS.get(code) or FAULTS.get(code & 0xFF, Fault.SETUP)


def is_temporary(error: Exception) -> bool:
    """Whether the same request may succeed later. Otherwise a definition is wrong, or a right is missing."""
    return isinstance(error, apsw.Error) and fault(error) in TEMPORARY


def failure(error: Exception) -> Refused:
    """What a failed mutation, or a failed transaction, means to its client; the log has the error."""
    if isinstance(error, apsw.Error) and fault(error) is Fault.ROW:
        return Refused("invalid_data", "the database does not accept this row", keyword="check")
    return refusals.unavailable() if is_temporary(error) else refusals.failed()


def unreadable(error: apsw.Error) -> Refused:
    """What an error means to a client that reads."""
    log.error("rows cannot be read", exc_info=error)
    return refusals.unreachable() if is_temporary(error) else refusals.unreadable()
