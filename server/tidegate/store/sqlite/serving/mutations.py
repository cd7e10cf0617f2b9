"""Mutations inside a transaction of SQLite: the statements, the author in the change log, the memory of requests.

It begins and ends no transaction, and leaves the rule of a mutation to `store.serving.mutations`.
Invariant: a mutation that returns has done everything it was asked; one that raises has to be rolled back.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from tidegate.contract import Resource, row_rules
from tidegate.core.rows.ports import Key, Mutation, Row, WriteResult
from tidegate.store.serving import refusals
from tidegate.store.serving.answers import Answers, again
from tidegate.store.serving.mutations import carry_out, check_same_request
from tidegate.store.serving.refusals import StatementContext
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.catalogue import fold
from tidegate.store.sqlite.changelog import LOG, REQUESTS, TABLES
from tidegate.store.sqlite.filters import ALIAS
from tidegate.store.sqlite.program_needs import KeyLookups
from tidegate.store.sqlite.rows import RowReader, to_column
from tidegate.store.sqlite.serving.database_errors import deferred_refusal, refusal
from tidegate.store.sqlite.serving.reader import head, one_value, select

log = logging.getLogger("tidegate.store")

KEPT_STATEMENTS = 64
"""Texts of statements that are kept for each table; a client may leave out any property that has a default."""


class SqliteTable:
    """Implements `store.serving.mutations.Table`."""

    def __init__(self, resource: Resource, resources: Mapping[str, Resource]) -> None:
        self.resource = resource
        self._resources = resources
        self.rules = row_rules(resource)
        self._reader = RowReader(resource)
        self._whole = RowReader(resource, whole=True)
        self._name = quoted(resource.table)
        # Each name of a column is qualified: without its column, a bare one would be text.
        self._returning = f"RETURNING {', '.join(f'{self._name}.{quoted(name)}' for name in self._reader.columns)}"
        self._lookups = KeyLookups()
        self._inserts: dict[tuple[str, ...], str] = {}
        """The statements that were used lately, by the properties of their rows."""

    def insert(self, connection: apsw.Connection, context: StatementContext) -> Row | None:
        row = context.row
        statement = self._inserts.get(names := tuple(row)) or self._insert(names)
        return self._run(connection, statement, self._values(row), context)

    def _insert(self, names: tuple[str, ...]) -> str:
        marks = ", ".join("?" * len(names))
        into = f"({', '.join(map(quoted, names))}) VALUES ({marks})" if names else "DEFAULT VALUES"
        if len(self._inserts) >= KEPT_STATEMENTS:
            self._inserts.clear()
        statement = self._inserts[names] = f"INSERT INTO {self._name} {into} {self._returning}"
        return statement

    def locked(self, connection: apsw.Connection, key: Key) -> Row | None:
        # The transaction is the only one that writes.
        return self._one(connection, self._reader, key)

    def whole(self, connection: apsw.Connection, key: Key) -> Row | None:
        return self._one(connection, self._whole, key)

    def _one(self, connection: apsw.Connection, reader: RowReader, key: Key) -> Row | None:
        where, values = self._key_is(connection, key)
        found = select(connection, self.resource, reader, f" WHERE {where}", values)
        return found[0] if found else None

    def update(self, connection: apsw.Connection, key: Key, context: StatementContext) -> Row | None:
        sets = ", ".join(f"{quoted(name)} = ?" for name in context.row)
        where, values = self._key_is(connection, key)
        sql = f"UPDATE {self._name} AS {ALIAS} SET {sets} WHERE {where} {self._returning}"
        return self._run(connection, sql, self._values(context.row) + values, context)

    def delete(self, connection: apsw.Connection, key: Key, context: StatementContext) -> None:
        where, values = self._key_is(connection, key)
        self._run(connection, f"DELETE FROM {self._name} AS {ALIAS} WHERE {where}", values, context)

    def _run(self, connection: apsw.Connection, sql: str, values: list[Any], context: StatementContext) -> Row | None:
        """The row that the statement returns, if any. Raises Refused."""
        try:
            found = connection.execute(sql, values).fetchall()
        except apsw.ConstraintError as error:
            raise refusal(connection, self._resources, error, context) from None
        return self._reader.row(found[0]) if found else None

    def _values(self, row: Row) -> list[Any]:
        return [to_column(self.resource.properties[name], value) for name, value in row.items()]

    def _key_is(self, connection: apsw.Connection, key: Key) -> tuple[str, list[Any]]:
        """By the collation of the columns, which their index has, and then exactly."""
        resource = self.resource
        conditions, values = [], []
        for name in resource.key:
            column, value = f"{ALIAS}.{quoted(name)}", to_column(resource.properties[name], key[name])
            compared = [f"{column} COLLATE BINARY = ?"]
            if self._lookups.by_collation(connection, resource):
                compared.insert(0, f"{column} = ?")
            conditions += compared
            values += [value] * len(compared)
        return " AND ".join(conditions), values


class Mutations:
    """The mutations of one database's resources."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources
        self._answers = Answers()
        self._tables = {name: SqliteTable(resource, resources) for name, resource in resources.items()}
        self._mark: int | None = None
        """The head of the log as the last mutation of this transaction left it."""

    def begin(self) -> None:
        """A transaction has begun: other programs may have written since the last one."""
        self._mark = None

    def carry_out(self, connection: apsw.Connection, mutation: Mutation) -> WriteResult:
        """Do `mutation`, or answer it as it was answered before under its idempotency key. Raises Refused."""
        try:
            return self._carry_out(connection, mutation)
        except apsw.SQLError as error:
            if not self._lacks_own(connection, self._resources[mutation.resource]):
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

    def _carry_out(self, connection: apsw.Connection, mutation: Mutation) -> WriteResult:
        if mutation.idempotency_key is not None and (answer := self._answered_before(connection, mutation)) is not None:
            return answer
        self._answers.check(mutation)
        mark, self._mark = head(connection) if self._mark is None else self._mark, None
        rows = carry_out(connection, self._tables[mutation.resource], mutation)
        # COMMIT would fail, for all mutations that share the transaction.
        if connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:
            raise deferred_refusal(connection, self._resources, mutation)
        seq = head(connection)
        if seq > mark:
            connection.execute(
                f"UPDATE {LOG} SET origin = ?, actor = ? WHERE seq > ?", (mutation.idempotency_key, mutation.user, mark)
            )
        result = WriteResult(rows, seq)
        if mutation.idempotency_key is not None:
            self._remember(connection, mutation, result)
        self._mark = seq
        return result

    def _answered_before(self, connection: apsw.Connection, mutation: Mutation) -> WriteResult | None:
        found = connection.execute(
            f"SELECT digest, reply FROM {REQUESTS} WHERE user = ? AND key = ?",
            (mutation.user, mutation.idempotency_key),
        ).fetchone()
        if found is None:
            return None
        check_same_request(mutation, found[0])
        kept, table = msgspec.json.decode(found[1]), self._tables[mutation.resource]
        return WriteResult(again(mutation, kept["rows"], lambda key: table.locked(connection, key)), kept["seq"])

    def _remember(self, connection: apsw.Connection, mutation: Mutation, result: WriteResult) -> None:
        rows = self._answers.kept(mutation, result.rows, self._resources[mutation.resource].key)
        reply, now = f'{{"rows":{rows},"seq":{result.seq}}}', int(time.time() * 1000)
        connection.execute(
            f"INSERT INTO {REQUESTS} (user, key, digest, reply, time) VALUES (?, ?, ?, ?, ?)",
            (mutation.user, mutation.idempotency_key, mutation.digest, reply, now),
        )
