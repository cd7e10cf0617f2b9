"""One transaction of a gateway's: one order, or a group of them with a savepoint each.

A group is hurried: an order that meets a row which somebody else holds is put back to be done alone, and so is one that
the database undid; the others go on. The numbering lock is taken only when all orders are done, so that nobody ever
waits for a row while holding up all commits. What a program's deferred constraints say is asked after each order, as if
it were alone in its transaction. An order that is refused may be one that another gateway was carrying out: then it has
the answer that was given there.
Invariant: an outcome counts if and only if `carry_out` returned.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress

import psycopg

from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation, Row, WriteResult
from tidegate.store.postgres.changelog import NUMBER_TRIGGER, SCHEMA
from tidegate.store.postgres.connection import LOCK_TIMEOUT_MS, Connection
from tidegate.store.postgres.serving.database_errors import is_broken, verdict
from tidegate.store.postgres.serving.mutations import Answered, Mutations, Violated
from tidegate.store.postgres.serving.reader import one_value

GROUP_S = 0.05
"""How long a group takes orders in. The rows that it changed are locked for as long."""
HURRIED_MS = 50
"""How long one order of a group waits for a row."""

Outcome = WriteResult | Refused
_Outcome = Outcome | list[Row]
"""As long as nothing is committed, the rows that were written have no position."""

# SET CONSTRAINTS goes by name, and says for all of a name that they are deferred: not all may have been.
DEFERRED = f"""SELECT string_agg(DISTINCT format('%I.%I', n.nspname, c.conname), ', '),
  coalesce(bool_and(has_schema_privilege(n.oid, 'USAGE') AND NOT EXISTS (
    SELECT FROM pg_constraint o WHERE o.conname = c.conname AND o.connamespace = n.oid AND NOT o.condeferred)), true)
FROM pg_constraint c JOIN pg_namespace n ON n.oid = c.connamespace
WHERE c.condeferred AND NOT pg_is_other_temp_schema(n.oid)
  AND (n.nspname, c.conname) <> ('{SCHEMA}', '{NUMBER_TRIGGER}')"""


class Transaction:
    """Of one order, or of several that hurry."""

    def __init__(self, orders: Mutations, group: Sequence[Mutation], *, hurried: bool) -> None:
        self.finishing = False
        """All orders are done; what fails now fails for all of them."""
        self.committing = False
        """COMMIT may have been sent: if the connection breaks, nobody knows whether it was done."""
        self._orders = orders
        self.group = group
        self._hurried = hurried

    def carry_out(self, connection: Connection) -> list[Outcome | None]:
        """The outcomes of the first orders, at least one; None: to be done alone.

        A single order that fails raises what it failed with: Refused, Violated. Raises psycopg.Error.
        """
        try:
            return self._carried_out(connection)
        except Refused:
            if (answer := _answered_since(connection, self.group[0])) is None:
                raise
            return [answer]

    def _carried_out(self, connection: Connection) -> list[Outcome | None]:
        try:
            with connection.pipeline() as pipeline:
                try:
                    return self._carry_out(connection, pipeline)
                except (Violated, psycopg.Error):
                    drain(pipeline)
                    raise
        finally:
            if not connection.closed:
                connection.rollback()  # does nothing after COMMIT

    def _carry_out(self, connection: Connection, pipeline: psycopg.Pipeline) -> list[Outcome | None]:
        connection.execute("BEGIN")
        answered = Answered(connection, self.group)
        if len(self.group) == 1:
            outcomes: list[_Outcome | None] = [self._one(connection, answered, self.group[0])]
        else:
            outcomes = self._each(connection, pipeline, answered)
        self.finishing = True
        if self._hurried:
            connection.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
        done = [(order, rows) for order, rows in zip(self.group, outcomes, strict=False) if isinstance(rows, list)]
        head = self._orders.finish(connection, done)
        self.committing = True
        connection.execute("COMMIT")
        pipeline.sync()
        seq = one_value(head)
        return [WriteResult(outcome, seq) if isinstance(outcome, list) else outcome for outcome in outcomes]

    def _one(self, connection: Connection, answered: Answered, order: Mutation) -> WriteResult | list[Row]:
        """What the order was answered before, or the rows that it wrote now. Raises Refused, Violated."""
        return answered.to(order) or self._orders.carry_out(connection, order)

    def _each(self, connection: Connection, pipeline: psycopg.Pipeline, answered: Answered) -> list[_Outcome | None]:
        """What became of the orders of a group, as many as there was time for."""
        constraints = _Constraints(connection)
        outcomes: list[_Outcome | None] = []
        put_back: set[str] = set()
        keys: set[tuple[str, str]] = set()
        until = time.monotonic() + GROUP_S
        for order in self.group:
            outcome: _Outcome | None = None
            # A user's later orders stay behind an earlier one. The same request again is answered from its commit.
            if order.user not in put_back and (order.user, order.idempotency_key) not in keys:
                outcome = self._guarded(connection, pipeline, answered, constraints, order)
            outcomes.append(outcome)
            if outcome is None:
                put_back.add(order.user)
            elif order.idempotency_key is not None:
                keys.add((order.user, order.idempotency_key))
            if time.monotonic() > until or not constraints.alike:
                break
        return outcomes

    def _guarded(
        self,
        connection: Connection,
        pipeline: psycopg.Pipeline,
        answered: Answered,
        constraints: _Constraints,
        order: Mutation,
    ) -> _Outcome | None:
        """One order's outcome; where it is not rows, the order has changed nothing."""
        connection.execute("SAVEPOINT one")
        outcome: _Outcome | None
        try:
            outcome = self._one(connection, answered, order)
            constraints.check(connection, pipeline)
        except (Refused, Violated, psycopg.Error) as failure:
            if not isinstance(failure, Refused):
                if is_broken(failure.error if isinstance(failure, Violated) else failure):
                    raise
                drain(pipeline)
            connection.execute("ROLLBACK TO SAVEPOINT one")
            if isinstance(failure, Refused):
                outcome = _answered_since(connection, order) or failure
            else:
                outcome = self.verdict(connection, failure, order)
        connection.execute("RELEASE SAVEPOINT one")
        return outcome

    def verdict(self, connection: Connection, failure: Violated | psycopg.Error, order: Mutation) -> Refused | None:
        """What it means that this order failed, once it is rolled back; None: it may be done when it is alone."""
        if _answered_since(connection, order) is not None:
            return None
        if isinstance(failure, Violated):
            return verdict(connection, failure.error, failure.place)
        return verdict(connection, failure, self._orders.place(order))


class _Constraints:
    """Those of the tables' owners that are deferred from the start: checked after each order of a group."""

    def __init__(self, connection: Connection) -> None:
        """Asks for them, and does not wait for what it hears."""
        self._query = connection.execute(DEFERRED)
        self._found: tuple[str | None, bool] | None = None

    @property
    def names(self) -> str | None:
        return self._known()[0]

    @property
    def alike(self) -> bool:
        """Whether they can be told from all others by name. If not, nobody can be in a group."""
        return self._known()[1]

    def check(self, connection: Connection, pipeline: psycopg.Pipeline) -> None:
        """Raises psycopg.Error: one of them is violated."""
        if self.names is not None and self.alike:
            connection.execute(f"SET CONSTRAINTS {self.names} IMMEDIATE")
            pipeline.sync()
            connection.execute(f"SET CONSTRAINTS {self.names} DEFERRED")

    def _known(self) -> tuple[str | None, bool]:
        if self._found is None:
            ((names, alike),) = self._query.fetchall()
            self._found = names, alike
        return self._found


def _answered_since(connection: Connection, order: Mutation) -> Outcome | None:
    """What the order's key was answered by now: it was looked up before the order met what is in its way."""
    try:
        return Answered(connection, [order]).to(order)
    except Refused as refused:
        return refused


def drain(pipeline: psycopg.Pipeline) -> None:
    """Let the server hear statements again after one has failed."""
    with suppress(psycopg.Error):
        pipeline.sync()
