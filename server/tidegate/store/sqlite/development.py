"""What `tidegate dev` asks of an SQLite file: which programs made it and its tables, and setting it aside.

It changes no table of a resource and reads no row.
Invariant: a file that is set aside keeps its content; nothing is deleted.
"""

from __future__ import annotations

import time
from contextlib import closing
from pathlib import Path

import apsw

from tidegate.store.errors import StoreError
from tidegate.store.migration.files import HISTORY
from tidegate.store.sqlite.changelog import META, TABLES
from tidegate.store.sqlite.connection import BUSY_TIMEOUT_MS, connect, sqlite_path
from tidegate.store.sqlite.migration.recorded_tables import PREFIX
from tidegate.store.sqlite.room_tables import ROOM_TABLES

MADE_BY_DEV = "made by dev"
"""META's entry in a database that `tidegate dev` created."""
BESIDE = ("-wal", "-shm", "-tidegate", "-tidegate-lock")
"""Ends of the names of files that belong to a database file."""


def exists(url: str) -> bool:
    """Whether there is a file. Raises StoreError for a URL that names none."""
    return sqlite_path(url).exists()


def tables_of_others(url: str) -> list[str]:
    """The tables that Tidegate did not make, by name. Raises StoreError."""
    if not exists(url):
        return []
    with closing(_reading(sqlite_path(url))) as connection:
        try:
            return _others(connection)
        except apsw.Error as error:
            raise StoreError(f"database {sqlite_path(url)}: {error}") from None


def note_made_by_dev(url: str) -> None:
    """Note in a migrated database that `tidegate dev` created it. Raises StoreError."""
    with closing(connect(sqlite_path(url))) as connection:
        connection.execute(f"INSERT OR IGNORE INTO {META} (name, value) VALUES (?, 1)", (MADE_BY_DEV,))


def made_by_dev(url: str) -> bool:
    """Whether `tidegate dev` created the database. Raises StoreError."""
    if not exists(url):
        return False
    with closing(_reading(sqlite_path(url))) as connection:
        if META not in _tables(connection):
            return False
        return bool(connection.execute(f"SELECT 1 FROM {META} WHERE name = ?", (MADE_BY_DEV,)).fetchall())


def set_aside(url: str) -> Path:
    """Rename the file and what belongs to it; returns the file's new name. No program may have it open.

    Raises StoreError.
    """
    path = sqlite_path(url)
    stamp = time.strftime("%Y-%m-%d-%H%M%S")
    aside = path.with_name(f"{path.name}.{stamp}")
    try:
        for end in ("", *BESIDE):
            source = path.with_name(path.name + end)
            if source.exists():
                source.rename(aside.with_name(aside.name + end))
    except OSError as error:
        raise StoreError(f"cannot rename {error.filename}: {error.strerror}") from None
    return aside


def _reading(path: Path) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
    except apsw.Error as error:
        raise StoreError(f"database {path}: {error}") from None
    return connection


def _tables(connection: apsw.Connection) -> set[str]:
    return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def _others(connection: apsw.Connection) -> list[str]:
    tables, made = _tables(connection), set[str]()
    if META in tables:
        entries = connection.execute(f"SELECT name FROM {META} WHERE substr(name, 1, ?) = ?", (len(PREFIX), PREFIX))
        made = {name.removeprefix(PREFIX) for (name,) in entries}
    return sorted(name for name in tables - made - {*TABLES, *ROOM_TABLES, HISTORY} if not name.startswith("sqlite_"))
