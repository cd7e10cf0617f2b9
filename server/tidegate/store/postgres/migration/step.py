"""A step of a PostgreSQL migration: SQL, and the rule that rows must keep for it.

Invariant: a step that fails because of rows fails with an error that names the rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.store.migration.plan import Step
from tidegate.store.migration.row_checks import Rule, check_rows
from tidegate.store.postgres.connection import Connection

_ROWS_IN_THE_WAY = (
    errors.CheckViolation,
    errors.NotNullViolation,
    errors.UniqueViolation,
    errors.ForeignKeyViolation,
)

_AND = "\n;\n"
"""Between two statements. SQL of the owner may end in a comment."""


class Demand(NamedTuple):
    """A rule that every row of a table must keep, and how to write a manual migration where rows break it."""

    resource: Resource
    rule: Rule
    advice: str


def sql_step(
    connection: Connection,
    name: str,
    why: str,
    statements: Sequence[str],
    demand: Demand | None = None,
    *,
    locks: Mapping[str, str] | None = None,
    independent: bool = True,
) -> Step:
    """A step that runs `statements`. `locks`: which tables they lock, and how.

    Nearly all steps are independent: the catalogue, from which the other steps were planned, differs afterwards only in
    what this step was for.
    """
    return Step(
        name,
        why,
        partial(_run, connection, statements, demand),
        statements=tuple(statements),
        locks=locks or {},
        independent=independent,
    )


def _run(connection: Connection, statements: Sequence[str], demand: Demand | None) -> None:
    """Raises psycopg.Error, and NeedsManualMigration for rows that break the rule."""
    if demand is None:
        # In one message, and without a savepoint: hundreds of them, in a transaction with many locks, take seconds.
        connection.execute(_AND.join(statements))
        return
    try:
        connection.execute(_AND.join(["SAVEPOINT step", *statements, "RELEASE SAVEPOINT step"]))
    except psycopg.Error as error:
        connection.execute("ROLLBACK TO SAVEPOINT step")
        if isinstance(error, _ROWS_IN_THE_WAY):
            resource, rule, advice = demand
            check_rows(lambda sql: connection.execute(sql).fetchall(), resource, [rule], advice)
        raise
