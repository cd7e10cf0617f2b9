"""One step of a migration of PostgreSQL: what it is called, why it is done, its SQL, and what rows must keep for it.

Invariant: a step that fails because of rows says which.
"""

from __future__ import annotations

from typing import NamedTuple

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.store.migration.row_checks import Rule, check_rows
from tidegate.store.postgres.connection import Connection

_OF_ROWS = (errors.CheckViolation, errors.NotNullViolation, errors.UniqueViolation, errors.ForeignKeyViolation)


class Demand(NamedTuple):
    """What every row of a table is to keep, and what to type where some do not."""

    resource: Resource
    rule: Rule
    advice: str


class Statement(NamedTuple):
    """One thing to do."""

    name: str
    why: str
    statements: tuple[str, ...]
    demand: Demand | None = None

    def __str__(self) -> str:
        return f"{self.name}: {self.why}"

    def run(self, connection: Connection) -> None:
        """Raises psycopg.Error, and StoreError that tells of rows in the way."""
        connection.execute("SAVEPOINT step")
        try:
            for sql in self.statements:
                connection.execute(sql)
        except psycopg.Error as error:
            connection.execute("ROLLBACK TO SAVEPOINT step")
            if self.demand is not None and isinstance(error, _OF_ROWS):
                resource, rule, advice = self.demand
                check_rows(lambda sql: connection.execute(sql).fetchall(), resource, [rule], advice)
            raise
        connection.execute("RELEASE SAVEPOINT step")
