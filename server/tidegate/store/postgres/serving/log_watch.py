"""Sees that a migration with another schema took columns out of the change log that this gateway's schema names.

A gateway that is served already reads images without the columns from then on, and its copies of the rows are wrong.
It reads the records that migrations leave, through a connection of its caller.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from tidegate.contract import Resource
from tidegate.store.postgres import home, log_record
from tidegate.store.postgres.changelog import digest, functions, log_function
from tidegate.store.postgres.connection import Connection

log = logging.getLogger("tidegate.store")

LACKS = (
    "does not log %s any more: it was migrated with another schema, and clients of this gateway do not get these "
    "values; restart the gateway with that schema, or type: tidegate migrate"
)


class LogWatch:
    """Of the resources of one gateway."""

    def __init__(self, name: str, resources: Mapping[str, Resource]) -> None:
        """`name`: the database, for the log."""
        self.incomplete: frozenset[str] = frozenset()
        """The resources of which the log does not have all columns."""
        self._name = name
        self._resources = resources
        self._looked_at: dict[str, log_record.LogRecord] = {}

    def look(self, connection: Connection) -> None:
        """Look if a record changed, and log what is new. Raises psycopg.Error."""
        records = log_record.read_all(connection, self._resources)
        if records == self._looked_at:
            return
        schema = home.here(connection)
        bodies = functions(dict(self._resources), schema)
        lost: dict[str, list[str]] = {}
        for name, record in records.items():
            resource = self._resources[name]
            if record.digest != digest(bodies[log_function(resource)]):
                missing = record.missing(log_record.parts_of(resource, schema))
                if missing:
                    lost[name] = [f"{name}.{column}" for column in missing]
        self._looked_at = records
        for name in sorted(lost.keys() - self.incomplete):
            log.error(f"the database %s {LACKS}", self._name, ", ".join(lost[name]))
        self.incomplete = frozenset(lost)
