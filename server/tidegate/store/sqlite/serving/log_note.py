"""The note beside an SQLite file, and the fingerprint in it: which change log the file has, and how far it is.

The fingerprint holds the newest entry of the log, not only its number: a restored log may have grown past that number
meanwhile. `epoch` says what follows from a note that does not agree with its database.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import apsw
import msgspec

from tidegate.store.serving.room_state import COUNT
from tidegate.store.sqlite.changelog import LOG, META
from tidegate.store.sqlite.file_header import log_path
from tidegate.store.sqlite.serving.remade_tables import older_tables
from tidegate.store.sqlite.serving.statements import head

SUFFIX = "-tidegate"
"""After the name of the database file, the name of its note."""
MESSAGES_KEPT = f"SELECT value FROM {META} WHERE name = '{COUNT}'"
ENTRY = "seq, time, resource, CAST(key AS BLOB), action, CAST(old AS BLOB), CAST(new AS BLOB)"


class LogFingerprint(msgspec.Struct, frozen=True):
    """Tells the change log of one database file at one moment from every other."""

    epoch: str
    seq: int
    entry: str
    """`entry_of` it; "" for a log that is empty."""
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


def fingerprint_of(connection: apsw.Connection, path: Path) -> LogFingerprint:
    """Of the log as it is now."""
    with connection:  # one moment
        ((epoch,),) = connection.execute(f"SELECT value FROM {META} WHERE name = 'epoch'")
        seq = head(connection)
        entry, older = entry_of(connection, seq), older_tables(connection)
        messages = sum(int(count) for (count,) in connection.execute(MESSAGES_KEPT))
    return LogFingerprint(epoch, seq, entry, path.stat().st_ino, log_path(path).stat().st_ino, messages, older)


def entry_of(connection: apsw.Connection, seq: int) -> str:
    """A hash of the log's entry `seq`; "" where there is none."""
    found: list[tuple[Any, ...]] = connection.execute(f"SELECT {ENTRY} FROM {LOG} WHERE seq = ?", (seq,)).fetchall()
    return hashlib.blake2b(repr(found[0]).encode(), digest_size=16).hexdigest() if found else ""


def note_path(path: Path) -> Path:
    file = path.resolve()
    return file.with_name(file.name + SUFFIX)


def read_note(path: Path) -> LogFingerprint | None:
    """None where there is no note, and for one that cannot be read."""
    try:
        return msgspec.json.decode(note_path(path).read_bytes(), type=LogFingerprint)
    except (OSError, msgspec.DecodeError):
        return None


def write_note(path: Path, fingerprint: LogFingerprint) -> None:
    """Wholly or not at all. Raises OSError."""
    note = note_path(path)
    new = note.with_name(note.name + ".new")
    with new.open("wb") as file:
        file.write(msgspec.json.encode(fingerprint))
        file.flush()
        os.fsync(file.fileno())
    new.replace(note)
