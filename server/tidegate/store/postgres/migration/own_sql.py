"""Runs the owner's SQL files on PostgreSQL, and records in META which ran."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tidegate.store.migration.own_sql import SqlFile, sql_files, sql_steps
from tidegate.store.migration.plan import Step
from tidegate.store.postgres.changelog import META
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration.step import sql_step
from tidegate.store.sql.names import literal

PREFIX = "sql "
"""The name of a record in META is this prefix and the file's name."""


def own_sql_steps(connection: Connection, folder: Path | None, done: Sequence[str]) -> list[Step]:
    """`folder`: that of the manual migrations. `done`: the steps that this migration has taken. Raises StoreError."""
    files = sql_files(folder, "postgres")
    if not files:
        return []
    recorded = {}
    if connection.execute("SELECT to_regclass($1)", [META]).fetchall() != [(None,)]:
        found = connection.execute(f"SELECT name, value FROM {META} WHERE starts_with(name, $1)", [PREFIX])
        recorded = {name.removeprefix(PREFIX): digest for name, digest in found.fetchall()}
    existing = {name for (name,) in connection.execute("SELECT tgname::text FROM pg_trigger WHERE NOT tgisinternal")}

    def step(file: SqlFile, name: str, why: str) -> Step:
        record = (
            f"INSERT INTO {META} (name, value) VALUES ({literal(PREFIX + file.name)}, {literal(file.digest)}) "
            "ON CONFLICT (name) DO UPDATE SET value = excluded.value"
        )
        return sql_step(connection, name, why, [file.text, record], independent=False)

    return sql_steps(files, recorded, existing, done, step)
