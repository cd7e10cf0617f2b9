"""What SQLite's refusals mean to the client: a code, and a pointer into its message.

SQLite names the columns of a unique value or a check in the text of its error. Of a reference it says nothing, so that
this module looks for the row that each reference of the written row needs.
Invariant: no text of the database's goes to a client, but for the names of rules and what a trigger says with RAISE.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import apsw

from tidegate.contract import Resource
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Mutation
from tidegate.store.serving import refusals
from tidegate.store.serving.refusals import StatementContext
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.filters import ALIAS

Resources = Mapping[str, Resource]
RESTRICTED = "FOREIGN KEY constraint failed"
"""SQLite carries ON DELETE RESTRICT out with a trigger that raises this text."""
NAME = re.compile(r"[^\W\d]\w{0,62}")
"""A name that an owner gave to a CHECK. SQLite says the condition of a CHECK without a name."""


def refusal(
    connection: apsw.Connection, resources: Resources, error: apsw.ConstraintError, context: StatementContext
) -> Refused:
    """What "UNIQUE constraint failed: users.email" means. To be asked within the transaction of the statement."""
    text = str(error)
    code: int = getattr(error, "extendedresult")  # noqa: B009  # the stubs do not have it
    if code == apsw.SQLITE_CONSTRAINT_TRIGGER and RESTRICTED not in text:
        return refusals.raised(context, text)
    if context.kind == "delete":
        return refusals.referred_to(context)
    if "FOREIGN KEY" in text:
        return _leads_nowhere(connection, resources, context) or _unknown_reference(context)
    columns = [part.rpartition(".")[2] for part in text.partition("failed: ")[2].split(", ")]
    if "UNIQUE" in text:
        return refusals.taken(context, columns)
    named = "CHECK" in text and len(columns) == 1 and NAME.fullmatch(columns[0])
    return refusals.not_accepted(context, columns, columns[0] if named else None)


def deferred_refusal(connection: apsw.Connection, resources: Resources, mutation: Mutation) -> Refused:
    """What it means that a mutation leaves a deferred reference broken."""
    resource = resources[mutation.resource]
    whole = refusals.whole_context(mutation, resource)
    if mutation.kind == "delete":
        return refusals.referred_to(whole)
    for context in refusals.row_contexts(mutation, resource):
        if (found := _leads_nowhere(connection, resources, context)) is not None:
            return found
    return _unknown_reference(whole)


def _leads_nowhere(connection: apsw.Connection, resources: Resources, context: StatementContext) -> Refused | None:
    """The first reference in the schema that leads the row nowhere; None where each of them has its row."""
    for name, (target, column) in context.resource.references.items():
        value = context.row.get(name)
        if value is not None and not _refers(connection, resources[target], column, value):
            return refusals.leads_nowhere(context, [name])
    return None


def _unknown_reference(context: StatementContext) -> Refused:
    """The schema does not have the reference, or another row's reference is broken by the new key of this one."""
    resource = context.resource
    identifying = {name for names in (resource.key, *resource.unique) for name in names}
    if context.kind == "update" and not identifying.isdisjoint(context.row):
        return refusals.referred_to(context)
    return refusals.leads_nowhere(context, [])


def _refers(connection: apsw.Connection, target: Resource, column: str, value: Any) -> bool:
    sql = f"SELECT 1 FROM {quoted(target.table)} {ALIAS} WHERE {ALIAS}.{quoted(column)} = ?"
    return connection.execute(sql, (value,)).fetchone() is not None
