"""What PostgreSQL's refusals mean to the client: a code, and a pointer into its message.

The catalogue says which columns a constraint is about. It is asked after the rollback, which may be one to a savepoint.
Invariant: no text of the database's goes to a client, because it can hold values of other rows; but for the names of
rules and what a trigger says with RAISE.
"""

from __future__ import annotations

import logging
import re

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.store.postgres.changelog import LOG, META, REQUESTS, SCHEMA
from tidegate.store.postgres.connection import Connection
from tidegate.store.postgres.serving.sqlstates import Fault, fault
from tidegate.store.serving import refusals
from tidegate.store.serving.refusals import StatementContext
from tidegate.store.sql.names import quoted

log = logging.getLogger("tidegate.store")

_OWN_RULE = re.compile(r"_tg[0-9a-f]{8}$").search
"""The names of the constraints that a migration makes end so."""


class StatementFailed(Exception):
    """The database refused a statement; `context` says which."""

    def __init__(self, error: psycopg.Error, context: StatementContext) -> None:
        super().__init__(str(error))
        self.error = error
        self.context = context


def is_broken(error: psycopg.Error) -> bool:
    """Whether the connection is broken, or was never made: no mutation causes that."""
    if isinstance(error, errors.QueryCanceled | errors.PipelineAborted) or raised_text(error) is not None:
        return False
    return isinstance(error, psycopg.InterfaceError) or (
        isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in {"08", "57"})
    )


def verdict(connection: Connection, error: psycopg.Error, context: StatementContext) -> Refused | None:
    """What `error` means to the client. None: other transactions cause it, and the mutation may succeed when retried.

    To be asked once the mutation is rolled back.
    """
    whose = fault(error)
    if whose is Fault.OTHERS:
        return None
    if raised_text(error) is None and (
        whose is Fault.DATABASE or _is_read_only(connection, error) or _lost_tables(connection, error, context)
    ):
        return unavailable(error)
    if isinstance(error, errors.UniqueViolation):
        if f"{error.diag.schema_name}.{error.diag.table_name}" == REQUESTS:
            return None  # another gateway answers this key right now
        if is_overtaken_key(connection, error, context):
            raise_counter(connection, context.resource)
            return None
    return refusal(connection, error, context)


def raised_text(error: psycopg.Error) -> str | None:
    """What a trigger of the database's owner said with RAISE, under whatever SQLSTATE; None for any other error."""
    if error.diag.source_function != "exec_stmt_raise" or f"{SCHEMA}." in (error.diag.context or "").partition("\n")[0]:
        return None
    return error.diag.message_primary


def unavailable(error: psycopg.Error) -> Refused:
    """With `error` as its cause."""
    log.warning("the database could not write: %s", str(error).strip())
    refused = refusals.unavailable()
    refused.__cause__ = error
    return refused


def refusal(connection: Connection, error: psycopg.Error, context: StatementContext) -> Refused:
    """What `error` means, however often the mutation is tried."""
    if (text := raised_text(error)) is not None:
        return refusals.raised(context, text)
    match error:
        case errors.UniqueViolation():
            return refusals.taken(context, _columns(connection, error))
        case errors.ForeignKeyViolation() | errors.RestrictViolation():
            return _reference(connection, error, context)
        case errors.ExclusionViolation():
            return Refused("conflict", "this row conflicts with another row", pointer=context.at, keyword="exclude")
        case errors.NotNullViolation() | errors.CheckViolation():
            own, rule = error.diag.column_name, error.diag.constraint_name
            named = isinstance(error, errors.CheckViolation) and rule is not None and not _OWN_RULE(rule)
            columns = [own] if own else _columns(connection, error)
            return refusals.not_accepted(context, columns, rule if named else None)
        case _ if fault(error) is Fault.ROW:
            return refusals.not_accepted(context)
        case _:
            log.error("a mutation failed: %s", hint(error), exc_info=error)
            return refusals.failed()


def unreadable(error: psycopg.Error, *, hidden: bool) -> Refused:
    """What an error means to a client that reads. `hidden`: row level security hides rows of a shared table."""
    if fault(error) in {Fault.OTHERS, Fault.DATABASE}:
        return refusals.unreachable()
    if hidden or isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):
        # The owner changed a table. The gateway is not ready until that is mended, and says why.
        log.warning("rows cannot be read: %s", hint(error))
        return refusals.unreachable()
    log.error("rows cannot be read: %s", hint(error), exc_info=error)
    return refusals.unreadable()


def hint(error: psycopg.Error) -> str:
    """What an operator can do, as far as the code of the error tells."""
    match error:
        case errors.InsufficientPrivilege():
            return "the gateway's role lacks a right (GRANT)"
        case errors.UndefinedTable() | errors.UndefinedColumn():
            return "a table or a column is gone; type: tidegate migrate"
        case errors.UndefinedFunction():
            return "a function is missing, which a trigger, a default or a constraint calls"
        case _:
            return f"SQLSTATE {error.sqlstate}"


def _is_read_only(connection: Connection, error: psycopg.Error) -> bool:
    """Whether nothing can be written: the server has become a standby, or a default makes transactions read-only."""
    asked = "SELECT pg_is_in_recovery() OR current_setting('default_transaction_read_only')::boolean"
    return isinstance(error, errors.ReadOnlySqlTransaction) and bool(connection.execute(asked).fetchall()[0][0])


def _lost_tables(connection: Connection, error: psycopg.Error, context: StatementContext) -> bool:
    """Whether the statement failed because the resource's table, one of its columns or the change log is gone, and not
    because of what a trigger of the owner names.
    """
    if not isinstance(error, errors.UndefinedTable | errors.UndefinedColumn | errors.InvalidSchemaName):
        return False
    resource = context.resource
    found = connection.execute(
        "SELECT array_position(ARRAY(SELECT to_regclass(name) FROM unnest($1::text[]) name), NULL) IS NOT NULL OR "
        "EXISTS (SELECT FROM unnest($3::text[]) name WHERE NOT EXISTS "
        "(SELECT FROM pg_attribute WHERE attrelid = to_regclass($2) AND attname = name AND NOT attisdropped))",
        [[quoted(resource.table), LOG, META, REQUESTS], quoted(resource.table), list(resource.properties)],
    ).fetchall()
    return bool(found[0][0])


def is_overtaken_key(connection: Connection, error: psycopg.Error, context: StatementContext) -> bool:
    """Whether the database gave an automatic key that is taken: a foreign program has written keys itself."""
    resource = context.resource
    return (
        isinstance(error, errors.UniqueViolation)
        and context.kind == "create"
        and resource.has_automatic_key
        and resource.key[0] not in context.row
        and error.diag.table_name == resource.table
        and _columns(connection, error) == list(resource.key)
    )


def raise_counter(connection: Connection, resource: Resource) -> None:
    """Let the next automatic key be above all that are there."""
    table, key = quoted(resource.table), resource.key[0]
    connection.execute(
        f"SELECT setval(pg_get_serial_sequence($1, $2), max({quoted(key)})) FROM {table} HAVING count(*) > 0",
        [table, key],
    )


def _reference(connection: Connection, error: psycopg.Error, context: StatementContext) -> Refused:
    """Either a value of this row leads nowhere, or other rows refer to this row."""
    columns = _columns(connection, error)
    own = error.diag.table_name == context.resource.table and not context.row.keys().isdisjoint(columns)
    if context.kind == "create" or (context.kind == "update" and own):
        return refusals.leads_nowhere(context, columns)
    return refusals.referred_to(context)


def _columns(connection: Connection, error: psycopg.Error) -> list[str]:
    """The columns of the constraint, or of the unique index, that `error` names."""
    found = connection.execute(
        "SELECT a.attname::text FROM pg_class t JOIN pg_namespace n ON n.oid = t.relnamespace"
        " CROSS JOIN LATERAL ("
        "  SELECT c.conkey AS keys FROM pg_constraint c WHERE c.conrelid = t.oid AND c.conname = $3 UNION ALL"
        "  SELECT i.indkey::smallint[] FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid"
        "  WHERE i.indrelid = t.oid AND x.relname = $3"
        " ) named CROSS JOIN LATERAL unnest(named.keys) WITH ORDINALITY AS item (number, place)"
        " JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = item.number"
        " WHERE n.nspname = $1 AND t.relname = $2 ORDER BY item.place",
        [error.diag.schema_name, error.diag.table_name, error.diag.constraint_name],
    )
    return list(dict.fromkeys(name for (name,) in found))
