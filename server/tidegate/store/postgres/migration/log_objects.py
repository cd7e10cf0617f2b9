"""The change log's relations, trigger functions and triggers that a database lacks, as steps.

Invariant: where a trigger was missing, the log may lack changes, and the migration makes subscribers of the table read
its rows again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from tidegate.contract import Resource
from tidegate.store.epochs import fresh_epoch
from tidegate.store.migration.plan import RUN, Step
from tidegate.store.postgres import home, log_record
from tidegate.store.postgres.catalogue import column_names
from tidegate.store.postgres.changelog import (
    COMMITS,
    CREATE_NUMBER_ONE_TRIGGER,
    CREATE_NUMBER_TRIGGER,
    LOG,
    META,
    NEWEST,
    NUMBER,
    NUMBER_ONE,
    NUMBER_ONE_TRIGGER,
    NUMBER_TRIGGER,
    PENDING,
    RELATIONS,
    SCHEMA,
    SEQ,
    create_function,
    digest,
    functions,
    log_function,
    reset,
    triggers,
)
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.conversions import conversions
from tidegate.store.postgres.migration import former_log
from tidegate.store.postgres.migration.locks import EXCLUSIVE, WRITES
from tidegate.store.postgres.migration.step import sql_step
from tidegate.store.postgres.room_tables import ROOM_TABLES
from tidegate.store.postgres.serving import table_shapes
from tidegate.store.postgres.serving.epoch import place
from tidegate.store.sql.names import quoted

OWN_DATA = "Tidegate keeps its own data there"


def log_steps(connection: Connection, *, rooms: bool) -> list[Step]:
    """Steps that create the schema and the relations of the change log, and give the log its epoch. `rooms`: those of
    durable rooms, too.
    """
    found = []
    if not connection.execute("SELECT to_regnamespace($1)", [SCHEMA]).fetchall()[0][0]:
        found.append(sql_step(connection, f"create schema {SCHEMA}", OWN_DATA, [f"CREATE SCHEMA {SCHEMA}"]))
    missing = _missing(connection, [*RELATIONS, *(ROOM_TABLES if rooms else ())])
    of_rooms, missing = (
        [name for name in missing if name in ROOM_TABLES],
        [name for name in missing if name in RELATIONS],
    )
    # The last one is not independent: the place, which comes with the epoch, has the number of the log.
    found += [
        sql_step(connection, f"create {name}", OWN_DATA, [RELATIONS[name]], independent=name != missing[-1])
        for name in missing
    ]
    if LOG not in missing:
        found += former_log.upgrade_steps(connection)
        ((behind,),) = connection.execute(f"SELECT max(seq) > {NEWEST} FROM {LOG}").fetchall()
        if behind:  # a part of a backup was restored: a number that was given must not be given again
            go_on = f"SELECT setval('{SEQ}', max(seq)) FROM {LOG}"
            found.append(sql_step(connection, f"set {SEQ}", "the change log has larger numbers", [go_on]))
    if META in missing or not connection.execute(f"SELECT 1 FROM {META} WHERE name = 'epoch'").fetchall():
        values = {"epoch": fresh_epoch(), "identity_secret": secrets.token_hex(32), "pruned_to": "0", "revoked": ""}
        values |= {"place": place(connection), table_shapes.ENTRY: "{}"}
        rows = ", ".join(f"('{name}', '{value}')" for name, value in values.items())
        sql = f"INSERT INTO {META} (name, value) VALUES {rows}"
        found.append(sql_step(connection, "give the change log an epoch", "positions belong to one", [sql]))
    found += [
        sql_step(connection, f"create {name}", "messages of durable rooms are there", statements)
        for name, statements in ROOM_TABLES.items()
        if name in of_rooms
    ]
    return found


def _missing(connection: Connection, relations: Sequence[str]) -> list[str]:
    """Those that do not exist, in their order."""
    found = connection.execute(
        "SELECT name FROM unnest($1::text[]) WITH ORDINALITY wanted (name, place) WHERE to_regclass(name) IS NULL "
        "ORDER BY place",
        [list(relations)],
    )
    return [name for (name,) in found]


def home_steps(connection: Connection, resources: Mapping[str, Resource]) -> list[Step]:
    """The step that records the schema of the tables. Its name may have changed, which no trigger has heard."""
    now, before = home.here(connection), home.recorded(connection)
    if before == now:
        return []
    why = "the change log follows the tables there" if before is None else f"the schema {before} is gone"
    resets = [] if before is None else reset(resources.values())
    return [sql_step(connection, f"note schema {now}", why, [home.record(now), *resets])]


def begin_epoch(connection: Connection) -> None:
    """Give the change log a new epoch."""
    connection.execute(f"UPDATE {META} SET value = $1 WHERE name = 'epoch'", [fresh_epoch()])


def trigger_steps(
    connection: Connection, resources: Mapping[str, Resource], done: Sequence[str], *, serving: bool = False
) -> list[Step]:
    """Steps for functions and triggers that are missing or differ. `done`: the steps that this migration has taken.

    `serving`: functions that log more columns than the schema names are good enough.
    """
    found, new = [*_conversion_steps(connection)], set()
    of_resource = {log_function(resource): resource for resource in resources.values()}
    schema = home.here(connection)
    bodies = functions(dict(resources), schema)
    comments = _comments(connection, [f"{name}()" for name in bodies])
    for name, body in bodies.items():
        comment = comments[f"{name}()"]
        install = f"install function {name}"
        if comment is None or install in done:
            new.add(name)
        if comment == digest(body):
            continue
        statements, label, why = create_function(name, body), install, "it is missing"
        if (resource := of_resource.get(name)) is not None:
            before = log_record.read(connection, resource)
            if name not in new and _logs_more(connection, resource, before, comment, done, serving=serving):
                continue
            statements.append(log_record.record(resource, schema, digest(body), before))
            if before is not None and name not in new and _lacked(connection, schema, resource, before):
                statements += reset([resource])
        if name not in new:
            label, why = f"replace function {name}", "it reads otherwise"
        found.append(sql_step(connection, label, why, statements))
    logged = [resource for resource in resources.values() if log_function(resource) not in new]
    wanted = [
        _Trigger(COMMITS, NUMBER_TRIGGER, NUMBER, CREATE_NUMBER_TRIGGER, logged),
        _Trigger(
            PENDING, NUMBER_ONE_TRIGGER, NUMBER_ONE, CREATE_NUMBER_ONE_TRIGGER, [] if NUMBER_ONE in new else logged
        ),
    ]
    for resource in resources.values():
        missed = [resource] if resource in logged else []
        for name, sql in triggers(resource).items():
            wanted.append(_Trigger(quoted(resource.table), name, log_function(resource), sql, missed, resource.table))
    states = _states(connection, wanted)
    return found + [step for each in wanted for step in _trigger_step(connection, each, states.get(each[:2]))]


def _comments(connection: Connection, signatures: Sequence[str]) -> dict[str, str | None]:
    """The comments of functions, by signature; None without a comment, and without such a function."""
    found = connection.execute(
        "SELECT signature, obj_description(to_regprocedure(signature), 'pg_proc') FROM unnest($1::text[]) wanted "
        "(signature)",
        [list(signatures)],
    )
    return dict(found.fetchall())


def _conversion_steps(connection: Connection) -> Iterator[Step]:
    wanted = conversions()
    there = _comments(connection, list(wanted))
    for signature, (comment, statements) in wanted.items():
        if there[signature] != comment:
            yield sql_step(connection, f"install function {signature}", "filters need it", statements)


def _lacked(connection: Connection, schema: str, resource: Resource, record: log_record.LogRecord) -> bool:
    """Whether the log lacks values of columns that were there: a migration with another schema had taken them out."""
    missing = record.missing(log_record.parts_of(resource, schema))
    return not column_names(connection, schema, resource.table).isdisjoint(missing)


def _logs_more(
    connection: Connection,
    resource: Resource,
    record: log_record.LogRecord | None,
    comment: str | None,
    done: Sequence[str],
    *,
    serving: bool,
) -> bool:
    """Whether the function logs all that the resource needs, and columns that a newer schema names.

    A migration leaves such a function only to a schema that the database had before: a gateway that was rolled back, or
    is not updated yet, must not take a column from the log that updated gateways need. A manual migration may have
    changed the columns.
    """
    if record is None or record.digest != comment or any(step.startswith(RUN) for step in done):
        return False
    schema = home.here(connection)
    parts = log_record.parts_of(resource, schema)
    return (serving or record.had(parts)) and record.covers(parts, column_names(connection, schema, resource.table))


class _Trigger(NamedTuple):
    """A trigger that a database needs."""

    table: str
    """As SQL."""
    name: str
    function: str
    sql: str
    missed: list[Resource]
    """The resources of which the log may lack changes without it."""
    own: str | None = None
    """The table of the resource that it is there for."""


def _states(connection: Connection, wanted: Sequence[_Trigger]) -> dict[tuple[str, str], tuple[str, bool]]:
    """Of those that exist, by table and name: when they are on (tgenabled), and whether they call their function."""
    found = connection.execute(
        "SELECT wanted.on_table, wanted.name, tgenabled, tgfoid = to_regprocedure(wanted.function) "
        "FROM unnest($1::text[], $2::text[], $3::text[]) wanted (on_table, name, function) "
        "JOIN pg_trigger ON tgrelid = to_regclass(wanted.on_table) AND tgname = wanted.name",
        [[each.table for each in wanted], [each.name for each in wanted], [f"{each.function}()" for each in wanted]],
    )
    return {(table, name): (enabled, calls) for table, name, enabled, calls in found}


def _trigger_step(connection: Connection, wanted: _Trigger, state: tuple[str, bool] | None) -> Iterator[Step]:
    """The step for one trigger. `state`: None where there is none."""
    table, name, _, sql, missed, own = wanted
    if state == ("A", True):
        return
    # ALWAYS: a writer may not turn it off with session_replication_role, as tools that copy tables do.
    always = f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {quoted(name)}"
    why, statements, mode = "it is missing", [sql, always], WRITES
    if state:
        why, statements = "it was turned off", [always]
    if state and not state[1]:
        why, statements = "it calls another function", [f"DROP TRIGGER {quoted(name)} ON {table}", sql, always]
        mode = EXCLUSIVE
    resets = reset(missed) if missed else []
    # Also where nothing was missed, because the resource is new: it may have the table of another one.
    tables = [resource.table for resource in missed] or ([own] if own is not None else [])
    resets += map(table_shapes.forgotten, tables)
    # The rest of the migration needs the tables of the log first.
    locks = {} if table in {COMMITS, PENDING} else {table: mode}
    yield sql_step(connection, f"install trigger {name} on {table}", why, [*statements, *resets], locks=locks)
