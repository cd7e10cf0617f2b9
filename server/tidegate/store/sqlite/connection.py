"""SQLite URLs and connections with the settings that Tidegate relies on.

apsw's wheel carries its own SQLite, with the fixes that a system's may lack. It knows no tables.
Invariant: every connection of ours is in WAL mode with synchronous FULL: an acknowledged commit survives a power cut.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

import apsw
from playhouse.apsw_ext import APSWDatabase

from tidegate.store.errors import StoreError, Unmigrated

NEEDED_BYTES = 1 << 20
"""What opening a database takes at least, for the files -wal and -shm beside it, and then a little."""
BUSY_TIMEOUT_MS = 5_000
"""How long a writer waits for another program that holds the lock."""

PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    # As other programs have it. With 1, a trigger that updates its row (`updated_at = ...`) never ends. The triggers of
    # the change log are right with both.
    "recursive_triggers": 0,
    "busy_timeout": BUSY_TIMEOUT_MS,
}


def sqlite_path(url: str) -> Path:
    """The file of `sqlite:///relative.db` or `sqlite:////absolute.db`. Raises StoreError for any other URL."""
    if not url.startswith("sqlite:///") or len(url) == len("sqlite:///"):
        raise StoreError(f"database: {url!r} is not sqlite:///relative.db, sqlite:////absolute.db or postgresql://...")
    return Path(url.removeprefix("sqlite:///"))


def refuse_missing(url: str) -> None:
    """Raises Unmigrated where there is no file: SQLite would make an empty one."""
    if not (path := sqlite_path(url)).exists():
        raise Unmigrated(f"there is no database {path}; type: tidegate migrate --database {url}")


def connect(path: Path, *, quoted_text: bool = False, checkpoint: bool = True) -> apsw.Connection:
    """A new connection to a file that is there. Raises StoreError where it cannot be opened.

    `quoted_text`: a name in double quotes that no column has is text, as for other programs. Triggers of the owner may
    rely on it, so that the connection that calls them needs it. Elsewhere such a name is an error.
    `checkpoint`: if it is the last one that is closed, it moves the write-ahead log into the file and deletes the log.
    """
    _give_rights(path)
    try:
        connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE)
        if not quoted_text:
            connection.config(apsw.SQLITE_DBCONFIG_DQS_DML, 0)
            connection.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 0)
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, int(not checkpoint))
        connection.set_busy_timeout(BUSY_TIMEOUT_MS)
        for name, value in PRAGMAS.items():
            connection.pragma(name, value)
        check_encoding(connection)
    except apsw.Error as error:
        raise not_opened(path, error) from None
    return connection


def _give_rights(path: Path) -> None:
    """Let -wal and -shm be written again where the database may be.

    SQLite made them with the rights that the file had then, and would call the database read-only for ever.
    """
    for suffix in ("-wal", "-shm"):
        beside = Path(f"{path}{suffix}")
        with suppress(OSError):  # it is not there, or belongs to another user
            if not os.access(beside, os.W_OK) and os.access(path, os.W_OK):
                beside.chmod(path.stat().st_mode & 0o777)


def not_opened(path: Path, error: Exception) -> StoreError:
    """What an operator is told. SQLite says "disk I/O error" where it can make no files beside the database."""
    try:
        room = os.statvfs(path.absolute().parent)
    except OSError:
        return StoreError(f"database {path}: {error}")
    full = room.f_bavail * room.f_frsize < NEEDED_BYTES
    return StoreError(f"database {path}: {error}" + ("; the disk is full: make some room first" if full else ""))


def check_encoding(connection: apsw.Connection) -> None:
    """Raises StoreError for a database in UTF-16: conditions and the change log compare the bytes of UTF-8."""
    if (encoding := connection.pragma("encoding")) != "UTF-8":
        raise StoreError(f"the encoding of the database {connection.filename} is {encoding}; Tidegate needs UTF-8")


class Database(APSWDatabase):  # type: ignore[misc]  # playhouse has no types
    """apsw binds no dates; peewee's migrations write some, and read them as text."""

    def _add_conn_hooks(self, conn: apsw.Connection) -> None:
        super()._add_conn_hooks(conn)
        check_encoding(conn)
        conn.convert_binding = lambda cursor, number, value: str(value)


def peewee_database(path: Path, *, looking: bool = False) -> APSWDatabase:
    """The file as a peewee database, for definitions and migrations. `looking`: the journal mode stays as it is."""
    if not path.parent.is_dir():
        raise StoreError(f"database: there is no folder {path.parent}")
    pragmas = {name: value for name, value in PRAGMAS.items() if not (looking and name == "journal_mode")}
    return Database(str(path), pragmas=pragmas, timeout=BUSY_TIMEOUT_MS / 1000)
