"""The rule of a mutation, once for both databases: permission, `if`, what the schema says of a whole row, idempotency.

A `Table` runs the statements, within a transaction that its writer has begun. This module knows no SQL and no kind of
connection.
Invariants: a mutation that returns has done everything it was asked; one that raises has to be rolled back. Permission
and `if` are asked of the row as it stays until the transaction ends. A row that a client wrote satisfies its schema as
it is in the table, with defaults and with what triggers of other programs made of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from tidegate.contract import Resource, RowRules
from tidegate.core.filters.predicate import token
from tidegate.core.rows.ports import Key, Mutation, Row
from tidegate.core.rows.tags import tag
from tidegate.store.serving import refusals
from tidegate.store.serving.mutation_permission import MutationPermission
from tidegate.store.serving.refusals import StatementContext, row_pointer

Connection_contra = TypeVar("Connection_contra", contravariant=True)


NOTHING_FILLED = frozenset[str]()


class Table(Protocol[Connection_contra]):
    """The statements on one table. A context says what the client sent, for what the database refuses."""

    @property
    def resource(self) -> Resource: ...

    @property
    def rules(self) -> RowRules | None:
        """What the schema says of a whole row; None where it says nothing."""

    def whole(self, connection: Connection_contra, key: Key) -> Row | None:
        """The row with this key as it is in the table now, `writeOnly` properties included."""

    def insert(self, connection: Connection_contra, context: StatementContext) -> Row | None:
        """The new row as it is in the table; None where the database ignored the statement."""

    def locked(self, connection: Connection_contra, key: Key) -> Row | None:
        """The row with this key, which no other transaction changes from now on; None where there is none."""

    def update(self, connection: Connection_contra, key: Key, context: StatementContext) -> Row | None:
        """The changed row as it is in the table; None where the database ignored the statement."""

    def delete(self, connection: Connection_contra, key: Key, context: StatementContext) -> bool:
        """Whether rows of the table were deleted or updated, also in columns that the schema does not name."""


def carry_out(
    connection: Connection_contra,
    table: Table[Connection_contra],
    mutation: Mutation,
    check: Callable[[], None] | None = None,
) -> list[Row]:
    """Do `mutation`; returns the rows as they are in the table, of a delete their keys. `check` is called before each.

    Raises Refused, what `check` raises, and whatever `table` raises where the database refuses a statement.
    """
    work = _Work(connection, table, mutation)
    one = _ONE[mutation.kind]
    rows = []
    for number in range(len(mutation.rows) + len(mutation.keys)):
        if check is not None:
            check()
        rows.append(one(work, number))
    return rows


def check_same_request(mutation: Mutation, digest: bytes) -> None:
    """Raises Refused: `digest`, which is kept under the mutation's idempotency key, is that of a different request."""
    if digest != mutation.digest:
        raise refusals.key_used_before()


class _Work(Generic[Connection_contra]):
    """One mutation under way."""

    def __init__(self, connection: Connection_contra, table: Table[Connection_contra], mutation: Mutation) -> None:
        self._connection = connection
        self._table = table
        self._mutation = mutation
        self._permission = MutationPermission(mutation)

    def create(self, number: int) -> Row:
        mutation, table = self._mutation, self._table
        at = row_pointer(mutation, number)
        filled = mutation.filled[number] if mutation.filled else NOTHING_FILLED
        context = StatementContext(table.resource, "create", mutation.rows[number], at, filled)
        return self._written(table.insert(self._connection, context), context)

    def update(self, number: int) -> Row:
        mutation, table = self._mutation, self._table
        before = self._existing(number)
        if not mutation.data:
            return before
        context = StatementContext(table.resource, "update", mutation.data, "/data")
        return self._written(table.update(self._connection, mutation.keys[number], context), context)

    def delete(self, number: int) -> Row:
        mutation, table = self._mutation, self._table
        before, key = self._existing(number), mutation.keys[number]
        context = StatementContext(table.resource, "delete", {}, refusals.key_pointer(mutation, number))
        # A trigger may have done something else in its place, such as to mark the row as deleted.
        if not table.delete(self._connection, key, context) and table.locked(self._connection, key) == before:
            raise refusals.not_written(context)
        return key

    def _existing(self, number: int) -> Row:
        """The row as it is now, which the user may change and which is as `if` expects it."""
        row = self._permission.existing(self._table.locked(self._connection, self._mutation.keys[number]), number)
        for name, value in (self._mutation.expected or {}).items():
            if token(row.get(name)) != token(value):
                raise refusals.not_as_expected(name)
        if self._mutation.tags is not None and tag(row) not in self._mutation.tags:
            raise refusals.not_tagged()
        return row

    def _written(self, row: Row | None, context: StatementContext) -> Row:
        if row is None:
            raise refusals.not_written(context)
        self._permission.written(row, context.at)
        if (rules := self._table.rules) is not None:
            self._check_rules(rules, row, context)
        return row

    def _check_rules(self, rules: RowRules, written: Row, context: StatementContext) -> None:
        """Raises Refused: the row as it is in the table now breaks what its schema says of a whole row."""
        key = {name: written[name] for name in self._table.resource.key}
        row = self._table.whole(self._connection, key)
        if row is not None and (found := rules.violations(row, context.sent, context.at)):
            raise refusals.breaks_rules(found)


_ONE: Mapping[str, Callable[[_Work[Any], int], Row]] = {
    "create": _Work.create,
    "update": _Work.update,
    "delete": _Work.delete,
}
"""What is done for each row, by the kind of the mutation."""
