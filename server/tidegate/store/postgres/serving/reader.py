"""Reading rows and changes from PostgreSQL, in a few threads that own a connection each.

Names come only from the schema, values are only bound. It writes nothing.
Invariant: what one call returns was all true at one moment: rows, count and the log's head in one snapshot.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.core.rows.ports import Change, LogPruned, ReadQuery, ReadResult, Row
from tidegate.store.postgres.changelog import LOG, META
from tidegate.store.postgres.connection import MARK, Connection, Connections, numbered
from tidegate.store.postgres.filters import ALIAS
from tidegate.store.postgres.home import qualified
from tidegate.store.postgres.row_security import hiding
from tidegate.store.postgres.rows import RowReader, image
from tidegate.store.postgres.serving.clauses import order_of, where_of
from tidegate.store.postgres.serving.database_errors import unreadable
from tidegate.store.serving import refusals
from tidegate.store.serving.jobs import Blocked, Interrupted
from tidegate.store.serving.named_rows import is_named
from tidegate.store.serving.spool import PAGE_ROWS, Spool

T = TypeVar("T")

PRUNED_TO = f"(SELECT value::bigint FROM {META} WHERE name = 'pruned_to')"
HEAD = f"SELECT greatest((SELECT max(seq) FROM {LOG}), {PRUNED_TO})"
"""The newest seq that a transaction sees, also when everything was pruned. Commits become visible in the order of seq,
so that the transaction sees all smaller ones too."""
OF_THE_STATEMENT = (errors.QueryCanceled, errors.LockNotAvailable)
OF_THE_CONNECTION = (psycopg.OperationalError, psycopg.InterfaceError)
ASKED = 10
"""How often the server is asked to end a statement before the connection is broken."""
CHANGES = f"SELECT seq, time, resource, key, action, old, new, origin, actor FROM {LOG}"


class Reader:
    """Reads one database; to be called in any thread but the loop's."""

    def __init__(self, connections: Connections, resources: Mapping[str, Resource], home: str) -> None:
        """`home`: the schema of the tables."""
        self._connections = connections
        self._tables = {name: qualified(home, resource.table) for name, resource in resources.items()}
        self._home = home
        self._resources = resources
        self._readers = {name: RowReader(resource) for name, resource in resources.items()}
        self._interrupted: dict[int, int] = {}
        """Threads whose work is to end; how often the server was asked to end it."""
        self._images = {name: image(ALIAS, resources[name], self._readers[name].columns) for name in resources}

    def close(self) -> None:
        self._connections.close()

    def interrupt(self, thread: int) -> None:
        """Ask the server to end the statement; it may be between two. If that does not help, break the connection: that
        ends no statement at the server, but `statement_timeout` does.
        """
        asked = self._interrupted.get(thread, 0)
        self._interrupted[thread] = asked + 1
        (self._connections.cancel if asked < ASKED else self._connections.cut)(thread)

    def restore(self) -> None:
        """A cancellation may reach the server late: it must not meet the next statement."""
        interrupted = self._interrupted.pop(threading.get_ident(), None) is not None
        if interrupted or not self._connections.clean:
            self._connections.discard()

    def read(self, query: ReadQuery) -> ReadResult:
        """Raises Refused: unavailable."""
        return self._attempt(lambda connection: self._read(connection, query))

    def snapshot(self, query: ReadQuery, spool: Spool) -> None:
        """All rows of `query`, at most a page of them in memory at a time. Raises Refused: unavailable."""
        begun = False

        def read(connection: Connection) -> None:
            nonlocal begun
            if begun:  # the spool has rows already
                raise refusals.unreachable()
            with connection.transaction(), _snapshot_cursor(connection) as cursor:
                connection.execute(self._lock(query))
                seq = int(one_value(connection.execute(HEAD)))
                sql, values = self._selection(query)
                cursor.execute(sql, values)
                begun = True
                spool.begin(seq)
                spool.fill(self._each(cursor, query))

        self._attempt(read)

    def changes(self, after: int, upto: int, limit: int) -> Sequence[Change]:
        """Changes with after < seq <= upto. Raises LogPruned when some of them are gone, Refused: unavailable."""
        sql = numbered(f"{CHANGES} WHERE seq > {MARK} AND seq <= {MARK} ORDER BY seq LIMIT {MARK}")

        def read(connection: Connection) -> list[Change]:
            with connection.pipeline(), connection.transaction():
                pruned = connection.execute(f"SELECT {PRUNED_TO}")
                found = connection.execute(sql, [after, upto, limit])
            if after < (pruned_to := int(one_value(pruned))):
                raise LogPruned(pruned_to)
            return self.decoded(connection, found.fetchall())

        return self._attempt(read)

    def transaction(self, work: Callable[[Connection], T]) -> T:
        """`work` at one moment of the database, for other tables than those of resources."""

        def run(connection: Connection) -> T:
            with connection.transaction():
                return work(connection)

        return self._attempt(run)

    def decoded(self, connection: Connection, found: Sequence[tuple[Any, ...]]) -> list[Change]:
        """Rows of the log as changes; those of resources that the schema no longer has are left out.

        To be asked once they are read: row level security that came before one of them is seen then. In place of the
        changes that it hides there is one reset: who follows the table reads it again, which fails while rows are
        hidden.
        """
        changes = [change for values in found if values[2] in self._readers and is_named(change := self.change(values))]
        tables = {change.resource: self._resources[change.resource].table for change in changes}
        hidden = hiding(connection, self._home, tables.values()) if tables else set()
        if not hidden:
            return changes
        last = {change.resource: change for change in changes if tables[change.resource] in hidden}
        return [
            change
            if change.resource not in last
            else Change(change.seq, change.time, change.resource, {}, "reset", None, None)
            for change in changes
            if last.get(change.resource, change) is change
        ]

    def change(self, record: tuple[Any, ...]) -> Change:
        """A row of the log, of a resource of the schema."""
        seq, time, resource, key, action, old, new, origin, actor = record
        reader = self._readers[resource]
        return Change(
            seq=seq,
            time=time,
            resource=resource,
            key=reader.key(key),
            action=action,
            old=reader.image(old),
            new=reader.image(new),
            origin=origin,
            actor=actor,
            size=len(old or "") + len(new or ""),
        )

    def _read(self, connection: Connection, query: ReadQuery) -> ReadResult:
        where = where_of(self._resources[query.resource], query)
        counting = numbered(f"SELECT count(*) {self._table(query)}{where.sql}")
        sql, values = self._selection(query)
        with connection.pipeline(), connection.transaction():
            connection.execute(self._lock(query))
            head = connection.execute(HEAD)
            count = connection.execute(counting, where.values) if query.count else None
            found = connection.execute(sql, values)
        rows = list(self._rows(query, found))
        return ReadResult(rows, one_value(head), None if count is None else one_value(count))

    def _lock(self, query: ReadQuery) -> str:
        """The first statement of a reading transaction; it takes no snapshot, so that the head is read after it.

        A transaction that began before a TRUNCATE sees it. Without the lock, a reader that waited for the TRUNCATE to
        commit would see no rows, at a position where the table still had rows.
        """
        return f"LOCK TABLE {self._tables[query.resource]} IN ACCESS SHARE MODE"

    def _table(self, query: ReadQuery) -> str:
        return f"FROM {self._tables[query.resource]} {ALIAS}"

    def _selection(self, query: ReadQuery) -> tuple[str, list[Any]]:
        """The statement that reads the rows of `query` as images, and its values."""
        resource = self._resources[query.resource]
        where = where_of(resource, query)
        rest, values = where.sql + order_of(resource, query.sort), list(where.values)
        if query.limit is not None:
            rest += f" LIMIT {MARK}"
            values.append(query.limit)
        if query.offset:
            rest += f" OFFSET {MARK}"
            values.append(query.offset)
        return numbered(f"SELECT {self._images[query.resource]} {self._table(query)}{rest}"), values

    def _rows(self, query: ReadQuery, found: Iterable[tuple[Any, ...]]) -> Iterator[Row]:
        resource, reader = self._resources[query.resource], self._readers[query.resource]
        wanted = None if query.fields is None else {*query.fields, *resource.key}
        for (text,) in found:
            row = reader.row(text)
            yield row if wanted is None else {name: value for name, value in row.items() if name in wanted}

    def _each(self, cursor: psycopg.RawServerCursor[tuple[Any, ...]], query: ReadQuery) -> Iterator[Row]:
        while batch := cursor.fetchmany(PAGE_ROWS):
            yield from self._rows(query, batch)

    def _attempt(self, work: Callable[[Connection], T]) -> T:
        """`work` with this thread's connection, and once more with a new connection where that one was broken."""
        thread = threading.get_ident()
        try:
            try:
                return work(self._connections.for_this_thread())
            except (*OF_THE_STATEMENT, *OF_THE_CONNECTION) as error:
                if isinstance(error, OF_THE_STATEMENT) or thread in self._interrupted:
                    raise
                return work(self._connections.reopened())
        except errors.QueryCanceled as error:
            raise Interrupted from error
        except errors.LockNotAvailable as error:
            raise Blocked from error
        except OF_THE_CONNECTION as error:
            if thread in self._interrupted:
                raise Interrupted from error
            raise refusals.unreachable() from error
        except psycopg.Error as error:
            raise unreadable(error, hidden=self._hidden()) from error

    def _hidden(self) -> bool:
        """Whether row level security hides rows, or that cannot be asked now."""
        tables = [resource.table for resource in self._resources.values()]
        try:
            return bool(hiding(self._connections.for_this_thread(), self._home, tables))
        except psycopg.Error:
            return True


@contextmanager
def _snapshot_cursor(connection: Connection) -> Iterator[psycopg.RawServerCursor[tuple[Any, ...]]]:
    cursor = psycopg.RawServerCursor(connection, "snapshot")
    try:
        with cursor:
            yield cursor
    finally:
        cursor.close()  # it cannot be closed while its connection breaks, but afterwards


def one_value(cursor: psycopg.Cursor[tuple[Any, ...]]) -> Any:
    """The one value of a query that always has one."""
    ((value,),) = cursor.fetchall()
    if value is None:  # Tidegate's tables are empty for a moment
        raise psycopg.OperationalError("the change log is being restored")
    return value
