"""What a database lacks of the change log's triggers, as steps.

Invariant: where a trigger was missing, changes may have passed unseen, and clients that have rows of the table are told
to read them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from playhouse.apsw_ext import APSWDatabase

from tidegate.contract import Resource
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.changelog import ASIDE, LOG, META, NOW_MS, SERVED, triggers
from tidegate.store.sqlite.migration import manual
from tidegate.store.sqlite.migration.plan import Step
from tidegate.store.sqlite.replaced_rows import by_unnamed_indexes

DROP_TRIGGER = "DROP TRIGGER IF EXISTS "


def trigger_steps(database: APSWDatabase, resources: Mapping[str, Resource]) -> list[Step]:
    """Triggers that are not there, read otherwise than they should, or belong to a resource's former name."""
    found, tables = manual.installed(database), {resource.table for resource in resources.values()}
    wanted = {
        name: (resource, sql)
        for resource in resources.values()
        for name, sql in triggers(resource, by_unnamed_indexes(database, resource)).items()
    }
    steps = [
        Step(
            f"remove trigger {name}",
            f"no resource of that name is in {table}",
            partial(database.execute_sql, f"DROP TRIGGER {quoted(name)}"),
            apart=True,
        )
        for name, (table, _) in found.items()
        if table in tables and name not in wanted
    ]
    for name, (resource, sql) in wanted.items():
        if name not in found or found[name][1] != sql:
            steps.append(
                Step(
                    f"install trigger {name}",
                    "it reads otherwise" if name in found else "it is missing",
                    partial(_install, database, resource, name, sql, missing=name not in found),
                    apart=True,
                )
            )
    return steps


def _install(database: APSWDatabase, resource: Resource, name: str, sql: str, *, missing: bool) -> None:
    database.execute_sql(f"{DROP_TRIGGER}{quoted(name)}")
    database.execute_sql(sql)
    database.execute_sql(f"DELETE FROM {ASIDE}")  # our name
    if missing:
        _tell_anew(database, resource)


def _tell_anew(database: APSWDatabase, resource: Resource) -> None:
    """Make subscribers of this table read its rows again, because the triggers may have missed changes.

    A log that was never served, and a table that is new, have no subscribers yet.
    """
    database.execute_sql(
        f"INSERT INTO {LOG} (time, resource, key, action) SELECT {NOW_MS}, ?1, '{{}}', 'reset' "  # our names
        f"WHERE EXISTS (SELECT 1 FROM {META} WHERE name = '{SERVED}') "
        f"AND (EXISTS (SELECT 1 FROM {quoted(resource.table)}) OR EXISTS (SELECT 1 FROM {LOG} WHERE resource = ?1)) "
        f"AND (SELECT resource || action FROM {LOG} ORDER BY seq DESC LIMIT 1) IS NOT ?1 || 'reset'",
        (resource.name,),
    )
