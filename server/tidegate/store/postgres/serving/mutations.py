"""Mutations inside a transaction of PostgreSQL: the statements, the author in the change log, the memory of requests.

It begins and ends no transaction, and leaves the rule of a mutation to `store.serving.mutations`. It does not wait for
statements whose answers it does not need yet (the caller opened a pipeline). A statement that the database refuses
breaks the transaction, or what came after its last savepoint; `database_errors` says after the rollback what it means.
Invariant: a mutation that returns has done everything it was asked; `finish` numbers the changes of all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from tidegate.contract import Resource, row_rules
from tidegate.core.rows.ports import Key, Mutation, Row, WriteResult
from tidegate.store.postgres.changelog import COMMITS, REQUESTS
from tidegate.store.postgres.connection import MARK, Connection, numbered
from tidegate.store.postgres.filters import ALIAS
from tidegate.store.postgres.home import qualified
from tidegate.store.postgres.rows import RowReader, image, to_column
from tidegate.store.postgres.serving.clauses import key_is
from tidegate.store.postgres.serving.database_errors import StatementFailed
from tidegate.store.postgres.serving.reader import HEAD
from tidegate.store.serving.answers import Answers, again
from tidegate.store.serving.mutations import carry_out, check_same_request
from tidegate.store.serving.refusals import StatementContext, whole_context
from tidegate.store.sql.names import literal, quoted

Cursor = psycopg.Cursor[tuple[Any, ...]]
Done = tuple[Mutation, list[Row]]
"""A mutation, and the rows that it wrote."""

# Tidegate's own table, to which foreign programs cannot write, says who makes the changes from here on.
NOTE_AUTHOR = numbered(
    f"INSERT INTO {COMMITS} (xact, origin, actor) VALUES (pg_current_xact_id(), {MARK}, {MARK}) "
    "ON CONFLICT (xact) DO UPDATE SET origin = excluded.origin, actor = excluded.actor"
)
ANSWERED = f"SELECT actor, key, digest, reply, seq FROM {REQUESTS} WHERE actor = $1 AND key = $2"
# OFFSET 0: each is looked up in the index, also by a plan that was made when there were few.
ANSWERED_EACH = (
    "SELECT asked.actor, asked.key, r.digest, r.reply, r.seq FROM unnest($1::text[], $2::text[]) asked (actor, key), "
    f"LATERAL (SELECT digest, reply, seq FROM {REQUESTS} WHERE actor = asked.actor AND key = asked.key OFFSET 0) r"
)
REMEMBER = f"INSERT INTO {REQUESTS} (actor, key, digest, reply, time, seq) VALUES ($1, $2, $3, $4, $5, ({HEAD}))"
REMEMBER_EACH = (
    f"INSERT INTO {REQUESTS} (actor, key, digest, reply, time, seq) SELECT actor, key, digest, reply, $5, ({HEAD}) "
    "FROM unnest($1::text[], $2::text[], $3::bytea[], $4::text[]) done (actor, key, digest, reply)"
)


class PostgresTable:
    """Implements `store.serving.mutations.Table`. Its statements raise StatementFailed."""

    def __init__(self, resource: Resource, home: str) -> None:
        """`home`: the schema of the table."""
        self.resource = resource
        self.rules = row_rules(resource)
        self._reader = RowReader(resource)
        self._whole = RowReader(resource, whole=True)
        self._name = qualified(home, resource.table)
        self._image = image(ALIAS, resource, self._reader.columns)

    def insert(self, connection: Connection, context: StatementContext) -> Row | None:
        row = context.row
        marks = ", ".join([MARK] * len(row))
        into = f"({', '.join(map(quoted, row))}) VALUES ({marks})" if row else "DEFAULT VALUES"
        return self._run(connection, f"INSERT INTO {self._name} AS {ALIAS} {into}", self._values(row), context)

    def locked(self, connection: Connection, key: Key) -> Row | None:
        where = key_is(self.resource, key)
        sql = f"SELECT {self._image} FROM {self._name} {ALIAS} WHERE {where.sql} FOR UPDATE OF {ALIAS}"
        found = connection.execute(numbered(sql), where.values).fetchall()
        return self._reader.row(found[0][0]) if found else None

    def current(self, connection: Connection, key: Key) -> Row | None:
        """The row with this key as it is now. Waits for no other transaction."""
        where = key_is(self.resource, key)
        sql = f"SELECT {self._image} FROM {self._name} {ALIAS} WHERE {where.sql}"
        found = connection.execute(numbered(sql), where.values).fetchall()
        return self._reader.row(found[0][0]) if found else None

    def whole(self, connection: Connection, key: Key) -> Row | None:
        where = key_is(self.resource, key)
        sql = f"SELECT {image(ALIAS, self.resource, self._whole.columns)} FROM {self._name} {ALIAS} WHERE {where.sql}"
        found = connection.execute(numbered(sql), where.values).fetchall()
        return self._whole.row(found[0][0]) if found else None

    def update(self, connection: Connection, key: Key, context: StatementContext) -> Row | None:
        where = key_is(self.resource, key)
        sets = ", ".join(f"{quoted(name)} = {MARK}" for name in context.row)
        sql = f"UPDATE {self._name} AS {ALIAS} SET {sets} WHERE {where.sql}"
        return self._run(connection, sql, self._values(context.row) + where.values, context)

    def delete(self, connection: Connection, key: Key, context: StatementContext) -> bool:
        where = key_is(self.resource, key)
        # How many rows of the table this transaction has updated. A row's ctid would need rights on the whole table.
        updates = f"SELECT pg_stat_get_xact_tuples_updated({literal(self._name)}::regclass)"
        # Not within WITH: PostgreSQL refuses that for a table with rules. RETURNING so that the answer is waited for
        # here, where a refusal has its context.
        sql = f"DELETE FROM {self._name} AS {ALIAS} WHERE {where.sql} RETURNING 1"
        try:
            earlier = connection.execute(updates)
            gone = connection.execute(numbered(sql), where.values).fetchall()
            return bool(gone) or connection.execute(updates).fetchall() != earlier.fetchall()
        except psycopg.Error as error:
            raise StatementFailed(error, context) from error

    def _run(self, connection: Connection, sql: str, values: list[Any], context: StatementContext) -> Row | None:
        """The row that the statement wrote; None where a foreign trigger made the database ignore it."""
        try:
            found = connection.execute(numbered(f"{sql} RETURNING {self._image}"), values).fetchall()
        except psycopg.Error as error:
            raise StatementFailed(error, context) from error
        return self._reader.row(found[0][0]) if found else None

    def _values(self, row: Row) -> list[Any]:
        return [to_column(self.resource.properties[name], value) for name, value in row.items()]


class Mutations:
    """The mutations of one database's resources."""

    def __init__(self, resources: Mapping[str, Resource], home: str) -> None:
        """`home`: the schema of their tables."""
        self._answers = Answers()
        self._tables = {name: PostgresTable(resource, home) for name, resource in resources.items()}

    def carry_out(
        self, connection: Connection, mutation: Mutation, check: Callable[[], None] = lambda: None
    ) -> list[Row]:
        """Do `mutation`, and return its rows. `check` is called before each. Raises Refused, StatementFailed."""
        self._answers.check(mutation)
        connection.execute(NOTE_AUTHOR, [mutation.idempotency_key, mutation.user])
        return carry_out(connection, self._tables[mutation.resource], mutation, check)

    def finish(self, connection: Connection, done: Sequence[Done]) -> Cursor:
        """Number what the transaction changed, and keep the answers of mutations that have an idempotency key.

        Returns the query for a position at or after all of it, whose answer comes with the commit's.
        """
        # Now, not within COMMIT, so that the position can be asked for; the lock is held from here on.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        keyed = [
            (mutation.user, mutation.idempotency_key, mutation.digest, self._kept(mutation, rows))
            for mutation, rows in done
            if mutation.idempotency_key is not None
        ]
        now = int(time.time() * 1000)
        if len(keyed) == 1:
            connection.execute(REMEMBER, [*keyed[0], now])
        elif keyed:
            connection.execute(REMEMBER_EACH, [*map(list, zip(*keyed, strict=True)), now])
        return connection.execute(HEAD)

    def _kept(self, mutation: Mutation, rows: list[Row]) -> str:
        return self._answers.kept(mutation, rows, self._tables[mutation.resource].resource.key)

    def answered(self, connection: Connection, mutation: Mutation, reply: str) -> list[Row]:
        """The rows for a repetition of `mutation`, of whose answer `reply` was kept. Raises Refused."""
        table = self._tables[mutation.resource]
        return again(mutation, msgspec.json.decode(reply), lambda key: table.current(connection, key))

    def context(self, mutation: Mutation) -> StatementContext:
        """Where to point for what the database refuses only at the end of `mutation`."""
        return whole_context(mutation, self._tables[mutation.resource].resource)


class EarlierAnswers:
    """What some mutations were answered before, under the idempotency keys that they have now."""

    def __init__(self, connection: Connection, rules: Mutations, mutations: Sequence[Mutation]) -> None:
        """Asks the database, and does not wait for what it says."""
        self._connection = connection
        self._rules = rules
        keyed = [(each.user, each.idempotency_key) for each in mutations if each.idempotency_key is not None]
        self._query = None
        if len(keyed) == 1:
            self._query = connection.execute(ANSWERED, keyed[0])
        elif keyed:
            self._query = connection.execute(ANSWERED_EACH, [*map(list, zip(*keyed, strict=True))])
        self._found: dict[tuple[str, str], list[Any]] | None = None

    def to(self, mutation: Mutation) -> WriteResult | None:
        """Raises Refused: the key was used for a different request, or its rows are gone."""
        if mutation.idempotency_key is None or self._query is None:
            return None
        if self._found is None:
            self._found = {(actor, key): answer for actor, key, *answer in self._query.fetchall()}
        if (found := self._found.get((mutation.user, mutation.idempotency_key))) is None:
            return None
        digest, reply, seq = found
        check_same_request(mutation, digest)
        return WriteResult(self._rules.answered(self._connection, mutation, reply), seq)
