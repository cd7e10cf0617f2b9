"""The change log's tables and triggers that a database lacks, as steps.

Invariant: where a trigger was missing, the log may lack changes, and the migration makes subscribers of the table read
its rows again.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from functools import partial

from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.epochs import fresh_epoch
from tidegate.store.migration.plan import Step
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import (
    ASIDE,
    LOG,
    META,
    NOW_MS,
    SERVED,
    TABLES,
    logged_columns,
    triggers,
    up_to_date,
)
from tidegate.store.sqlite.replaced_rows import by_unnamed_indexes
from tidegate.store.sqlite.room_tables import ROOM_TABLES

DROP_TRIGGER = "DROP TRIGGER IF EXISTS "


def log_steps(database: APSWDatabase, *, rooms: bool) -> list[Step]:
    """Steps that create the tables of the change log, and give the log its epoch. `rooms`: durable ones have theirs."""
    existing = set(database.get_tables())
    steps = [
        Step(
            f"create table {name}",
            "Tidegate keeps its own data there",
            partial(database.execute_sql, sql),
            independent=True,
        )
        for name, sql in TABLES.items()
        if name not in existing
    ]
    if META not in existing or not database.execute_sql(f"SELECT 1 FROM {META} WHERE name = 'epoch'").fetchone():
        steps.append(Step("give the change log an epoch", "positions belong to one", partial(_first_values, database)))
    if rooms:
        steps += [
            Step(f"create table {name}", "messages of durable rooms are there", partial(_execute, database, statements))
            for name, statements in ROOM_TABLES.items()
            if name not in existing
        ]
    return steps


def _execute(database: APSWDatabase, statements: Sequence[str]) -> None:
    for sql in statements:
        database.execute_sql(sql)


def _first_values(database: APSWDatabase) -> None:
    values = {"epoch": fresh_epoch(), "identity_secret": secrets.token_hex(32), "pruned_to": 0, "revoked": ""}
    for name, value in values.items():
        database.execute_sql(f"INSERT INTO {META} (name, value) VALUES (?, ?)", (name, value))  # our name


def begin_epoch(database: APSWDatabase) -> None:
    """Give the change log a new epoch, if there is a log. No client has a position of the new epoch yet."""
    if META in database.get_tables():
        database.execute_sql(f"UPDATE {META} SET value = ? WHERE name = 'epoch'", (fresh_epoch(),))  # our name
        database.execute_sql(f"DELETE FROM {META} WHERE name = '{SERVED}'")


def installed_triggers(database: APSWDatabase) -> dict[str, tuple[str, str]]:
    """Tidegate's triggers in the database, by name: the table and the SQL of each."""
    sql = (
        "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' AND name LIKE 'tidegate\\_%' ESCAPE '\\'"
    )
    return {name: (table, text) for name, table, text in database.execute_sql(sql).fetchall()}


def trigger_steps(database: APSWDatabase, resources: Mapping[str, Resource], *, serving: bool = False) -> list[Step]:
    """Steps for triggers that are missing, that read otherwise, or that belong to a resource's former name.

    `serving`: triggers that log more columns than these resources have are good enough.
    """
    installed, tables = installed_triggers(database), {resource.table for resource in resources.values()}
    replacing = {resource.table: by_unnamed_indexes(database, resource) for resource in resources.values()}
    wanted = {
        name: (resource, sql)
        for resource in resources.values()
        for name, sql in triggers(resource, replacing[resource.table]).items()
    }
    good = {name for name, (_, sql) in wanted.items() if name in installed and installed[name][1] == sql}
    if serving:
        texts = {name: sql for name, (_, sql) in installed.items()}
        good = {
            name for resource in resources.values() for name in up_to_date(texts, resource, replacing[resource.table])
        }
    steps = [
        Step(
            f"remove trigger {name}",
            f"no resource of that name is in {table}",
            partial(database.execute_sql, f"DROP TRIGGER {quoted(name)}"),
            independent=True,
        )
        for name, (table, _) in installed.items()
        if table in tables and name not in wanted
    ]
    for name, (resource, sql) in wanted.items():
        if name not in good:
            steps.append(
                Step(
                    f"install trigger {name}",
                    "it reads otherwise" if name in installed else "it is missing",
                    partial(
                        _install, database, resource, name, sql, missed=_missed(installed.get(name, ("", ""))[1], sql)
                    ),
                    independent=True,
                )
            )
    return steps


def _install(database: APSWDatabase, resource: Resource, name: str, sql: str, *, missed: bool) -> None:
    database.execute_sql(f"{DROP_TRIGGER}{quoted(name)}")
    database.execute_sql(sql)
    database.execute_sql(f"DELETE FROM {ASIDE}")  # our name
    if missed:
        _log_reset(database, resource)


def _missed(installed: str, wanted: str) -> bool:
    """Whether the log may lack changes. Where only other columns are logged, it has them all."""
    return not installed or logged_columns(installed) == logged_columns(wanted)


def _log_reset(database: APSWDatabase, resource: Resource) -> None:
    """Make subscribers of this table read its rows again, because the log may lack changes.

    A log that was never served, and a table that is new, have no subscribers yet.
    """
    database.execute_sql(
        f"INSERT INTO {LOG} (time, resource, key, action) SELECT {NOW_MS}, ?1, '{{}}', 'reset' "  # our names
        f"WHERE EXISTS (SELECT 1 FROM {META} WHERE name = '{SERVED}') "
        f"AND (EXISTS (SELECT 1 FROM {quoted(resource.table)}) OR EXISTS (SELECT 1 FROM {LOG} WHERE resource = ?1)) "
        f"AND (SELECT resource || action FROM {LOG} ORDER BY seq DESC LIMIT 1) IS NOT ?1 || 'reset'",
        (resource.name,),
    )
