"""Sample rows for PostgreSQL tables that have no rows.

Invariant: a table that has a row is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation
from tidegate.store.errors import StoreError
from tidegate.store.postgres.connection import Connection, opened
from tidegate.store.postgres.home import here
from tidegate.store.postgres.serving.database_errors import StatementFailed, raise_counter, refusal
from tidegate.store.postgres.serving.mutations import Mutations
from tidegate.store.seed_rows import SampleRows, fitting, misfit
from tidegate.store.sql.names import quoted


def seed(url: str, resources: Mapping[str, Resource], rows: SampleRows) -> dict[str, int]:
    """Put `rows` into the tables of their resources that are empty, or into none; returns how many went into each.

    Dates and the like go in in their canonical spelling. Raises StoreError for rows that do not fit.
    """
    rows = fitting(resources, rows)
    counts: dict[str, int] = {}
    name = ""
    with opened(url) as connection:
        try:
            with connection.transaction():
                for name in [name for name in rows if _is_empty(connection, resources[name])]:
                    counts[name] = _put(connection, resources, name, rows[name])
        except StatementFailed as failed:
            raise misfit(name, refusal(connection, failed.error, failed.context)) from None
        except Refused as refused:
            raise misfit(name, refused) from None
        except psycopg.Error as error:
            raise StoreError(f"sample rows: /{name}: {str(error).strip()}") from None
    return counts


def _put(
    connection: Connection, resources: Mapping[str, Resource], name: str, rows: Sequence[Mapping[str, Any]]
) -> int:
    mutation = Mutation(kind="create", resource=name, rows=tuple(map(dict, rows)), user="seed", array=True)
    connection.execute("SET CONSTRAINTS ALL DEFERRED")  # until `finish`, which makes them immediate
    mutations = Mutations(resources, here(connection))
    written = mutations.carry_out(connection, mutation)
    mutations.finish(connection, [])
    if resources[name].has_automatic_key:
        raise_counter(connection, resources[name])
    return len(written)


def _is_empty(connection: Connection, resource: Resource) -> bool:
    return not connection.execute(f"SELECT 1 FROM {quoted(resource.table)} LIMIT 1").fetchall()
