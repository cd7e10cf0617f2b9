"""Runs the owner's SQL files on SQLite, and records in META which ran.

Invariant: a file is a part of the migration's one transaction and cannot end it.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apsw
from playhouse.apsw_ext import APSWDatabase

from tidegate.store.errors import StoreError
from tidegate.store.migration.own_sql import SqlFile, sql_files, sql_steps
from tidegate.store.migration.plan import Step
from tidegate.store.sqlite.changelog import META

PREFIX = "sql:"
"""The name of a record in META is this prefix and the file's name."""


def own_sql_steps(database: APSWDatabase, folder: Path | None, done: Sequence[str]) -> list[Step]:
    """`folder`: that of the manual migrations. `done`: the steps that this migration has taken. Raises StoreError."""
    files = sql_files(folder, "sqlite")
    if not files:
        return []
    recorded = {}
    if META in database.get_tables():
        found = database.execute_sql(
            f"SELECT name, value FROM {META} WHERE substr(name, 1, ?) = ?", (len(PREFIX), PREFIX)
        )
        recorded = {name.removeprefix(PREFIX): digest for name, digest in found.fetchall()}
    triggers = database.execute_sql("SELECT lower(name), name FROM sqlite_master WHERE type = 'trigger'").fetchall()
    existing = {name for names in triggers for name in names}

    def step(file: SqlFile, name: str, why: str) -> Step:
        return Step(name, why, partial(_run, database, file))

    return sql_steps(files, recorded, existing, done, step)


def _run(database: APSWDatabase, file: SqlFile) -> None:
    """Raises StoreError."""
    connection = database.connection()
    connection.authorizer = _no_transactions
    try:
        connection.execute(file.text).fetchall()
    except apsw.Error as error:
        raise StoreError(f"sql/{file.name} failed and nothing was changed: {error}") from error
    finally:
        connection.authorizer = None
    sql = f"INSERT INTO {META} (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value"
    database.execute_sql(sql, (PREFIX + file.name, file.digest))


def _no_transactions(action: int, *_: Any) -> int:
    return apsw.SQLITE_DENY if action == apsw.SQLITE_TRANSACTION else apsw.SQLITE_OK
