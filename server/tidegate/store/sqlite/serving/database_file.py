"""Whether the file at the database's path still is the one that the gateway opened, and whole.

SQLite goes on with a file that was deleted or replaced, for it has it open: what it commits then is lost with the
process. It does not read pages again that it has in memory, so that it does not see either that the content changed.
The writer asks before it answers; a thread looks twice a second, and the writer before each checkpoint; and every error
of a read tells what it means.
Invariant: damage and replacement stay until a restart, which checks the file. A file that was away and is back is fine.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from pathlib import Path

import apsw

from tidegate.store.errors import DAMAGED, GONE, READ_ONLY, REPLACED
from tidegate.store.sqlite.damage import damage
from tidegate.store.sqlite.file_header import FileHeader, log_path, read_header
from tidegate.store.sqlite.serving.result_codes import Fault, fault

log = logging.getLogger("tidegate.store")

SHORT_S = 30.0
"""Seconds after which a file that is still too short counts as damaged, also when it is too large to be checked."""


class DatabaseFile:
    """One file from the moment at which a connection holds it. Several threads may ask at a time."""

    def __init__(self, path: Path) -> None:
        """To be called once a connection has read the database: its log is there then. Raises OSError, apsw.Error."""
        self.replaced = False
        """Another file, or another content, is in its place: for good."""
        self.went_back = False
        """It is replaced, by an older content: a backup was put into the file."""
        self.damage = ""
        """What was seen of damage: for good."""
        self.read_only = False
        """The gateway may not write to the file. It could: SQLite has it open from before."""
        self._path = path
        self._log = log_path(path)
        self._gone = False
        self._identity = _identity(path)
        self._log_identity = _identity(self._log)
        self._rights: tuple[int, int, int] | None = None
        """The mode and the owner of the file when the gateway last asked what it may do with it."""
        self._header = read_header(path)
        self._looking = threading.Lock()
        """The headers are compared in the order in which they were read."""
        self._short: tuple[FileHeader, float] | None = None
        """A header that promises more pages than there are, and since when."""

    @property
    def problem(self) -> str | None:
        """Why nothing may be written; None while all is well."""
        if self.replaced:
            return f"the database {REPLACED}"
        if self.damage:
            return f"the database {DAMAGED}"
        return f"the database {GONE}" if self._gone else None

    def is_lost(self) -> bool:
        """Whether what was just committed is not in the files at the path. Takes two microseconds."""
        try:
            there = os.stat(self._path)  # noqa: PTH116  # a Path takes half as long again
            beside = os.stat(self._log)  # noqa: PTH116
        except OSError:
            self._miss()
            return True
        if (there.st_ino, there.st_dev) != self._identity:
            self.replaced = True
            return True
        if (beside.st_ino, beside.st_dev) != self._log_identity:
            self._miss()
            return True
        if self._gone:
            self._gone = False
            log.warning("the database %s is back", self._path)
        if (there.st_mode, there.st_uid, there.st_gid) != self._rights:
            self._ask_rights(there)
        return False

    def look(self, connection: apsw.Connection) -> None:
        """Look at the file, and log what is new. `connection`: to the same database, for the calling thread."""
        with self._looking:
            self._look(connection)

    def _look(self, connection: apsw.Connection) -> None:
        if self.replaced or self.damage or self.is_lost():
            return
        try:
            header = read_header(self._path)
            schema = connection.pragma("schema_version")
        except (apsw.Error, OSError) as error:
            self.notice(error)
            return
        before = self._header
        if not header.is_database or header.size < before.page_size or header.page_size != before.page_size:
            self._damaged("it does not begin like the database that was opened")
        elif header.counter < before.counter or not before.schema <= header.schema <= schema:
            self.replaced = True  # by another content
        elif header.pages * header.page_size > header.size:
            self._look_at_short(header)
        else:
            self._header, self._short = header, None

    def notice(self, error: Exception) -> None:
        """An error that a read or a write met."""
        if isinstance(error, apsw.Error) and fault(error) is Fault.DAMAGE:
            self._damaged(str(error))

    def _ask_rights(self, there: os.stat_result) -> None:
        self._rights = there.st_mode, there.st_uid, there.st_gid
        before, self.read_only = self.read_only, not os.access(self._path, os.W_OK)
        if self.read_only != before:
            log.warning("the database %s %s", self._path, READ_ONLY if self.read_only else "may be written again")

    def log_went_back(self) -> None:
        """The change log has fewer entries than a thread read before."""
        self.went_back = self.replaced = True

    def told_of_damage(self, what: str) -> None:
        """Another process met it."""
        self._damaged(what)

    def _look_at_short(self, header: FileHeader) -> None:
        """A checkpoint that is under way writes the first page before the last ones."""
        if self._short is None or self._short[0] != header:
            self._short = header, time.monotonic()
            return
        found = damage(self._path)
        if found or (found is None and time.monotonic() > self._short[1] + SHORT_S):
            self._damaged(found or "it is shorter than it says")

    def _damaged(self, what: str) -> None:
        if not self.damage:
            self.damage = what
            log.error("the database %s is damaged, and nothing is written to it any more: %s", self._path, what)

    def _miss(self) -> None:
        if not self._gone:
            self._gone = True
            log.error("the database %s %s", self._path, GONE)


def _identity(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_ino, found.st_dev
