"""A note beside an SQLite file tells a restored backup: how far the change log was when the file was served last.

A backup that was put in the file's place has the log of before and goes on from there: the same positions would mean
other changes. A database that does not agree with its note gets a new epoch. `log_note` reads and writes the note.
Invariant: the note never names a change that was not committed, so that a restart after a kill finds it confirmed.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import apsw
import msgspec

from tidegate.contract import Resource
from tidegate.store.epochs import fresh_epoch
from tidegate.store.errors import READ_ONLY, REMADE, REPLACED, StoreError, Unmigrated
from tidegate.store.serving.guard import Guard
from tidegate.store.sqlite.changelog import META, SERVED
from tidegate.store.sqlite.connection import connect, refuse_missing, sqlite_path
from tidegate.store.sqlite.damage import refuse_damage, refuse_foreign_log
from tidegate.store.sqlite.file_header import log_path
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.log_note import (
    LogFingerprint,
    entry_of,
    fingerprint_of,
    note_path,
    read_note,
    write_note,
)
from tidegate.store.sqlite.serving.remade_tables import remade
from tidegate.store.sqlite.serving.table_watch import TableWatch

log = logging.getLogger("tidegate.store")

NOTE_S = 2.0
"""Seconds between two notes of how far the log is, and between two looks at the tables."""


class EpochGuard(Guard):
    """Keeps the note of one database while it is served.

    Owns a connection from `open` to `close`, for one thread at a time.
    """

    def __init__(self, path: Path, connection: apsw.Connection, resources: Mapping[str, Resource]) -> None:
        self._tables = TableWatch(path, connection, resources)
        self._resources = resources
        self._path = path
        self._connection = connection
        self._noted = fingerprint_of(connection, path)
        self.file = DatabaseFile(path)
        self._look_at = 0.0
        self._writable = True
        self._write(self._noted)

    @classmethod
    def open(cls, path: Path, resources: Mapping[str, Resource]) -> EpochGuard:
        """Give the log a new epoch if it is not the one that was served here last. Raises StoreError."""
        connection = connect(path)  # the last one that is closed
        try:
            _begin_epoch_in_doubt(connection, path, resources)
            return cls(path, connection, resources)
        except BaseException as error:
            connection.close()
            if isinstance(error, apsw.Error | OSError):
                raise StoreError(f"database {path}: {error}") from None
            raise

    @property
    def incomplete(self) -> Collection[str]:
        """The resources whose changes the log may lack."""
        return self._tables.incomplete

    @property
    def damage(self) -> str | None:
        return self.file.problem

    @property
    def problem(self) -> str | None:
        """As in `Guard`. Writes to a file that is read-only are refused by the writer."""
        return super().problem or (f"the database {READ_ONLY}" if self.file.read_only else None)

    def look_if_due(self) -> None:
        """Look at the file, and after `NOTE_S` at everything else."""
        self.look_at_file()
        if time.monotonic() >= self._look_at:
            self._look_at = time.monotonic() + NOTE_S
            self.look()

    def look_at_file(self) -> None:
        """See whether the file still is there, and whole."""
        damaged = bool(self.file.damage)
        self.file.look(self._connection)
        if self.file.replaced:
            self._outdate()
        elif self.file.damage and not damaged:
            self._write(msgspec.structs.replace(self._noted, damaged=True))

    def look(self) -> None:
        """Note how far the log is. When it has become another log, say so once and note nothing more."""
        if self.outdated or self.file.problem is not None:
            return
        try:
            now = fingerprint_of(self._connection, self._path)
            entry = entry_of(self._connection, self._noted.seq)
            self._tables.look()
            whole = [each for name, each in self._resources.items() if name not in self.incomplete]
            again = remade(self._connection, whole, self._noted.older, self._noted.seq)
        except (apsw.Error, OSError) as error:
            self.file.notice(error)
            log.warning("no note of the change log could be made; it will be tried again: %s", error)
            return
        before = self._noted
        other_entry = entry not in {"", before.entry}  # "": it was pruned
        if (now.epoch, now.file) != (before.epoch, before.file) or now.went_back(before) or other_entry:
            self._outdate()
        elif again:
            log.error(f"the database %s {REMADE}", self._path, ", ".join(each.table for each in again))
            self._outdate(doubt=True)
        elif now != before:
            self._write(now)

    def close(self) -> None:
        """To be called when all other connections of the gateway are closed."""
        self.look_at_file()
        self.look()
        whole = not self.outdated and self.file.problem is None
        self._connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(not whole))
        self._connection.close()
        if whole and not log_path(self._path).exists():
            self._write(msgspec.structs.replace(self._noted, log=0))

    def _outdate(self, *, doubt: bool = False) -> None:
        """`doubt`: the next start must begin a new epoch, which the note would not tell it."""
        if not self.outdated:
            self.outdated = True
            log.error("the database %s %s", self._path, REPLACED)
            # The log may have gone back to the note's entry. The next start must not take it for that one.
            if doubt or self.file.went_back:
                self._write(msgspec.structs.replace(self._noted, epoch=""))

    def _write(self, fingerprint: LogFingerprint) -> None:
        self._noted = fingerprint
        try:
            write_note(self._path, fingerprint)
            self._writable = True
        except OSError as error:
            if self._writable:
                log.warning("no note can be kept beside the database; the next start begins a new epoch: %s", error)
            self._writable = False


def refuse_spoiled(path: Path) -> None:
    """To be called before the file is opened. Raises StoreError where opening or serving it would spoil it."""
    note = read_note(path)
    refuse_foreign_log(path, None if note is None else (note.file, note.log))
    refuse_damage(path, suspect=note is not None and note.damaged)


def new_epoch(url: str) -> tuple[str, str]:
    """Give the log a new epoch; returns the old one and the new one. Raises StoreError."""
    refuse_missing(url)
    path = sqlite_path(url)
    refuse_foreign_log(path)
    connection = connect(path)
    try:
        with _writing(connection):
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (META,)).fetchall():
                raise Unmigrated(
                    f"the database {path} was not migrated and has no epoch; type: tidegate migrate --database {url}"
                )
            old = fingerprint_of(connection, path).epoch
            _begin_epoch(connection)
        now = fingerprint_of(connection, path)
        if read_note(path) is not None:  # an old note would make the next start begin one more epoch
            write_note(path, now)
    except (apsw.Error, OSError) as error:
        raise StoreError(f"database {path}: {error}") from None
    finally:
        connection.close()
    return old, now.epoch


def _begin_epoch_in_doubt(connection: apsw.Connection, path: Path, resources: Mapping[str, Resource]) -> None:
    served = connection.execute(f"SELECT 1 FROM {META} WHERE name = ?", (SERVED,)).fetchall()
    doubt = _doubt(connection, path, resources, served=bool(served))
    if doubt is None and served:
        return
    with _writing(connection):
        if doubt is not None:
            _begin_epoch(connection)
        connection.execute(f"INSERT OR IGNORE INTO {META} (name, value) VALUES (?, 1)", (SERVED,))
    if doubt is not None:
        log.warning("the database %s %s: a new epoch begins, and clients start from snapshots", path, doubt)


def _doubt(connection: apsw.Connection, path: Path, resources: Mapping[str, Resource], *, served: bool) -> str | None:
    """Why this log may not be the one that was served here last; None when it is."""
    note = read_note(path)
    if note is None:
        return f"was served before and has no {note_path(path).name} beside it" if served else None
    now = fingerprint_of(connection, path)
    if note.epoch != now.epoch:  # before it is served, no client has a position of a migration's epoch
        return "has another epoch than when it was served here last" if served else None
    if note.file != now.file:
        return "is another file than the one that was served here last"
    if now.went_back(note) or (note.entry and entry_of(connection, note.seq) != note.entry):
        return "has another change log than when it was served here last; a backup was restored"
    if again := remade(connection, resources.values(), note.older, note.seq):
        return REMADE % ", ".join(each.table for each in again)
    return None


@contextmanager
def _writing(connection: apsw.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


def _begin_epoch(connection: apsw.Connection) -> None:
    connection.execute(f"UPDATE {META} SET value = ? WHERE name = 'epoch'", (fresh_epoch(),))
