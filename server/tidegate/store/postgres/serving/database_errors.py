"""What PostgreSQL's refusals mean to the client: a code, and a pointer into its message.

Which columns a constraint is about stands in the catalogue, and is asked for after the rollback, be it one to a
savepoint.
Invariant: no text of the database's goes to a client; it can hold values of other rows.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Literal, NamedTuple

import psycopg
from psycopg import errors

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Row
from tidegate.store.postgres.changelog import REQUESTS
from tidegate.store.postgres.connection import Connection
from tidegate.store.sql.names import quoted

log = logging.getLogger("tidegate.store")

UNAVAILABLE = "the database cannot write at the moment; try again with the same key"
BROKEN = "the row cannot be written; the gateway's log says why"


class StatementContext(NamedTuple):
    """A statement of an order: what it does to which table, and where its values stand in the client's message."""

    resource: Resource
    resources: Mapping[str, Resource]
    kind: Literal["create", "update", "delete"]
    row: Row
    """The values that the client sent."""
    at: str


_OVERTAKEN = (errors.DeadlockDetected, errors.SerializationFailure, errors.LockNotAvailable)
_BUSY = (errors.QueryCanceled, errors.ReadOnlySqlTransaction, errors.InsufficientResources)


def is_broken(error: psycopg.Error) -> bool:
    """The connection is, or never was: no order's fault."""
    if isinstance(error, errors.QueryCanceled | errors.PipelineAborted):
        return False
    return isinstance(error, psycopg.InterfaceError) or (
        isinstance(error, psycopg.OperationalError) and (error.sqlstate is None or error.sqlstate[:2] in {"08", "57"})
    )


def verdict(connection: Connection, error: psycopg.Error, place: StatementContext) -> Refused | None:
    """What `error` means to the client; None: it comes of what others do, and may be gone when the order is done again.

    To be asked once the order is rolled back.
    """
    if isinstance(error, _OVERTAKEN):
        return None
    if isinstance(error, _BUSY):
        return unavailable(error)
    if isinstance(error, errors.UniqueViolation):
        if f"{error.diag.schema_name}.{error.diag.table_name}" == REQUESTS:
            return None  # another gateway answers this key right now
        if is_overtaken_key(connection, error, place):
            count_keys_anew(connection, place.resource)
            return None
    return refusal(connection, error, place)


def unavailable(error: psycopg.Error) -> Refused:
    log.warning("the database could not write: %s", str(error).strip())
    return Refused("unavailable", UNAVAILABLE, retry_after=1.0)


def refusal(connection: Connection, error: psycopg.Error, place: StatementContext) -> Refused:
    """What `error` means."""
    match error:
        case errors.UniqueViolation():
            columns = _columns(connection, error)
            return Refused(
                "conflict", "this value is taken by another row", pointer=_pointer(place, columns), keyword="unique"
            )
        case errors.ForeignKeyViolation() | errors.RestrictViolation():
            return _reference(connection, error, place)
        case errors.ExclusionViolation():
            return Refused("conflict", "another row is in the way of this one", pointer=place.at, keyword="exclude")
        case errors.NotNullViolation() | errors.CheckViolation():
            own = error.diag.column_name
            pointer = _pointer(place, [own] if own else _columns(connection, error))
        case errors.DataError():
            pointer = place.at
        case _:
            log.error("an order failed", exc_info=error)
            return Refused("internal", BROKEN)
    return Refused("invalid_data", "the database does not accept this row", pointer=pointer, keyword="check")


def is_overtaken_key(connection: Connection, error: psycopg.Error, place: StatementContext) -> bool:
    """Whether the database gave an automatic key that is taken: a foreign program wrote keys of its own."""
    resource = place.resource
    return (
        isinstance(error, errors.UniqueViolation)
        and place.kind == "create"
        and resource.has_automatic_key
        and resource.key[0] not in place.row
        and error.diag.table_name == resource.table
        and _columns(connection, error) == list(resource.key)
    )


def count_keys_anew(connection: Connection, resource: Resource) -> None:
    """Let the next automatic key be above all that are there."""
    table, key = quoted(resource.table), resource.key[0]
    connection.execute(
        f"SELECT setval(pg_get_serial_sequence($1, $2), max({quoted(key)})) FROM {table} HAVING count(*) > 0",
        [table, key],
    )


def escaped(name: str) -> str:
    """A name inside an RFC 6901 pointer."""
    return name.replace("~", "~0").replace("/", "~1")


def _reference(connection: Connection, error: psycopg.Error, place: StatementContext) -> Refused:
    """Either a value of this row leads nowhere, or others lead to this row."""
    columns = _columns(connection, error)
    own = error.diag.table_name == place.resource.table and not place.row.keys().isdisjoint(columns)
    if place.kind == "create" or (place.kind == "update" and own):
        target = place.resource.references.get(columns[0]) if columns else None
        message = f"no such row in {target[0]}" if target else "no such row"
        return Refused("conflict", message, pointer=_pointer(place, columns), keyword="references")
    return Refused("conflict", "other rows refer to this one", pointer=place.at, keyword="references")


def _pointer(place: StatementContext, columns: list[str]) -> str:
    return next((f"{place.at}/{escaped(name)}" for name in columns if name in place.row), place.at)


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
