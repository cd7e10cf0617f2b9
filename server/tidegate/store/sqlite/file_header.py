"""Reads the first bytes of an SQLite file, and of its write-ahead log, without opening the database.

Opening a database changes files: SQLite applies a log that it finds beside the file, and deletes one beside an empty
file. The bytes are read through SQLite's own file layer: a file that is closed by other means takes all of this
process's locks on it away (sqlite.org/howtocorrupt.html, section 2.2).
Formats: https://www.sqlite.org/fileformat2.html, sections 1.3 and 4.1.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import apsw

MAGIC = b"SQLite format 3\0"
LOG_MAGIC = {0x377F0682, 0x377F0683}
HEADER_BYTES, LOG_HEADER_BYTES, FRAME_HEADER_BYTES = 100, 32, 24
COUNTER = struct.Struct(">I")
COUNTER_AT = 24


class FileHeader(NamedTuple):
    """What the file says of itself. Changes that are only in the write-ahead log are not in it."""

    size: int
    """Bytes of the file."""
    is_database: bool
    page_size: int
    counter: int
    """Never becomes smaller while the file is used as a database."""
    pages: int
    """How many the file should have."""
    schema: int
    """The number of the schema: it never becomes smaller either."""


class LogState(NamedTuple):
    """What a write-ahead log has in it."""

    page_size: int
    commits: bool
    """Whether it holds a committed transaction."""
    counters: tuple[int, int] | None
    """`FileHeader.counter` after the first and after the last commit that changes it; None where none does."""


def log_path(path: Path) -> Path:
    """The write-ahead log of the database at `path`. SQLite follows symbolic links."""
    file = path.resolve()
    return file.with_name(file.name + "-wal")


def read_header(path: Path) -> FileHeader:
    """Raises apsw.Error where there is no such file or it cannot be read."""
    with _file(path) as file:
        size = file.xFileSize()
        head = file.xRead(min(size, HEADER_BYTES), 0)
    head = head.ljust(HEADER_BYTES, b"\0")
    page_size, counter, pages, schema = struct.unpack_from(">16xH6xII8xI", head)
    return FileHeader(size, head.startswith(MAGIC), 65_536 if page_size == 1 else page_size, counter, pages, schema)


def read_log(path: Path) -> LogState | None:
    """The state of the log at `path`; None where there is none, or nothing in it. Raises apsw.Error."""
    if not path.exists():
        return None
    with _file(path) as file:
        size = file.xFileSize()
        if size < LOG_HEADER_BYTES:
            return None
        magic, _, page_size, _, salts = struct.unpack_from(">IIII8s", file.xRead(LOG_HEADER_BYTES, 0))
        if magic not in LOG_MAGIC or page_size < 512:
            return None  # SQLite takes it for an empty log
        return _frames(file, size, page_size, salts)


def _frames(file: apsw.VFSFile, size: int, page_size: int, salts: bytes) -> LogState:
    commits, counters, uncommitted = False, list[int](), list[int]()
    for at in range(LOG_HEADER_BYTES, size - FRAME_HEADER_BYTES - page_size + 1, FRAME_HEADER_BYTES + page_size):
        page, pages, of = struct.unpack_from(">II8s", file.xRead(FRAME_HEADER_BYTES, at))
        if of != salts:
            break  # frames of before the log was begun again
        if page == 1:
            uncommitted += COUNTER.unpack(file.xRead(COUNTER.size, at + FRAME_HEADER_BYTES + COUNTER_AT))
        if pages:
            commits = True
            counters += uncommitted
            uncommitted.clear()
    return LogState(page_size, commits, (counters[0], counters[-1]) if counters else None)


@contextmanager
def _file(path: Path) -> Iterator[apsw.VFSFile]:
    # To SQLite both are databases: closing one then keeps the locks that this process has on it.
    flags = apsw.SQLITE_OPEN_MAIN_DB | apsw.SQLITE_OPEN_READONLY
    file = apsw.VFSFile("", str(path.resolve()), [flags, 0])
    try:
        yield file
    finally:
        file.xClose()
