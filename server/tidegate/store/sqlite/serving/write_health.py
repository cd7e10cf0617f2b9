"""Whether the database takes writes: what failed, which mutations are still accepted, and when all is well again.

It belongs to the writer's thread, which asks it before and after each batch. While all is well it does nothing more
than to look whether the file is there. After a failure it tries a write every second, so that readiness comes back
without a client's write.
Invariant: when the disk is full, nothing but deletes takes the room that was kept for them.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress

import apsw

from tidegate.core.errors import Refused
from tidegate.store.errors import LOCKED, NO_ROOM, READ_ONLY, UNWRITABLE
from tidegate.store.serving import refusals
from tidegate.store.serving.write_queue import Job
from tidegate.store.sqlite.changelog import META
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.disk_reserve import SIZE, DiskReserve
from tidegate.store.sqlite.serving.result_codes import Fault, fault

log = logging.getLogger("tidegate.store")

PROBE_S = 1.0
RESERVE_S = 30.0
"""Between two attempts to make a reserve, while all is well without one."""
CHECKPOINT_PAGES = 1_000
"""As SQLite has it by itself."""
PROBE, PROBE_BYTES = "probe", 65_536
WORDS = {Fault.NO_ROOM: NO_ROOM, Fault.READ_ONLY: READ_ONLY}


class WriteHealth:
    """Of one writer."""

    def __init__(self, file: DatabaseFile, reserve: DiskReserve) -> None:
        self.problem: str | None = None
        """What `/readyz` says; None while the database takes every write."""
        self.full = False
        """Only deletes are accepted."""
        self.file = file
        self._reserve = reserve
        self._tight = False
        """The disk is full still; the file has unused pages, so that every write is accepted until they are used."""
        self._stale = False
        """The connection was opened while the file was read-only, and stays so."""
        self._checkpoint_at = 0.0
        self._probe_at = 0.0
        reserve.make()

    def attach(self, connection: apsw.Connection) -> None:
        """Follow the checkpoints of the writer's connection: a full disk shows there first."""
        connection.set_wal_hook(self._committed)
        if connection.readonly("main"):
            self.problem, self._stale = READ_ONLY, True

    @property
    def restricted(self) -> bool:
        """Whether some mutations are refused without being tried."""
        return self.full or self.file.read_only or self.file.problem is not None

    def refusal(self, job: Job) -> Refused | None:
        """Why it is not tried at all."""
        if self.file.problem is not None:
            return refusals.lost()
        if self.file.read_only:
            return refusals.unavailable()
        return refusals.no_room() if self.full and job.kind != "delete" else None

    def settled(self, connection: apsw.Connection) -> Refused | None:
        """After a commit: why it does not count."""
        if self.file.is_lost() or self.file.problem is not None:
            return refusals.lost()
        if not self.full:
            self.problem = None
            if self._tight and not self._has_pages(connection, SIZE // 2):
                self._fill_up()
        return None

    def failed(self, error: Exception) -> bool:
        """A transaction failed. Returns whether its deletes may succeed now, when they are tried alone."""
        self.file.notice(error)
        whose = fault(error) if isinstance(error, apsw.Error) else Fault.SETUP
        words = LOCKED if isinstance(error, apsw.BusyError) else WORDS.get(whose, UNWRITABLE)
        if self.problem != words:  # not for each transaction
            known = words is not UNWRITABLE
            log.error("a transaction failed: the database %s: %s", words, error, exc_info=None if known else error)
        first = whose is Fault.NO_ROOM and not self.full
        if first:
            self._fill_up()
        self._stale = whose is Fault.READ_ONLY
        self.problem = NO_ROOM if self.full else words
        return first

    @property
    def pause_s(self) -> float:
        """Seconds until `probe` is due."""
        if self.problem is None and self._reserve.held:
            return RESERVE_S
        return max(0.0, self._probe_at - time.monotonic())

    @property
    def is_stale(self) -> bool:
        """Whether the next probe needs a new connection."""
        return self._stale

    def probe(self, connection: apsw.Connection) -> None:
        """Try to write. Raises nothing."""
        self._probe_at = time.monotonic() + (RESERVE_S if self.problem is None else PROBE_S)
        if self.file.problem is not None:
            return
        room = self._reserve.make()
        if room:
            self._tight = False
        if self.problem is None:
            return
        try:
            if self.full and not room and not self._has_pages(connection, SIZE):
                return
            self._write(connection)
        except apsw.Error as error:
            if not connection.get_autocommit():
                with suppress(apsw.Error):
                    connection.execute("ROLLBACK")
            self.failed(error)
            return
        log.warning("the database takes writes again")
        self._tight = self.full and not room
        self.problem, self.full = None, False

    def close(self) -> None:
        self._reserve.give_up()

    def _write(self, connection: apsw.Connection) -> None:
        """What every mutation needs: the lock, new pages, the log on the disk, and a file that can grow."""
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(f"INSERT INTO {META} (name, value) VALUES (?, zeroblob(?))", (PROBE, PROBE_BYTES))
        connection.execute(f"DELETE FROM {META} WHERE name = ?", (PROBE,))
        connection.execute("COMMIT")
        if self.full:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)

    def _committed(self, connection: apsw.Connection, name: str, pages: int) -> int:
        """The log has `pages` now. A checkpoint that fails undoes no commit.

        It may write the first page, and with it hide that the content of the file is another one: so the file is looked
        at before.
        """
        if pages >= CHECKPOINT_PAGES and time.monotonic() >= self._checkpoint_at:
            self.file.look(connection)
            if self.file.problem is not None:
                return apsw.SQLITE_OK
            try:
                connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.Error as error:
                if not isinstance(error, apsw.BusyError):
                    # At once where the reserve was given up for it: deletes would fill that room with the log.
                    self._checkpoint_at = 0.0 if self.failed(error) else time.monotonic() + PROBE_S
        return apsw.SQLITE_OK

    def _fill_up(self) -> None:
        self.full, self.problem = True, NO_ROOM
        self._reserve.give_up()

    def _has_pages(self, connection: apsw.Connection, wanted: int) -> bool:
        """Whether the file has enough unused bytes that it does not have to grow for a while."""
        return bool(connection.pragma("freelist_count") * connection.pragma("page_size") >= wanted)
