"""Takes the locks that a migration needs on tables, without making the writers of these tables wait for long.

A migration is one transaction, which holds each lock until it commits. So the steps that lock tables come last, and all
their locks are taken together: an attempt that meets a lock of another program gives up what it has after a moment,
lets the writers go on, and tries again. While it waits in the queue of a table, writers wait behind it.
Invariant: no writer waits behind an attempt for longer than ATTEMPT_S.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping

from psycopg import errors

from tidegate.store.errors import StoreError
from tidegate.store.migration.plan import Step
from tidegate.store.postgres.connection import Connection
from tidegate.store.sql.names import quoted

ATTEMPT_S = 0.3
PAUSE_S = 0.2
EXCLUSIVE, WRITES = "ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE"
"""Locks out every statement, or those that write."""


def exclusive(*tables: str) -> dict[str, str]:
    """For a step that changes these tables."""
    return {quoted(table): EXCLUSIVE for table in tables}


def writes(*tables: str) -> dict[str, str]:
    """For a step that adds a trigger, an index or a reference to these tables."""
    return {quoted(table): WRITES for table in tables}


def together(steps: Iterable[Step]) -> dict[str, str]:
    """All the locks of the steps, for each table the strongest one."""
    found: dict[str, str] = {}
    for step in steps:
        for table, mode in step.locks.items():
            found[table] = EXCLUSIVE if found.get(table) == EXCLUSIVE else mode
    return found


def locking_last(steps: Iterable[Step]) -> list[Step]:
    """The steps in an order in which those that lock tables come last.

    A step that is not independent, such as SQL of the owner, stays behind those that lock tables before it.
    """
    early: list[Step] = []
    late: list[Step] = []
    for step in steps:
        (late if step.locks or (late and not step.independent) else early).append(step)
    return early + late


def take(connection: Connection, wanted: Mapping[str, str], seconds: float) -> None:
    """Take these locks. Raises StoreError with the holders where it is not possible within `seconds`."""
    until = time.monotonic() + seconds
    while not _attempt(connection, wanted):
        if time.monotonic() >= until:
            holders = "; ".join(_holders(connection, wanted)) or "another transaction, which has ended meanwhile"
            raise StoreError(
                f"the migration waited {seconds:g} seconds for a lock, and nothing was changed. The lock is held by "
                f"{holders}. Migrate again when that is done, or wait longer: --lock-timeout"
            )
        time.sleep(PAUSE_S)


def _attempt(connection: Connection, wanted: Mapping[str, str]) -> bool:
    """Whether all were taken. If not, none is held."""
    ((deadlock_ms, before),) = connection.execute(
        "SELECT setting::int, current_setting('statement_timeout') FROM pg_settings WHERE name = 'deadlock_timeout'"
    )
    # Shorter than the server waits until it ends one of two transactions that wait for each other.
    limit = int(min(ATTEMPT_S * 1000, deadlock_ms / 2))
    modes = [(mode, sorted(table for table in wanted if wanted[table] == mode)) for mode in (WRITES, EXCLUSIVE)]
    statements = [f"LOCK TABLE {', '.join(tables)} IN {mode} MODE" for mode, tables in modes if tables]
    try:
        connection.execute(f"SAVEPOINT locks; SET LOCAL statement_timeout = {limit}; " + "; ".join(statements))
    except (errors.QueryCanceled, errors.LockNotAvailable, errors.DeadlockDetected):
        connection.execute("ROLLBACK TO SAVEPOINT locks")  # gives the locks back, and the former timeout
        return False
    connection.execute(f"SET LOCAL statement_timeout = '{before}'; RELEASE SAVEPOINT locks")
    return True


def existing(connection: Connection, wanted: Mapping[str, str]) -> dict[str, str]:
    """Those of the tables that are there already."""
    names = list(wanted)
    found = connection.execute("SELECT name FROM unnest($1::text[]) name WHERE to_regclass(name) IS NOT NULL", [names])
    return {name: wanted[name] for (name,) in found}


def _holders(connection: Connection, wanted: Mapping[str, str]) -> Iterator[str]:
    where = (
        "l.locktype = 'relation' AND EXISTS (SELECT FROM unnest($1::text[], $2::boolean[]) asked (name, exclusive) "
        "WHERE l.relation = to_regclass(asked.name) AND (asked.exclusive OR l.mode NOT IN "
        "('AccessShareLock', 'RowShareLock')))"
    )
    yield from _described(connection, where, [list(wanted), [mode == EXCLUSIVE for mode in wanted.values()]])


def migration_holders(connection: Connection, number: int) -> str:
    """Who holds the advisory lock with this number."""
    where = "l.locktype = 'advisory' AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 1"
    return "; ".join(_described(connection, where, [number >> 32, number & 0xFFFFFFFF]))


def _described(connection: Connection, where: str, values: list[object]) -> Iterator[str]:
    """The processes and prepared transactions that hold such a lock. Not what they say, which may hold values."""
    for pid, user, application, kind, state, since, prepared, table in connection.execute(
        f"{_HOLDERS} AND {where} ORDER BY 1", values
    ):
        on = "" if table is None else f", on {table}"
        if prepared is not None:
            yield f"the prepared transaction {prepared}{on}"
        else:
            what = f"application {application}" if application else str(kind)
            yield f"process {pid} (user {user}, {what}, {state}; its last statement began at {since}){on}"


_HOLDERS = """SELECT DISTINCT l.pid, a.usename::text, a.application_name, a.backend_type, a.state,
  to_char(a.query_start, 'YYYY-MM-DD HH24:MI:SS TZ'), p.gid, l.relation::regclass::text
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid'
  AND x.virtualtransaction = l.virtualtransaction
LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
WHERE l.granted AND l.pid IS DISTINCT FROM pg_backend_pid()
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
