"""Sample rows for SQLite tables that have no rows.

Invariant: a table that has a row is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation
from tidegate.store.seed_rows import SampleRows, fitting, misfit
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.connection import connect, sqlite_path
from tidegate.store.sqlite.serving.mutations import Mutations


def seed(url: str, resources: Mapping[str, Resource], rows: SampleRows) -> dict[str, int]:
    """Put `rows` into the tables of their resources that are empty, or into none; returns how many went into each.

    Dates and the like go in in their canonical spelling. Raises StoreError for rows that do not fit.
    """
    rows = fitting(resources, rows)
    connection = connect(sqlite_path(url), quoted_text=True)
    mutations, counts = Mutations(resources), {}
    try:
        with connection:
            empty = [
                name
                for name in rows
                if not connection.execute(f"SELECT 1 FROM {quoted(resources[name].table)} LIMIT 1").fetchall()
            ]
            for name in empty:
                mutation = Mutation(
                    kind="create", resource=name, rows=tuple(map(dict, rows[name])), user="seed", array=True
                )
                try:
                    counts[name] = len(mutations.carry_out(connection.cursor(), mutation).rows)
                except Refused as refused:
                    raise misfit(name, refused) from None
    finally:
        connection.close()
    return counts
