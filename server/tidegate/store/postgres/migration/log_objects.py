"""What a database lacks of the change log: trigger functions and triggers, read from PostgreSQL's catalogue.

Invariant: where a trigger was missing, changes may have passed unseen, and who has rows of the table is told to read
them anew.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from tidegate.contract import Resource
from tidegate.store.postgres.changelog import (
    COMMITS,
    CREATE_NUMBER_TRIGGER,
    NUMBER,
    NUMBER_TRIGGER,
    create_function,
    digest,
    functions,
    log_function,
    reset,
    triggers,
)
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.migration.step import Statement
from tidegate.store.sql.names import quoted


def log_steps(connection: Connection, resources: dict[str, Resource], done: Collection[str]) -> list[Statement]:
    """What is not there, or not as it should be. `done`: steps of this migration until now."""
    found, new = [], set()
    for name, body in functions(resources).items():
        rows = connection.execute("SELECT obj_description(to_regprocedure($1), 'pg_proc')", [f"{name}()"]).fetchall()
        install = f"install function {name}"
        if rows[0][0] is None or install in done:
            new.add(name)
        if rows[0][0] != digest(body):
            label, why = (
                (install, "it is missing") if name in new else (f"replace function {name}", "it reads otherwise")
            )
            found.append(Statement(label, why, tuple(create_function(name, body))))
    followed = [resource for resource in resources.values() if log_function(resource) not in new]
    found += _trigger(connection, COMMITS, NUMBER_TRIGGER, NUMBER, CREATE_NUMBER_TRIGGER, followed)
    for resource in resources.values():
        missed = [resource] if resource in followed else []
        for name, sql in triggers(resource).items():
            found += _trigger(connection, quoted(resource.table), name, log_function(resource), sql, missed)
    return found


def _trigger(
    connection: Connection, table: str, name: str, function: str, sql: str, missed: list[Resource]
) -> Iterator[Statement]:
    """The step that brings a trigger to where it should be. `missed`: whose changes nobody told while it was away."""
    state = connection.execute(
        "SELECT tgenabled, tgfoid = to_regprocedure($3) FROM pg_trigger "
        "WHERE tgrelid = to_regclass($1) AND tgname = $2",
        [table, name, f"{function}()"],
    ).fetchall()
    if state == [("A", True)]:
        return
    # ALWAYS: a writer may not turn it off with session_replication_role, as tools that copy tables do.
    always = f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quoted(name)}"
    why, statements = "it is missing", [sql, always]
    if state:
        why, statements = "it was turned off", [always]
    if state and not state[0][1]:
        why, statements = "it calls another function", [f"DROP TRIGGER {quoted(name)} ON {table}", sql, always]
    yield Statement(f"install trigger {name} on {table}", why, (*statements, *(reset(missed) if missed else [])))
