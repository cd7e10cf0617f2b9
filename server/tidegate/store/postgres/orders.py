"""Carrying out one order inside a transaction of PostgreSQL: compiled SQL, and refusals that point into the message.

It begins and ends no transaction. Statements whose answers nobody needs yet are not waited for (the caller
opened a pipeline). What the database refuses by itself breaks the transaction; `violations` says after the rollback
what it meant.
Invariant: an order that returns has done everything it was asked, and its changes are numbered.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import msgspec
import psycopg

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.ports import Row, WriteOrder, WriteResult
from tidegate.core.predicate import token
from tidegate.store.database import quoted
from tidegate.store.permitted import Permitted, key_pointer
from tidegate.store.postgres.changelog import COMMITS, REQUESTS
from tidegate.store.postgres.conditions import ALIAS
from tidegate.store.postgres.connection import MARK, Connection, numbered
from tidegate.store.postgres.reader import HEAD, key_is
from tidegate.store.postgres.rows import RowReader, image, to_column
from tidegate.store.postgres.violations import Place, escaped

Cursor = psycopg.Cursor[tuple[Any, ...]]


class Violated(Exception):
    """The database refused a statement; `place` says which."""

    def __init__(self, error: psycopg.Error, place: Place) -> None:
        super().__init__(str(error))
        self.error = error
        self.place = place


class Orders:
    """Knows the resources' SQL."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources
        self._readers = {name: RowReader(resource) for name, resource in resources.items()}
        self._images = {name: image(ALIAS, resources[name], self._readers[name].columns) for name in resources}

    def carry_out(self, connection: Connection, order: WriteOrder) -> tuple[list[Row], Cursor]:
        """Do `order`, or answer it as it was answered before under the same idempotency key.

        Returns the rows, and the query for a position at or after the write, whose answer comes with the commit's.
        Raises Refused, Violated.
        """
        if order.idempotency_key is not None and (before := _answered_before(connection, order)) is not None:
            return before.rows, connection.execute(numbered(f"SELECT {MARK}::bigint"), [before.seq])
        # Noted here by us, in a table that foreign programs cannot write to: who made the changes of this transaction.
        connection.execute(
            numbered(f"INSERT INTO {COMMITS} (xact, origin, actor) VALUES (pg_current_xact_id(), {MARK}, {MARK})"),
            [order.idempotency_key, order.user],
        )
        permitted = Permitted(order)
        match order.kind:
            case "create":
                rows = [self._create(connection, order, permitted, number) for number in range(len(order.rows))]
            case "update":
                rows = [self._update(connection, order, permitted, number) for number in range(len(order.keys))]
            case "delete":
                rows = [self._delete(connection, order, permitted, number) for number in range(len(order.keys))]
        # Now, not within COMMIT, so that the position can be asked for; the lock is held from here on.
        connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        if order.idempotency_key is not None:
            _remember(connection, order, rows)
        return rows, connection.execute(HEAD)

    def place(self, order: WriteOrder) -> Place:
        """Where to point for what is refused only at the end."""
        return self._place(order, order.data or {}, key_pointer(order, 0) if order.kind == "delete" else "/data")

    def _create(self, connection: Connection, order: WriteOrder, permitted: Permitted, number: int) -> Row:
        resource, row = self._resources[order.resource], order.rows[number]
        at = f"/data/{number}" if order.array else "/data"
        marks = ", ".join([MARK] * len(row))
        into = f"({', '.join(map(quoted, row))}) VALUES ({marks})" if row else "DEFAULT VALUES"
        sql = f"INSERT INTO {quoted(resource.table)} AS {ALIAS} {into}"
        values = [to_column(resource.properties[name], value) for name, value in row.items()]
        return permitted.written(self._one(connection, order, sql, values, self._place(order, row, at)), at)

    def _update(self, connection: Connection, order: WriteOrder, permitted: Permitted, number: int) -> Row:
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

    def _delete(self, connection: Connection, order: WriteOrder, permitted: Permitted, number: int) -> Row:
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

    def _existing(self, connection: Connection, order: WriteOrder, permitted: Permitted, number: int) -> Row:
        """The row as it is now and stays until the end. Raises Refused: it may not be changed, or `if` fails."""
        resource, where = self._resources[order.resource], key_is(self._resources[order.resource], order.keys[number])
        sql = f"SELECT {self._images[order.resource]} FROM {quoted(resource.table)} {ALIAS} WHERE {where.sql}"
        found = connection.execute(numbered(sql + f" FOR UPDATE OF {ALIAS}"), where.values).fetchall()
        row = permitted.existing(self._readers[order.resource].row(found[0][0]) if found else None, number)
        for name, value in (order.expected or {}).items():
            if token(row.get(name)) != token(value):
                raise Refused("conflict", "the row has another value here by now", pointer=f"/if/{escaped(name)}")
        return row

    def _one(self, connection: Connection, order: WriteOrder, sql: str, values: list[Any], place: Place) -> Row:
        """Run a statement and return the row it wrote."""
        try:
            found = connection.execute(numbered(f"{sql} RETURNING {self._images[order.resource]}"), values).fetchall()
        except psycopg.Error as error:
            raise Violated(error, place) from error
        if not found:  # a trigger of somebody else's takes writes away without a word
            raise Refused("conflict", "the database did not take this row", pointer=place.at)
        return self._readers[order.resource].row(found[0][0])

    def _place(self, order: WriteOrder, row: Row, at: str) -> Place:
        return Place(self._resources[order.resource], self._resources, order.kind, row, at)


def _answered_before(connection: Connection, order: WriteOrder) -> WriteResult | None:
    found = connection.execute(
        numbered(f"SELECT digest, reply, seq FROM {REQUESTS} WHERE actor = {MARK} AND key = {MARK}"),
        [order.user, order.idempotency_key],
    ).fetchall()
    if not found:
        return None
    ((digest, reply, seq),) = found
    if digest != order.digest:
        raise Refused("conflict", "this key stands for another request", pointer="/key")
    return WriteResult(msgspec.json.decode(reply, type=list[Row]), seq)


def _remember(connection: Connection, order: WriteOrder, rows: list[Row]) -> None:
    connection.execute(
        numbered(
            f"INSERT INTO {REQUESTS} (actor, key, digest, reply, time, seq) VALUES ({', '.join([MARK] * 5)}, ({HEAD}))"
        ),
        [order.user, order.idempotency_key, order.digest, msgspec.json.encode(rows).decode(), int(time.time() * 1000)],
    )
