"""What the error codes of PostgreSQL (SQLSTATE) mean for a request: whether the same request may succeed later.

The code of an error decides, and where the table does not have it, its class, the first two characters:
https://www.postgresql.org/docs/current/errcodes-appendix.html
Invariant: a failure is temporary only where waiting can help.
"""

from __future__ import annotations

from enum import Enum, auto

import psycopg


class Fault(Enum):
    """Whose fault a failed statement is."""

    OTHERS = auto()
    """Other transactions were in the way: the same statement may succeed at once."""
    DATABASE = auto()
    """The database cannot do it at the moment: the same request may succeed later."""
    ROW = auto()
    """A rule of the database does not accept the values."""
    SETUP = auto()
    """A right, a table, a function is missing, or a trigger has a mistake: a person has to change something."""


_CODES = {
    "40001": Fault.OTHERS,  # serialization_failure
    "40P01": Fault.OTHERS,  # deadlock_detected
    "55P03": Fault.OTHERS,  # lock_not_available
    "40000": Fault.OTHERS,  # transaction_rollback
    "40002": Fault.ROW,  # transaction_integrity_constraint_violation
    "40003": Fault.DATABASE,  # statement_completion_unknown
    "25006": Fault.SETUP,  # read_only_sql_transaction in a trigger; `verdict` sees where the whole session is so
    "25P03": Fault.DATABASE,  # idle_in_transaction_session_timeout
    "25P04": Fault.DATABASE,  # transaction_timeout
    "55006": Fault.DATABASE,  # object_in_use
    "72000": Fault.DATABASE,  # snapshot_too_old
    "58030": Fault.DATABASE,  # io_error
    "58P01": Fault.SETUP,  # undefined_file: a library of an extension is gone
    "54000": Fault.ROW,  # program_limit_exceeded: a value is too long for an index
    "XX001": Fault.DATABASE,  # data_corrupted: an operator has to restore, and the requests of clients stay good
    "XX002": Fault.DATABASE,  # index_corrupted
    "HV00N": Fault.DATABASE,  # fdw_unable_to_establish_connection, in a trigger
}
_CLASSES = {
    "08": Fault.DATABASE,  # connection exception, also that of a trigger to another server
    "22": Fault.ROW,  # data exception
    "23": Fault.ROW,  # integrity constraint violation
    "44": Fault.ROW,  # WITH CHECK OPTION violation
    "53": Fault.DATABASE,  # insufficient resources: disk full, out of memory, too many connections
    "57": Fault.DATABASE,  # operator intervention: canceled, shutdown
    "58": Fault.DATABASE,  # system error
}


_EXTENDING = {"mdextend", "mdzeroextend"}
"""Functions of the server that make a file larger."""


def is_full(error: BaseException | None) -> bool:
    """Whether the files of the database cannot grow: the disk is full, or a quota or a limit of the system is reached.

    For the latter the server has no special code, and its text may be in any language.
    """
    if not isinstance(error, psycopg.Error):
        return False
    return error.sqlstate == "53100" or (error.sqlstate == "XX000" and error.diag.source_function in _EXTENDING)


def fault(error: psycopg.Error) -> Fault:
    """By the table; an error without a code is the connection's, or the driver's about a value."""
    code = error.sqlstate
    if code is None:
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
            return Fault.DATABASE
        return Fault.ROW if isinstance(error, psycopg.DataError) else Fault.SETUP
    if is_full(error):
        return Fault.DATABASE
    return _CODES.get(code) or _CLASSES.get(code[:2], Fault.SETUP)
