"""One transaction of a gateway's: one mutation, or a group of mutations with a savepoint each.

A group is hurried: a mutation that meets a row which another transaction holds is put back to be done alone, and so is
one that the database undid; the others go on. The numbering lock is taken only when all mutations are done, so that no
program ever waits for a row while it holds up all commits. The deferred constraints of the tables' owners are checked
after each mutation, as if it were alone in its transaction. Another gateway may have carried out a mutation that is
refused here: then the answer is the one that was given there.
Invariant: an outcome counts if and only if `carry_out` returned.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import suppress

import psycopg
from psycopg import errors

from tidegate.core.errors import Refused, detached
from tidegate.core.rows.ports import Mutation, Row, WriteResult
from tidegate.store.postgres.changelog import NUMBER_TRIGGER, SCHEMA
from tidegate.store.postgres.connection import LOCK_TIMEOUT_MS, Connection
from tidegate.store.postgres.serving.database_errors import StatementFailed, is_broken, verdict
from tidegate.store.postgres.serving.mutations import EarlierAnswers, Mutations
from tidegate.store.postgres.serving.reader import one_value
from tidegate.store.serving import refusals

GROUP_S = 0.05
"""How long a group takes mutations in. The rows that it changed are locked for as long."""
LEAST_MS = 50
"""What a statement gets, however late it is."""
HURRIED_MS = 50
"""How long one mutation of a group waits for a row."""

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
    """Of one mutation, or of several that hurry."""

    def __init__(
        self, mutations: Mutations, group: Sequence[Mutation], *, hurried: bool, until: float = math.inf
    ) -> None:
        """`until`: when the first of the mutations is late, on the clock of `time.monotonic`."""
        self.group = group
        self._until = until
        self.finishing = False
        """All mutations are done; what fails now fails for all of them."""
        self.committing = False
        """COMMIT may have been sent: if the connection breaks now, its outcome is unknown."""
        self._mutations = mutations
        self._hurried = hurried

    def carry_out(self, connection: Connection) -> list[Outcome | None]:
        """The outcomes of the first mutations, at least one; None: to be done alone.

        A single mutation that fails raises what it failed with: Refused, StatementFailed. Raises psycopg.Error.
        """
        try:
            return self._carried_out(connection)
        except Refused:
            if (answer := self._answered_since(connection, self.group[0])) is None:
                raise
            return [answer]

    def _carried_out(self, connection: Connection) -> list[Outcome | None]:
        try:
            with connection.pipeline() as pipeline:
                try:
                    return self._carry_out(connection, pipeline)
                except (StatementFailed, psycopg.Error):
                    drain(pipeline)
                    raise
        finally:
            if not connection.closed:
                connection.rollback()  # does nothing after COMMIT

    def _carry_out(self, connection: Connection, pipeline: psycopg.Pipeline) -> list[Outcome | None]:
        connection.execute("BEGIN")
        if not self._hurried and self._until < math.inf:
            self._limit(connection)
        answers = EarlierAnswers(connection, self._mutations, self.group)
        if len(self.group) == 1:
            outcomes: list[_Outcome | None] = [self._one(connection, answers, self.group[0])]
        else:
            outcomes = self._each(connection, pipeline, answers)
        self.finishing = True
        if self._hurried:
            self._limit(connection)
        done = [(each, rows) for each, rows in zip(self.group, outcomes, strict=False) if isinstance(rows, list)]
        head = self._mutations.finish(connection, done)
        self.committing = True
        connection.execute("COMMIT")
        pipeline.sync()
        seq = one_value(head)
        return [WriteResult(outcome, seq) if isinstance(outcome, list) else outcome for outcome in outcomes]

    def _one(self, connection: Connection, answers: EarlierAnswers, mutation: Mutation) -> WriteResult | list[Row]:
        """What the mutation was answered before, or the rows that it wrote now. Raises Refused, StatementFailed."""
        return answers.to(mutation) or self._mutations.carry_out(connection, mutation, self._check)

    def _check(self) -> None:
        """Raises Refused: a mutation of this transaction is late."""
        if not self._hurried and time.monotonic() > self._until:
            raise refusals.took_too_long()

    def _limit(self, connection: Connection) -> None:
        """Let no statement from here on take longer than the time that is left."""
        left = LOCK_TIMEOUT_MS if self._until == math.inf else math.ceil((self._until - time.monotonic()) * 1000)
        each = (
            f"set_config('{name}', '{max(LEAST_MS, left)}', true)" for name in ("lock_timeout", "statement_timeout")
        )
        connection.execute(f"SELECT {', '.join(each)}")

    def _each(
        self, connection: Connection, pipeline: psycopg.Pipeline, answers: EarlierAnswers
    ) -> list[_Outcome | None]:
        """What became of the mutations of a group, as many as there was time for."""
        constraints = _DeferredConstraints(connection)
        outcomes: list[_Outcome | None] = []
        put_back: set[str] = set()
        keys: set[tuple[str, str]] = set()
        until = time.monotonic() + GROUP_S
        for mutation in self.group:
            outcome: _Outcome | None = None
            # A user's later mutations stay behind an earlier one. A repeated request is answered from the commit of
            # the first.
            if mutation.user not in put_back and (mutation.user, mutation.idempotency_key) not in keys:
                outcome = self._guarded(connection, pipeline, answers, constraints, mutation)
            outcomes.append(outcome)
            if outcome is None:
                put_back.add(mutation.user)
            elif mutation.idempotency_key is not None:
                keys.add((mutation.user, mutation.idempotency_key))
            if time.monotonic() > until or not constraints.distinct:
                break
        return outcomes

    def _guarded(
        self,
        connection: Connection,
        pipeline: psycopg.Pipeline,
        answers: EarlierAnswers,
        constraints: _DeferredConstraints,
        mutation: Mutation,
    ) -> _Outcome | None:
        """One mutation's outcome; where it is not rows, the mutation has changed nothing."""
        connection.execute("SAVEPOINT one")
        outcome: _Outcome | None
        try:
            outcome = self._one(connection, answers, mutation)
            constraints.check(connection, pipeline)
        except (Refused, StatementFailed, psycopg.Error) as failure:
            if not isinstance(failure, Refused):
                if is_broken(failure.error if isinstance(failure, StatementFailed) else failure):
                    raise
                drain(pipeline)
            connection.execute("ROLLBACK TO SAVEPOINT one")
            if _canceled(failure):
                outcome = None  # alone, it has more time
            elif isinstance(failure, Refused):
                outcome = self._answered_since(connection, mutation) or failure
            else:
                outcome = self.verdict(connection, failure, mutation)
        connection.execute("RELEASE SAVEPOINT one")
        return outcome

    def verdict(
        self, connection: Connection, failure: StatementFailed | psycopg.Error, mutation: Mutation
    ) -> Refused | None:
        """What it means that this mutation failed, once it is rolled back; None: it may succeed when it is alone."""
        if isinstance(failure, StatementFailed):
            error, context = failure.error, failure.context
        else:
            error, context = failure, self._mutations.context(mutation)
        try:
            return (
                None if self._answered_since(connection, mutation) is not None else verdict(connection, error, context)
            )
        finally:
            detached(error)  # frames of psycopg keep it

    def _answered_since(self, connection: Connection, mutation: Mutation) -> Outcome | None:
        """What the mutation's key was answered by now: it was looked up before the mutation met what is in its way."""
        try:
            return EarlierAnswers(connection, self._mutations, [mutation]).to(mutation)
        except Refused as refused:
            return refused


class _DeferredConstraints:
    """The deferred constraints of the tables' owners. Each mutation of a group is checked against them."""

    def __init__(self, connection: Connection) -> None:
        """Asks for them, and does not wait for the answer."""
        self._query = connection.execute(DEFERRED)
        self._found: tuple[str | None, bool] | None = None

    @property
    def names(self) -> str | None:
        return self._known()[0]

    @property
    def distinct(self) -> bool:
        """Whether their names tell them from all other constraints. If not, each mutation has to be alone."""
        return self._known()[1]

    def check(self, connection: Connection, pipeline: psycopg.Pipeline) -> None:
        """Raises psycopg.Error: one of them is violated."""
        if self.names is not None and self.distinct:
            connection.execute(f"SET CONSTRAINTS {self.names} IMMEDIATE")
            pipeline.sync()
            connection.execute(f"SET CONSTRAINTS {self.names} DEFERRED")

    def _known(self) -> tuple[str | None, bool]:
        if self._found is None:
            ((names, distinct),) = self._query.fetchall()
            self._found = names, distinct
        return self._found


def _canceled(failure: Exception) -> bool:
    """Whether the statement took longer than a group's may."""
    return isinstance(failure.error if isinstance(failure, StatementFailed) else failure, errors.QueryCanceled)


def drain(pipeline: psycopg.Pipeline) -> None:
    """Let the server accept statements again after one has failed."""
    with suppress(psycopg.Error):
        pipeline.sync()
