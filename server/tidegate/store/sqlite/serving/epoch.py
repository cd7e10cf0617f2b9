"""A note beside an SQLite file tells a restored backup: how far the change log was when the file was served last.

A backup that was put in the file's place has the log of before and goes on from there: the same positions would mean
other changes. A database that does not agree with its note gets a new epoch. The note holds the newest entry of the
log, not only its number: a restored log may have grown past that number meanwhile.
Invariant: the note never names a change that was not committed, so that a restart after a kill finds it confirmed.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec

from tidegate.contract import Resource
from tidegate.store.epochs import fresh_epoch
from tidegate.store.errors import READ_ONLY, REMADE, REPLACED, StoreError, Unmigrated
from tidegate.store.serving.guard import Guard
from tidegate.store.serving.room_state import COUNT
from tidegate.store.sqlite.changelog import LOG, META, SERVED
from tidegate.store.sqlite.connection import connect, sqlite_path
from tidegate.store.sqlite.damage import refuse_damage, refuse_foreign_log
from tidegate.store.sqlite.file_header import log_path
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.reader import head
from tidegate.store.sqlite.serving.remade_tables import older_tables, remade
from tidegate.store.sqlite.serving.table_watch import TableWatch

log = logging.getLogger("tidegate.store")

SUFFIX = "-tidegate"
"""After the name of the database file, the name of its note."""
NOTE_S = 2.0
"""Seconds between two notes of how far the log is, and between two looks at the tables."""
MESSAGES_KEPT = f"SELECT value FROM {META} WHERE name = '{COUNT}'"
ENTRY = "seq, time, resource, CAST(key AS BLOB), action, CAST(old AS BLOB), CAST(new AS BLOB)"


class LogFingerprint(msgspec.Struct, frozen=True):
    """Tells the change log of one database file at one moment from every other."""

    epoch: str
    seq: int
    entry: str
    """A hash of the log's entry `seq`; "" for a log that is empty."""
    file: int
    """The file's number in its file system: a copy has another."""
    log: int = 0
    """The number of its write-ahead log; 0 where there is none."""
    messages: int = 0
    """How many messages of durable rooms were ever kept."""
    older: tuple[str, ...] = ()
    """The tables that were there before the change log: see `remade_tables`."""
    damaged: bool = False
    """The file has to be checked before it is served again."""

    def went_back(self, before: LogFingerprint) -> bool:
        """Whether it lacks changes or messages that there were."""
        return self.seq < before.seq or self.messages < before.messages


class EpochGuard(Guard):
    """Keeps the note of one database while it is served.

    Owns a connection from `open` to `close`, for one thread at a time.
    """

    def __init__(self, path: Path, connection: apsw.Connection, resources: Mapping[str, Resource]) -> None:
        self._tables = TableWatch(path, connection, resources)
        self._resources = resources
        self._path = path
        self._connection = connection
        self._noted = _seen(connection, path)
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
            now = _seen(self._connection, self._path)
            entry = _entry(self._connection, self._noted.seq)
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
            _write_note(self._path, fingerprint)
            self._writable = True
        except OSError as error:
            if self._writable:
                log.warning("no note can be kept beside the database; the next start begins a new epoch: %s", error)
            self._writable = False


def refuse_spoiled(path: Path) -> None:
    """To be called before the file is opened. Raises StoreError where opening or serving it would spoil it."""
    note = _read_note(path)
    refuse_foreign_log(path, None if note is None else (note.file, note.log))
    refuse_damage(path, suspect=note is not None and note.damaged)


def new_epoch(url: str) -> tuple[str, str]:
    """Give the log a new epoch; returns the old one and the new one. Raises StoreError."""
    path = sqlite_path(url)
    if not path.exists():
        raise Unmigrated(f"there is no database {path}; type: tidegate migrate --database {url}")
    refuse_foreign_log(path)
    connection = connect(path)
    try:
        with _writing(connection):
            if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (META,)).fetchall():
                raise Unmigrated(
                    f"the database {path} was not migrated and has no epoch; type: tidegate migrate --database {url}"
                )
            old = _seen(connection, path).epoch
            _begin_epoch(connection)
        now = _seen(connection, path)
        if _read_note(path) is not None:  # an old note would make the next start begin one more epoch
            _write_note(path, now)
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
    note = _read_note(path)
    if note is None:
        return f"was served before and has no {_note(path).name} beside it" if served else None
    now = _seen(connection, path)
    if note.epoch != now.epoch:  # before it is served, no client has a position of a migration's epoch
        return "has another epoch than when it was served here last" if served else None
    if note.file != now.file:
        return "is another file than the one that was served here last"
    if now.went_back(note) or (note.entry and _entry(connection, note.seq) != note.entry):
        return "has another change log than when it was served here last; a backup was restored"
    if again := remade(connection, resources.values(), note.older, note.seq):
        return REMADE % ", ".join(each.table for each in again)
    return None


def _seen(connection: apsw.Connection, path: Path) -> LogFingerprint:
    with connection:  # one moment
        ((epoch,),) = connection.execute(f"SELECT value FROM {META} WHERE name = 'epoch'")
        seq = head(connection)
        entry, older = _entry(connection, seq), older_tables(connection)
        messages = sum(int(count) for (count,) in connection.execute(MESSAGES_KEPT))
    return LogFingerprint(epoch, seq, entry, path.stat().st_ino, log_path(path).stat().st_ino, messages, older)


def _entry(connection: apsw.Connection, seq: int) -> str:
    found: list[tuple[Any, ...]] = connection.execute(f"SELECT {ENTRY} FROM {LOG} WHERE seq = ?", (seq,)).fetchall()
    return hashlib.blake2b(repr(found[0]).encode(), digest_size=16).hexdigest() if found else ""


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


def _note(path: Path) -> Path:
    file = path.resolve()
    return file.with_name(file.name + SUFFIX)


def _read_note(path: Path) -> LogFingerprint | None:
    """None where there is no note, and for one that cannot be read."""
    try:
        return msgspec.json.decode(_note(path).read_bytes(), type=LogFingerprint)
    except (OSError, msgspec.DecodeError):
        return None


def _write_note(path: Path, fingerprint: LogFingerprint) -> None:
    """Wholly or not at all. Raises OSError."""
    note = _note(path)
    new = note.with_name(note.name + ".new")
    with new.open("wb") as file:
        file.write(msgspec.json.encode(fingerprint))
        file.flush()
        os.fsync(file.fileno())
    new.replace(note)
