"""Carrying out orders inside a transaction of PostgreSQL: compiled SQL, and refusals that point into the message.

It begins and ends no transaction. Statements whose answers nobody needs yet are not waited for (the caller
opened a pipeline). What the database refuses by itself breaks the transaction, or what came after its last savepoint;
`violations` says after the rollback what it meant.
Invariant: an order that returns has done everything it was asked; `finish` numbers the changes of all.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import psycopg

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import token
from tidegate.core.rows.ports import Mutation, Row, WriteResult
from tidegate.store.postgres.changelog import COMMITS, REQUESTS
from tidegate.store.postgres.connection import MARK, Connection, numbered
from tidegate.store.postgres.filters import ALIAS
from tidegate.store.postgres.rows import RowReader, image, to_column
from tidegate.store.postgres.serving.database_errors import StatementContext, escaped
from tidegate.store.postgres.serving.reader import HEAD, key_is
from tidegate.store.serving.mutation_permission import MutationPermission, key_pointer
from tidegate.store.sql.names import quoted

Cursor = psycopg.Cursor[tuple[Any, ...]]
Done = tuple[Mutation, list[Row]]
"""An order, and the rows that it wrote."""


NOTE = numbered(
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


class Violated(Exception):
    """The database refused a statement; `place` says which."""

    def __init__(self, error: psycopg.Error, place: StatementContext) -> None:
        super().__init__(str(error))
        self.error = error
        self.place = place


class Mutations:
    """Knows the resources' SQL."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources
        self._readers = {name: RowReader(resource) for name, resource in resources.items()}
        self._images = {name: image(ALIAS, resources[name], self._readers[name].columns) for name in resources}

    def carry_out(self, connection: Connection, order: Mutation) -> list[Row]:
        """Do `order`, and return its rows. Raises Refused, Violated."""
        # Noted by us, in a table that foreign programs cannot write to: whose the changes are from here on.
        connection.execute(NOTE, [order.idempotency_key, order.user])
        permitted = MutationPermission(order)
        match order.kind:
            case "create":
                return [self._create(connection, order, permitted, number) for number in range(len(order.rows))]
            case "update":
                return [self._update(connection, order, permitted, number) for number in range(len(order.keys))]
            case "delete":
                return [self._delete(connection, order, permitted, number) for number in range(len(order.keys))]

    def finish(self, connection: Connection, done: Sequence[Done]) -> Cursor:
        """Number what the transaction changed, and keep the answers of orders that have an idempotency key.

        Returns the query for a position at or after all of it, whose answer comes with the commit's.
        """
        # Now, not within COMMIT, so that the position can be asked for; the lock is held from here on.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        keyed = [
            (order.user, order.idempotency_key, order.digest, msgspec.json.encode(rows).decode())
            for order, rows in done
            if order.idempotency_key is not None
        ]
        now = int(time.time() * 1000)
        if len(keyed) == 1:
            connection.execute(REMEMBER, [*keyed[0], now])
        elif keyed:
            connection.execute(REMEMBER_EACH, [*map(list, zip(*keyed, strict=True)), now])
        return connection.execute(HEAD)

    def place(self, order: Mutation) -> StatementContext:
        """Where to point for what is refused only at the end, when nobody says for which row."""
        alone = len(order.rows) + len(order.keys) == 1
        if order.kind == "create":
            row = order.rows[0] if alone else {}
            return self._place(order, row, "/data/0" if alone and order.array else "/data")
        if order.kind == "delete":
            return self._place(order, {}, key_pointer(order, 0) if alone else "/ids")
        return self._place(order, order.data or {}, "/data")

    def _create(self, connection: Connection, order: Mutation, permitted: MutationPermission, number: int) -> Row:
        resource, row = self._resources[order.resource], order.rows[number]
        at = f"/data/{number}" if order.array else "/data"
        marks = ", ".join([MARK] * len(row))
        into = f"({', '.join(map(quoted, row))}) VALUES ({marks})" if row else "DEFAULT VALUES"
        sql = f"INSERT INTO {quoted(resource.table)} AS {ALIAS} {into}"
        values = [to_column(resource.properties[name], value) for name, value in row.items()]
        return permitted.written(self._one(connection, order, sql, values, self._place(order, row, at)), at)

    def _update(self, connection: Connection, order: Mutation, permitted: MutationPermission, number: int) -> Row:
        resource, data = self._resources[order.resource], order.data or {}
        before = self._existing(connection, order, permitted, number)
        if not data:
            return before
        sets = ", ".join(f"{quoted(name)} = {MARK}" for name in data)
        values = [to_column(resource.properties[name], value) for name, value in data.items()]
        where = key_is(resource, order.keys[number])
        sql = f"UPDATE {quoted(resource.table)} AS {ALIAS} SET {sets} WHERE {where.sql}"
        row = self._one(connection, order, sql, values + where.values, self._place(order, data, "/data"))
        return permitted.written(row, "/data")

    def _delete(self, connection: Connection, order: Mutation, permitted: MutationPermission, number: int) -> Row:
        resource, key = self._resources[order.resource], order.keys[number]
        self._existing(connection, order, permitted, number)
        where = key_is(resource, key)
        try:
            # RETURNING so that its answer is waited for here, where a refusal has its place.
            connection.execute(
                numbered(f"DELETE FROM {quoted(resource.table)} AS {ALIAS} WHERE {where.sql} RETURNING 1"), where.values
            ).fetchall()
        except psycopg.Error as error:
            raise Violated(error, self._place(order, {}, key_pointer(order, number))) from error
        return key

    def _existing(self, connection: Connection, order: Mutation, permitted: MutationPermission, number: int) -> Row:
        """The row as it is now and stays until the end. Raises Refused: it may not be changed, or `if` fails."""
        resource, where = self._resources[order.resource], key_is(self._resources[order.resource], order.keys[number])
        sql = f"SELECT {self._images[order.resource]} FROM {quoted(resource.table)} {ALIAS} WHERE {where.sql}"
        found = connection.execute(numbered(sql + f" FOR UPDATE OF {ALIAS}"), where.values).fetchall()
        row = permitted.existing(self._readers[order.resource].row(found[0][0]) if found else None, number)
        for name, value in (order.expected or {}).items():
            if token(row.get(name)) != token(value):
                raise Refused("conflict", "the row has another value here by now", pointer=f"/if/{escaped(name)}")
        return row

    def _one(
        self, connection: Connection, order: Mutation, sql: str, values: list[Any], place: StatementContext
    ) -> Row:
        """Run a statement and return the row it wrote."""
        try:
            found = connection.execute(numbered(f"{sql} RETURNING {self._images[order.resource]}"), values).fetchall()
        except psycopg.Error as error:
            raise Violated(error, place) from error
        if not found:  # a trigger of somebody else's takes writes away without a word
            raise Refused("conflict", "the database did not take this row", pointer=place.at)
        return self._readers[order.resource].row(found[0][0])

    def _place(self, order: Mutation, row: Row, at: str) -> StatementContext:
        return StatementContext(self._resources[order.resource], self._resources, order.kind, row, at)


class Answered:
    """What some orders were answered before, under the idempotency keys that they have now."""

    def __init__(self, connection: Connection, orders: Sequence[Mutation]) -> None:
        """Asks the database, and does not wait for what it says."""
        keyed = [(order.user, order.idempotency_key) for order in orders if order.idempotency_key is not None]
        self._query = None
        if len(keyed) == 1:
            self._query = connection.execute(ANSWERED, keyed[0])
        elif keyed:
            self._query = connection.execute(ANSWERED_EACH, [*map(list, zip(*keyed, strict=True))])
        self._found: dict[tuple[str, str], list[Any]] | None = None

    def to(self, order: Mutation) -> WriteResult | None:
        """Raises Refused: the key stands for another request."""
        if order.idempotency_key is None or self._query is None:
            return None
        if self._found is None:
            self._found = {(actor, key): answer for actor, key, *answer in self._query.fetchall()}
        if (found := self._found.get((order.user, order.idempotency_key))) is None:
            return None
        digest, reply, seq = found
        if digest != order.digest:
            raise Refused("conflict", "this key stands for another request", pointer="/key")
        return WriteResult(msgspec.json.decode(reply, type=list[Row]), seq)
