"""Whether a PostgreSQL database takes writes: what failed, and when all is well again.

The feed sees a server that does not answer. This module is told everything else that keeps the gateway from writing: a
full disk, a standby, a read-only database, damage, too many connections. From then on it tries a write every second, so
that readiness comes back without a client's write. While all is well it asks nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence

import psycopg
from psycopg import errors

from tidegate.core.rooms.room_log import Kept
from tidegate.core.rows.ports import WriteResult
from tidegate.store.errors import DAMAGED_SERVER, FULL_SERVER, READ_ONLY, UNREACHABLE, UNWRITABLE
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection, Connections, connect
from tidegate.store.postgres.serving.database_errors import is_broken
from tidegate.store.postgres.serving.sqlstates import is_full
from tidegate.store.serving.write_queue import Outcome

log = logging.getLogger("tidegate.store")

OF_DATABASE = {"25006", "53000", "53100", "53200", "53300", "XX001", "XX002"}
PROBE = f"UPDATE {META} SET value = value WHERE name = 'epoch'"
ROOM = """CREATE TEMPORARY TABLE tidegate_probe ON COMMIT DROP AS
SELECT md5(random()::text) FROM generate_series(1, 20000)"""
"""A megabyte, as files of the database: a table that cannot grow is no reason why a small one cannot be changed."""


class WriteHealth:
    """Of one gateway. Every method may be called in any thread."""

    def __init__(self, url: str, writers: Sequence[Connections]) -> None:
        self.problem: str | None = None
        """What `/readyz` says; None while the database takes writes."""
        self._url = url
        self._writers = writers
        self._full = False

    def answered(self, outcomes: Iterable[Outcome | None]) -> None:
        """What clients were told: a refusal that the database is the reason of has its error as the cause."""
        for outcome in outcomes:
            if isinstance(outcome, WriteResult | Kept):
                self.tell(None)
            elif outcome is not None and outcome.code == "unavailable" and outcome.__cause__ is not None:
                self.tell(outcome.__cause__)

    def tell(self, error: BaseException | None) -> None:
        """None where a write was done, and otherwise the reason why it was not."""
        if error is None:
            self.problem, self._full = None, False
        elif isinstance(error, psycopg.Error) and (is_broken(error) or _is_of_database(error)):
            self._full = is_full(error)
            self.problem = _problem(error)

    def probe(self) -> None:
        """Try to write if the last write failed. Raises nothing."""
        if self.problem is None:
            return
        try:
            with connect(self._url) as connection:
                self._write(connection)
        except psycopg.Error as error:
            self.tell(error)
        else:
            log.warning("the database takes writes again")
            for connections in self._writers:  # a session stays read-only when the database is not any more
                connections.renew()
            self.tell(None)

    def _write(self, connection: Connection) -> None:
        with connection.transaction():
            connection.execute(PROBE)
        if self._full:
            try:
                with connection.transaction():
                    connection.execute("SET LOCAL temp_tablespaces = ''")  # where the tables are
                    connection.execute(ROOM)
            except errors.InsufficientPrivilege:
                pass  # the role may make no temporary tables: its clients' writes will tell


def _is_of_database(error: psycopg.Error) -> bool:
    """Whether the error meets every client, and not only those of one table or one trigger."""
    code = error.sqlstate or ""
    return code in OF_DATABASE or code[:2] == "58" or is_full(error)


def _problem(error: psycopg.Error) -> str:
    if is_full(error):
        return FULL_SERVER
    match error:
        case errors.ReadOnlySqlTransaction():
            return f"the database {READ_ONLY}"
        case errors.DataCorrupted() | errors.IndexCorrupted():
            return DAMAGED_SERVER
        case _:
            return UNREACHABLE if is_broken(error) else f"the database {UNWRITABLE}"
