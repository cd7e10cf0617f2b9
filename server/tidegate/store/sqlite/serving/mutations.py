"""Mutations inside a transaction of SQLite: the statements, the author in the change log, the memory of requests.

It begins and ends no transaction, and leaves the rule of a mutation to `store.serving.mutations`. The statements of a
transaction share one cursor: making a cursor takes apsw longer than SQLite takes for most of them.
Invariant: a mutation that returns has done everything it was asked; one that raises has to be rolled back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

import apsw
import msgspec

from tidegate.contract import Resource, row_rules
from tidegate.core.rows.ports import Key, Mutation, Row, WriteResult
from tidegate.store.serving import refusals
from tidegate.store.serving.answers import Answers, again
from tidegate.store.serving.mutations import carry_out, check_same_request
from tidegate.store.serving.refusals import StatementContext
from tidegate.store.sql.filters import Condition
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import fold
from tidegate.store.sqlite.changelog import LOG, REQUESTS, TABLES
from tidegate.store.sqlite.filters import ALIAS
from tidegate.store.sqlite.key_columns import KeyColumns
from tidegate.store.sqlite.rows import RowReader, column_writer
from tidegate.store.sqlite.serving.clauses import key_is_one_of
from tidegate.store.sqlite.serving.database_errors import deferred_refusal, refusal
from tidegate.store.sqlite.serving.statements import head, one_value, select

log = logging.getLogger("tidegate.store")

KEPT_STATEMENTS = 64
"""Texts of one kind that are kept for each table: a client may send any of the properties, in any order."""
ANSWERED = f"SELECT digest, reply FROM {REQUESTS} WHERE user = ? AND key = ?"
REMEMBER = f"INSERT INTO {REQUESTS} (user, key, digest, reply, time) VALUES (?, ?, ?, ?, ?)"
NOTE_AUTHOR = f"UPDATE {LOG} SET origin = ?, actor = ? WHERE seq > ?"


class SqliteTable:
    """Implements `store.serving.mutations.Table`."""

    def __init__(self, resource: Resource, resources: Mapping[str, Resource]) -> None:
        self.resource = resource
        self._resources = resources
        self.rules = row_rules(resource)
        self._reader = RowReader(resource)
        self._whole = RowReader(resource, whole=True)
        self._writers = {name: column_writer(prop) for name, prop in resource.properties.items()}
        self._name = quoted(resource.table)
        # Each name of a column is qualified: without its column, a bare one would be text.
        self._returning = f"RETURNING {', '.join(f'{self._name}.{quoted(name)}' for name in self._reader.columns)}"
        self._lookups = KeyColumns()
        self._inserts: dict[tuple[str, ...], str] = {}
        """The statements that were used lately, by the properties of their rows."""
        self._sets: dict[tuple[str, ...], str] = {}
        """What comes before the key in the updates that were used lately, by the properties that they change."""

    def insert(self, cursor: apsw.Cursor, context: StatementContext) -> Row | None:
        row = context.row
        statement = self._inserts.get(names := tuple(row)) or self._insert(names)
        return self._run(cursor, statement, self._values(row), context)

    def _insert(self, names: tuple[str, ...]) -> str:
        marks = ", ".join("?" * len(names))
        into = f"({', '.join(map(quoted, names))}) VALUES ({marks})" if names else "DEFAULT VALUES"
        return _keep(self._inserts, names, f"INSERT INTO {self._name} {into} {self._returning}")

    def locked(self, cursor: apsw.Cursor, key: Key) -> Row | None:
        return self.current(cursor, key)  # the transaction is the only one that writes

    def current(self, cursor: apsw.Cursor, key: Key) -> Row | None:
        return self._one(cursor, self._reader, key)

    def whole(self, cursor: apsw.Cursor, key: Key) -> Row | None:
        return self._one(cursor, self._whole, key)

    def _one(self, cursor: apsw.Cursor, reader: RowReader, key: Key) -> Row | None:
        where = self._key_is(cursor, key)
        found = select(cursor, self.resource, reader, f" WHERE {where.sql}", where.values)
        return found[0] if found else None

    def update(self, cursor: apsw.Cursor, key: Key, context: StatementContext) -> Row | None:
        row, where = context.row, self._key_is(cursor, key)
        sets = self._sets.get(names := tuple(row)) or self._set(names)
        sql = f"{sets} WHERE {where.sql} {self._returning}"
        return self._run(cursor, sql, self._values(row) + where.values, context)

    def _set(self, names: tuple[str, ...]) -> str:
        sets = ", ".join(f"{quoted(name)} = ?" for name in names)
        return _keep(self._sets, names, f"UPDATE {self._name} AS {ALIAS} SET {sets}")

    def delete(self, cursor: apsw.Cursor, key: Key, context: StatementContext) -> bool:
        where = self._key_is(cursor, key)
        changed: set[str] = set()
        cursor.connection.set_update_hook(lambda kind, database, table, row: changed.add(table))
        try:
            self._run(cursor, f"DELETE FROM {self._name} AS {ALIAS} WHERE {where.sql}", where.values, context)
        finally:
            cursor.connection.set_update_hook(None)
        return fold(self.resource.table) in map(fold, changed)

    def _run(self, cursor: apsw.Cursor, sql: str, values: list[Any], context: StatementContext) -> Row | None:
        """The row that the statement returns, if any. Raises Refused."""
        try:
            found = cursor.execute(sql, values).fetchall()
        except apsw.ConstraintError as error:
            raise refusal(cursor.connection, self._resources, error, context) from None
        return self._reader.row(found[0]) if found else None

    def _values(self, row: Row) -> list[Any]:
        writers = self._writers
        return [
            value if value is None or (write := writers[name]) is None else write(value) for name, value in row.items()
        ]

    def _key_is(self, cursor: apsw.Cursor, key: Key) -> Condition:
        return key_is_one_of(self.resource, [key], self._lookups.by_collation(cursor.connection, self.resource))


def _keep(statements: dict[tuple[str, ...], str], names: tuple[str, ...], statement: str) -> str:
    if len(statements) >= KEPT_STATEMENTS:
        statements.clear()
    statements[names] = statement
    return statement


class Mutations:
    """The mutations of one database's resources."""

    def __init__(self, resources: Mapping[str, Resource], went_back: Callable[[], None] = lambda: None) -> None:
        """`went_back`: the log has fewer entries than the last transaction left: a backup was put into the file."""
        self._resources = resources
        self._went_back = went_back
        self._answers = Answers()
        self._tables = {name: SqliteTable(resource, resources) for name, resource in resources.items()}
        self._mark: int | None = None
        """The head of the log as the last mutation of this transaction left it."""
        self._newest = 0
        """The head of the log as the last transaction left it."""

    def begin(self) -> None:
        """A transaction has begun: other programs may have written since the last one."""
        self._mark = None

    def committed(self) -> None:
        self._newest = max(self._newest, self._mark or 0)

    def carry_out(self, cursor: apsw.Cursor, mutation: Mutation) -> WriteResult:
        """Do `mutation`, or answer it as it was answered before under its idempotency key. Raises Refused."""
        try:
            return self._carry_out(cursor, mutation)
        except apsw.SQLError as error:
            if not self._lacks_own(cursor.connection, self._resources[mutation.resource]):
                raise
            log.warning("a mutation cannot be done while a table or a column is gone: %s", error)
            raise refusals.unavailable() from error

    def _lacks_own(self, connection: apsw.Connection, resource: Resource) -> bool:
        """Whether the resource's table, one of its columns or the change log is gone: the owner mends that.

        What only a trigger of the owner names may be missing, too: that is the owner's mistake.
        """
        columns = {fold(name) for _, name, *_ in connection.execute(f"PRAGMA table_xinfo({quoted(resource.table)})")}
        if not columns.issuperset(map(fold, resource.properties)):
            return True
        own = "SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name IN (?, ?, ?, ?)"
        return bool(one_value(connection, own, *TABLES) < len(TABLES))

    def _carry_out(self, cursor: apsw.Cursor, mutation: Mutation) -> WriteResult:
        if mutation.idempotency_key is not None and (answer := self._answered_before(cursor, mutation)) is not None:
            return answer
        self._answers.check(mutation)
        mark, self._mark = head(cursor) if self._mark is None else self._mark, None
        if mark < self._newest:
            self._went_back()
            raise refusals.lost()
        rows = carry_out(cursor, self._tables[mutation.resource], mutation)
        # COMMIT would fail, for all mutations that share the transaction.
        if cursor.connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
            raise deferred_refusal(cursor.connection, self._resources, mutation)
        seq = head(cursor)
        if seq > mark:
            cursor.execute(NOTE_AUTHOR, (mutation.idempotency_key, mutation.user, mark))
        result = WriteResult(rows, seq)
        if mutation.idempotency_key is not None:
            self._remember(cursor, mutation, result)
        self._mark = seq
        return result

    def _answered_before(self, cursor: apsw.Cursor, mutation: Mutation) -> WriteResult | None:
        found: list[Any] = cursor.execute(ANSWERED, (mutation.user, mutation.idempotency_key)).fetchall()
        if not found:
            return None
        ((digest, reply),) = found
        check_same_request(mutation, digest)
        kept, table = msgspec.json.decode(reply), self._tables[mutation.resource]
        return WriteResult(again(mutation, kept["rows"], lambda key: table.current(cursor, key)), kept["seq"])

    def _remember(self, cursor: apsw.Cursor, mutation: Mutation, result: WriteResult) -> None:
        rows = self._answers.kept(mutation, result.rows, self._resources[mutation.resource].key)
        reply, now = f'{{"rows":{rows},"seq":{result.seq}}}', int(time.time() * 1000)
        cursor.execute(REMEMBER, (mutation.user, mutation.idempotency_key, mutation.digest, reply, now))
