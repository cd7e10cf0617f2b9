"""Reading rows and changes from SQLite, in a few threads that own a connection each.

Names come only from the schema, values are only bound. It writes nothing.
Invariant: what one call returns was all true at one moment: rows, count and the log's head in one transaction.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import apsw

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING
from tidegate.core.rows.ports import Change, LogPruned, ReadQuery, ReadResult, Row
from tidegate.store.errors import StoreError
from tidegate.store.serving import refusals
from tidegate.store.serving.jobs import Blocked, Interrupted
from tidegate.store.serving.named_rows import have_all, is_named
from tidegate.store.serving.spool import Spool
from tidegate.store.sql.filters import condition, joined
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import LOG, META
from tidegate.store.sqlite.connection import connect
from tidegate.store.sqlite.filters import ALIAS, SQLITE
from tidegate.store.sqlite.key_columns import KeyColumns
from tidegate.store.sqlite.program_needs import lacks_program
from tidegate.store.sqlite.rows import RowReader
from tidegate.store.sqlite.serving.clauses import LIMIT, LIMIT_OF_ONE_PLAN, key_is_one_of, ordered
from tidegate.store.sqlite.serving.database_file import DatabaseFile
from tidegate.store.sqlite.serving.result_codes import unreadable
from tidegate.store.sqlite.serving.statements import COLUMNS, each, head, one_value, select

log = logging.getLogger("tidegate.store")

UNREADABLE = "the rows cannot be read at the moment; the gateway's log says why"
RETRY_S = 5.0
LOCK_TIMEOUT_MS = 1_000
"""How long a thread waits for another program that locks the file. The read is tried again until its deadline."""


class Reader:
    """Reads one database; each thread that calls owns a connection."""

    def __init__(self, path: Path, resources: Mapping[str, Resource], file: DatabaseFile | None = None) -> None:
        """`file`: what is known of the file that a gateway serves."""
        self._path = path
        self._file = file
        self._resources = resources
        self._readers = {name: RowReader(resource) for name, resource in resources.items()}
        self._local = threading.local()
        self._connections: dict[int, apsw.Connection] = {}
        """By the thread that owns it."""
        self._lock = threading.Lock()
        self._keys = KeyColumns()
        self._said = ""
        """What was logged last."""

    def meta(self, name: str) -> Any:
        return one_value(self._connection(), f"SELECT value FROM {META} WHERE name = ?", name)

    def head(self) -> int:
        return head(self._connection())

    def read(self, query: ReadQuery) -> ReadResult:
        connection = self._connection()
        with self._asked(), connection:  # one transaction, or savepoint, for everything below
            seq = head(connection)
            total = self._total(connection, query) if query.count else None
            rows = self._rows(connection, query)
        return ReadResult(rows, seq, total)

    def snapshot(self, query: ReadQuery, spool: Spool) -> None:
        """All rows of `query`, at most a page of them in memory at a time."""
        connection = self._connection()
        with self._asked(), connection, closing(self._each(connection, query)) as rows:
            spool.begin(head(connection))
            spool.fill(rows)

    def changes(self, after: int, upto: int, limit: int) -> Sequence[Change]:
        """Changes with after < seq <= upto. Raises LogPruned when some of them are gone."""
        connection = self._connection()
        with self._asked(), connection:
            pruned_to = int(one_value(connection, f"SELECT value FROM {META} WHERE name = 'pruned_to'"))
            if after < pruned_to:
                raise LogPruned(pruned_to)
            found = connection.execute(
                f"SELECT {COLUMNS} FROM {LOG} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT +?", (after, upto, limit)
            ).fetchall()
        return self.decoded(found)

    def decoded(self, found: Sequence[tuple[Any, ...]]) -> list[Change]:
        """Rows of the log as changes; those of resources that the schema no longer has are left out."""
        changes = [self._change(*values) for values in found if values[2] in self._readers]
        return [change for change in changes if is_named(change)]

    @contextmanager
    def transaction(self) -> Iterator[apsw.Connection]:
        """One moment of the database, for other tables than those of resources."""
        connection = self._connection()
        with self._asked(), connection:
            yield connection

    def close(self) -> None:
        """To be called when no thread reads any more."""
        with self._lock:
            for connection in self._connections.values():
                connection.close()
            self._connections.clear()

    def interrupt(self, thread: int) -> None:
        with self._lock:
            connection = self._connections.get(thread)
        if connection is not None:
            connection.interrupt()

    def restore(self) -> None:
        """The interruption may have hit the statement that ends the transaction."""
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is not None and connection.in_transaction:
            connection.execute("ROLLBACK")

    def _change(
        self, seq: int, time: int, resource: str, key: bytes, action: Any, old: Any, new: Any, origin: Any, actor: Any
    ) -> Change:
        reader, rules = self._readers[resource], self._resources[resource]
        identity = reader.image(key) or {}
        values = {name: value for name in rules.key if (value := identity.get(name)) is not None}
        return Change(
            seq=seq,
            time=time,
            resource=resource,
            key=values if len(values) == len(rules.key) else {},
            action=action,
            old=reader.image(old),
            new=reader.image(new),
            origin=origin,
            actor=actor,
            size=len(old or "") + len(new or ""),
        )

    def _total(self, connection: apsw.Connection, query: ReadQuery) -> int:
        resource = self._resources[query.resource]
        where, values = self._where(connection, resource, query)
        total: int = one_value(connection, f"SELECT count(*) FROM {quoted(resource.table)} {ALIAS}{where}", *values)
        return total

    def _rows(self, connection: apsw.Connection, query: ReadQuery) -> list[dict[str, Any]]:
        resource, reader = self._resources[query.resource], self._readers[query.resource]
        where, values = self._where(connection, resource, query)
        rest = where + ordered(resource.key, query.sort)
        if query.limit is not None or query.offset:
            rest += LIMIT if where or query.sort else LIMIT_OF_ONE_PLAN
            values += [-1 if query.limit is None else query.limit, query.offset]
        rows = select(connection, resource, reader, rest, values)
        if query.fields is not None:
            wanted = {*query.fields, *resource.key}
            rows = [{name: value for name, value in row.items() if name in wanted} for row in rows]
        return rows

    def _each(self, connection: apsw.Connection, query: ReadQuery) -> Generator[Row, None, None]:
        resource, reader = self._resources[query.resource], self._readers[query.resource]
        wanted = None if query.fields is None else {*query.fields, *resource.key}
        where, values = self._where(connection, resource, query)
        for row in each(connection, resource, reader, where + ordered(resource.key, query.sort), values):
            yield row if wanted is None else {name: value for name, value in row.items() if name in wanted}

    def _where(self, connection: apsw.Connection, resource: Resource, query: ReadQuery) -> tuple[str, list[Any]]:
        parts = [] if query.where == EVERYTHING else [condition(SQLITE, resource, query.where)]
        if query.keys is not None:
            parts.append(key_is_one_of(resource, query.keys, self._keys.by_collation(connection, resource)))
        elif names := self._keys.may_lack(connection, resource):
            parts.append(condition(SQLITE, resource, have_all(names)))
        found = joined("AND", parts)
        return (f" WHERE {found.sql}", found.values) if found is not None else ("", [])

    @contextmanager
    def _asked(self) -> Iterator[None]:
        """Raises Refused where a table is not as the schema has it."""
        try:
            with _interruptible():
                yield
        except apsw.SQLError as error:
            if str(error) != self._said:  # not for each request
                self._said = str(error)
                log.error("rows of the database %s cannot be read: %s", self._path, error)
            if lacks_program(error):
                raise refusals.unreadable() from error
            raise Refused("unavailable", UNREADABLE, retry_after=RETRY_S) from error
        except apsw.Error as error:
            if self._file is not None:
                self._file.notice(error)
            raise unreadable(error) from error

    def _connection(self) -> apsw.Connection:
        connection: apsw.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            if self._file is not None and self._file.is_lost():  # SQLite would begin another log, and mix the two
                raise refusals.unreachable()
            try:
                connection = self._local.connection = connect(self._path, checkpoint=False)
            except StoreError as error:  # too many open files, or another program holds the file
                log.error("rows cannot be read: %s", error)
                raise refusals.unreachable() from error
            connection.set_busy_timeout(LOCK_TIMEOUT_MS)
            with self._lock:
                self._connections[threading.get_ident()] = connection
        return connection


@contextmanager
def _interruptible() -> Iterator[None]:
    """Raises Interrupted, and Blocked where another program keeps the whole file locked."""
    try:
        yield
    except apsw.InterruptError as error:
        raise Interrupted from error
    except apsw.BusyError as error:
        raise Blocked from error
