"""Carrying out one order inside a transaction: compiled SQL, and refusals that point into the client's message.

It begins and ends no transaction. What the database refuses by itself (unique values, references, checks) is translated
here, once.
Invariant: an order that returns has done everything it was asked; one that raises is to be rolled back.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

import apsw
import msgspec

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import token
from tidegate.core.rows.ports import Key, Mutation, Row, WriteResult
from tidegate.store.serving.mutation_permission import MutationPermission, key_pointer
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import LOG, REQUESTS
from tidegate.store.sqlite.rows import RowReader, to_column
from tidegate.store.sqlite.serving.reader import head, select


class Mutations:
    """Knows the resources' SQL."""

    def __init__(self, resources: Mapping[str, Resource]) -> None:
        self._resources = resources
        self._readers = {name: RowReader(resource) for name, resource in resources.items()}

    def carry_out(self, connection: apsw.Connection, order: Mutation) -> WriteResult:
        """Do `order`, or answer it as it was answered before under the same idempotency key. Raises Refused."""
        if order.idempotency_key is not None and (before := _answered_before(connection, order)) is not None:
            return before
        mark = head(connection)
        permitted = MutationPermission(order)
        match order.kind:
            case "create":
                rows = [self._create(connection, order, permitted, number) for number in range(len(order.rows))]
            case "update":
                rows = [self._update(connection, order, permitted, number) for number in range(len(order.keys))]
            case "delete":
                rows = [self._delete(connection, order, permitted, number) for number in range(len(order.keys))]
        if connection.status(apsw.SQLITE_DBSTATUS_DEFERRED_FKS)[0]:  # else COMMIT would fail, for whoever shares it
            raise self._unresolved(connection, order)
        seq = head(connection)
        if seq > mark:
            connection.execute(
                f"UPDATE {LOG} SET origin = ?, actor = ? WHERE seq > ?", (order.idempotency_key, order.user, mark)
            )
        result = WriteResult(rows, seq)
        if order.idempotency_key is not None:
            _remember(connection, order, result)
        return result

    def _create(self, connection: apsw.Connection, order: Mutation, permitted: MutationPermission, number: int) -> Row:
        resource, row = self._resources[order.resource], order.rows[number]
        at = f"/data/{number}" if order.array else "/data"
        names = list(row)
        values = [to_column(resource.properties[name], row[name]) for name in names]
        into = (
            f"({', '.join(map(quoted, names))}) VALUES ({', '.join('?' * len(names))})" if names else "DEFAULT VALUES"
        )
        sql = f"INSERT INTO {quoted(resource.table)} {into} RETURNING {self._columns(order.resource)}"
        return permitted.written(self._one(connection, order, sql, values, row, at), at)

    def _update(self, connection: apsw.Connection, order: Mutation, permitted: MutationPermission, number: int) -> Row:
        resource, key, data = self._resources[order.resource], order.keys[number], order.data or {}
        before = self._existing(connection, order, permitted, number)
        if not data:
            return before
        sets = ", ".join(f"{quoted(name)} = ?" for name in data)
        values = [to_column(resource.properties[name], value) for name, value in data.items()]
        sql = (
            f"UPDATE {quoted(resource.table)} SET {sets} WHERE {_key_is(resource)} "
            f"RETURNING {self._columns(order.resource)}"
        )
        row = self._one(connection, order, sql, values + _key_values(resource, key), data, "/data")
        return permitted.written(row, "/data")

    def _delete(self, connection: apsw.Connection, order: Mutation, permitted: MutationPermission, number: int) -> Row:
        resource, key = self._resources[order.resource], order.keys[number]
        self._existing(connection, order, permitted, number)
        sql = f"DELETE FROM {quoted(resource.table)} WHERE {_key_is(resource)}"
        try:
            connection.execute(sql, _key_values(resource, key))
        except apsw.ConstraintError:
            raise _referred_to(key_pointer(order, number)) from None
        return key

    def _existing(
        self, connection: apsw.Connection, order: Mutation, permitted: MutationPermission, number: int
    ) -> Row:
        """The row as it is now. Raises Refused when the user may not change it, or it is not as `if` expects it."""
        resource, key = self._resources[order.resource], order.keys[number]
        reader, values = self._readers[order.resource], _key_values(resource, key)
        found = select(connection, resource, reader, f" WHERE {_key_is(resource)}", values)
        row = permitted.existing(found[0] if found else None, number)
        for name, value in (order.expected or {}).items():
            if token(row.get(name)) != token(value):
                raise Refused("conflict", "the row has another value here by now", pointer=f"/if/{_escaped(name)}")
        return row

    def _one(self, connection: apsw.Connection, order: Mutation, sql: str, values: list[Any], row: Row, at: str) -> Row:
        """Run a statement that returns the row it wrote. `row` and `at`: what the client sent, and where."""
        try:
            found = connection.execute(sql, values).fetchall()
        except apsw.ConstraintError as error:
            raise self._conflict(connection, order, row, at, str(error)) from None
        if not found:  # IGNORE, in the table's definition or in a trigger of somebody else's
            raise Refused("conflict", "the database did not take this row", pointer=at)
        return self._readers[order.resource].row(found[0])

    def _conflict(self, connection: apsw.Connection, order: Mutation, row: Row, at: str, text: str) -> Refused:
        """What SQLite's "UNIQUE constraint failed: users.email" means to the client."""
        if "FOREIGN KEY" in text:
            return self._leads_nowhere(connection, order, row, at) or self._unknown_reference(order, row, at)
        names = [part.rpartition(".")[2] for part in text.partition("failed: ")[2].split(", ")]
        pointer = next((f"{at}/{_escaped(name)}" for name in names if name in row), at)
        if "UNIQUE" in text:
            return Refused("conflict", "this value is taken by another row", pointer=pointer, keyword="unique")
        return Refused("invalid_data", "the database does not accept this row", pointer=pointer, keyword="check")

    def _unresolved(self, connection: apsw.Connection, order: Mutation) -> Refused:
        """Deferred references that the order leaves broken."""
        if order.kind == "delete":
            return _referred_to(key_pointer(order, 0) if len(order.keys) == 1 else "/ids")
        data = order.data or {}
        sent = [(row, f"/data/{n}" if order.array else "/data") for n, row in enumerate(order.rows)] or [
            (data, "/data")
        ]
        found = (self._leads_nowhere(connection, order, row, at) for row, at in sent)
        return next(filter(None, found), None) or self._unknown_reference(order, data, "/data")

    def _leads_nowhere(self, connection: apsw.Connection, order: Mutation, row: Row, at: str) -> Refused | None:
        """The reference of `row` that has no row to lead to, as far as the schema names it."""
        for name, (target, column) in self._resources[order.resource].references.items():
            if row.get(name) is not None and not self._refers(connection, target, column, row[name]):
                pointer = f"{at}/{_escaped(name)}"
                return Refused("conflict", f"no such row in {target}", pointer=pointer, keyword="references")
        return None

    def _unknown_reference(self, order: Mutation, row: Row, at: str) -> Refused:
        """SQLite says neither which reference is broken nor in which direction it goes."""
        resource = self._resources[order.resource]
        identifying = {name for names in (resource.key, *resource.unique) for name in names}
        if order.kind == "update" and not identifying.isdisjoint(row):
            return _referred_to(at)
        return Refused("conflict", "no such row", pointer=at, keyword="references")

    def _refers(self, connection: apsw.Connection, target: str, column: str, value: Any) -> bool:
        sql = f"SELECT 1 FROM {quoted(self._resources[target].table)} WHERE {quoted(column)} = ?"
        return connection.execute(sql, (value,)).fetchone() is not None

    def _columns(self, resource: str) -> str:
        return ", ".join(map(quoted, self._readers[resource].columns))


def _referred_to(pointer: str) -> Refused:
    return Refused("conflict", "other rows refer to this one", pointer=pointer, keyword="references")


def _key_is(resource: Resource) -> str:
    """Asked by the collation of the columns, which their index has, and then exactly."""
    return " AND ".join(f"{quoted(name)} = ? AND {quoted(name)} COLLATE BINARY = ?" for name in resource.key)


def _key_values(resource: Resource, key: Key) -> list[Any]:
    """What `_key_is` binds."""
    return [to_column(resource.properties[name], key[name]) for name in resource.key for _ in range(2)]


def _escaped(name: str) -> str:
    """A name inside an RFC 6901 pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _answered_before(connection: apsw.Connection, order: Mutation) -> WriteResult | None:
    found = connection.execute(
        f"SELECT digest, reply FROM {REQUESTS} WHERE user = ? AND key = ?", (order.user, order.idempotency_key)
    ).fetchone()
    if found is None:
        return None
    if found[0] != order.digest:
        raise Refused("conflict", "this key stands for another request", pointer="/key")
    return msgspec.json.decode(found[1], type=WriteResult)


def _remember(connection: apsw.Connection, order: Mutation, result: WriteResult) -> None:
    connection.execute(
        f"INSERT INTO {REQUESTS} (user, key, digest, reply, time) VALUES (?, ?, ?, ?, ?)",
        (
            order.user,
            order.idempotency_key,
            order.digest,
            msgspec.json.encode(result).decode(),
            int(time.time() * 1000),
        ),
    )
