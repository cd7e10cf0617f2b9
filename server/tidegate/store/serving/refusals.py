"""How a store refuses a mutation: the codes, the sentences and the pointers, once for both databases.

A database's own module finds out which rule of the database a statement broke; the words for it are here. This module
knows no SQL.
Invariant: a sentence holds no value of a row. The database's own text never goes to a client, for it can hold values of
other rows; what an owner's trigger says with RAISE is written for the client and does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Literal

import msgspec

from tidegate.contract import Resource, escape
from tidegate.core.errors import PermanentFailure, Refused
from tidegate.core.rows.ports import Mutation, Row
from tidegate_protocol import Violation

Kind = Literal["create", "update", "delete"]

FAILED = "the row cannot be written; the gateway's log says why"
"""For the client, when the log has the error."""
NOT_ACCEPTED = "the database does not accept this row"


class StatementContext(msgspec.Struct, frozen=True, gc=False):
    """One statement of a mutation: what it does to which table, and where its values stand in the client's message."""

    resource: Resource
    kind: Kind
    row: Row
    """The values that the client sent, and those of `filled`."""
    at: str
    """The pointer of `row`; of the key, for a delete."""
    filled: frozenset[str] = frozenset()
    """The properties of `row` that the gateway added."""

    @property
    def sent(self) -> Collection[str]:
        """The properties that the client sent."""
        return self.row.keys() - self.filled

    def pointer(self, columns: Sequence[str]) -> str:
        """The first of `columns` that the client sent, or the row where it sent none of them."""
        return next((f"{self.at}/{escape(name)}" for name in columns if name in self.sent), self.at)


def row_pointer(mutation: Mutation, number: int) -> str:
    """Where the message has the new row `number` of a create."""
    return f"/data/{number}" if mutation.array else "/data"


def key_pointer(mutation: Mutation, number: int) -> str:
    """Where the message has the key `number` of an update or a delete."""
    return f"/ids/{number}" if mutation.array else "/id"


def row_contexts(mutation: Mutation, resource: Resource) -> list[StatementContext]:
    """The statements of a create or an update that can break a reference, each once."""
    if mutation.kind == "create":
        rows = enumerate(mutation.rows)
        return [StatementContext(resource, "create", row, row_pointer(mutation, number)) for number, row in rows]
    return [StatementContext(resource, mutation.kind, mutation.data or {}, "/data")]


def whole_context(mutation: Mutation, resource: Resource) -> StatementContext:
    """Where to point for what the database refuses at the end of a mutation, and not for one of its rows."""
    alone = len(mutation.rows) + len(mutation.keys) == 1
    if mutation.kind == "delete":
        return StatementContext(resource, "delete", {}, key_pointer(mutation, 0) if alone else "/ids")
    if mutation.kind == "update":
        return StatementContext(resource, "update", mutation.data or {}, "/data")
    if not alone:
        return StatementContext(resource, "create", {}, "/data")
    return StatementContext(resource, "create", mutation.rows[0], row_pointer(mutation, 0))


# -- what the rule of a mutation refuses ------------------------------------------------------------------------------


def not_found(mutation: Mutation, number: int) -> Refused:
    """Also for a row that the user may not read."""
    return Refused("not_found", "there is no such row", pointer=key_pointer(mutation, number))


def forbidden_row(mutation: Mutation, number: int) -> Refused:
    return Refused("forbidden", f"you may not {mutation.kind} this row", pointer=key_pointer(mutation, number))


def forbidden_values(mutation: Mutation, at: str) -> Refused:
    return Refused("forbidden", f"you may not {mutation.kind} a row with these values", pointer=at)


def not_as_expected(name: str) -> Refused:
    return Refused("conflict", "the row has another value here now", pointer=f"/if/{escape(name)}")


def not_tagged() -> Refused:
    return Refused("conflict", "the row has changed: it has another entity tag now", pointer="/if")


def breaks_rules(found: Sequence[Violation]) -> Refused:
    """The resulting row breaks what its schema says of a whole row. `found` is not empty."""
    first = found[0]
    return Refused("invalid_data", first.message, pointer=first.pointer, keyword=first.keyword, errors=tuple(found))


def key_used_before() -> Refused:
    return Refused("conflict", "this idempotency key was already used for a different request", pointer="/key")


# -- what the database refuses ----------------------------------------------------------------------------------------


def taken(context: StatementContext, columns: Sequence[str]) -> Refused:
    """`columns` have to be unique."""
    return Refused("conflict", "another row has this value", pointer=context.pointer(columns), keyword="unique")


def leads_nowhere(context: StatementContext, columns: Sequence[str]) -> Refused:
    """`columns` are those of a reference; none where the database does not say which reference it is."""
    target = context.resource.references.get(columns[0]) if columns else None
    message = f"there is no such row in {target[0]}" if target else "the row refers to one that does not exist"
    return Refused("conflict", message, pointer=context.pointer(columns), keyword="references")


def referred_to(context: StatementContext) -> Refused:
    return Refused("conflict", "other rows refer to this one", pointer=context.at, keyword="references")


def not_accepted(context: StatementContext, columns: Sequence[str] = (), rule: str | None = None) -> Refused:
    """The values of `columns` break a rule of the database. `rule`: the name that the owner gave to it."""
    message = NOT_ACCEPTED if rule is None else f"{NOT_ACCEPTED}: {rule}"
    return Refused("invalid_data", message, pointer=context.pointer(columns), keyword="check")


def raised(context: StatementContext, text: str) -> Refused:
    """A trigger of the database's owner refused the statement, and said `text` with RAISE."""
    return Refused("invalid_data", " ".join(text.split()) or NOT_ACCEPTED, pointer=context.at, keyword="check")


def not_written(context: StatementContext) -> Refused:
    """The database ignored the statement, as a trigger or a table definition of another program can tell it to."""
    return Refused("conflict", "the database ignored this row", pointer=context.at)


def failed() -> Refused:
    """A failure that a repeated request meets again; the log has it."""
    return PermanentFailure("internal", FAILED)


def unreadable() -> Refused:
    """As `failed`, for a request that reads."""
    return PermanentFailure("internal", "the rows cannot be read; the gateway's log says why")


def unreachable() -> Refused:
    """As `unavailable`, for a request that reads."""
    return Refused("unavailable", "the database does not answer at the moment; try again", retry_after=1.0)


def unavailable() -> Refused:
    message = "the database cannot write at the moment; try again with the same key"
    return Refused("unavailable", message, retry_after=1.0)


def no_room() -> Refused:
    message = "the disk of the database is full, so that only deletes are accepted; try again with the same key"
    return Refused("unavailable", message, retry_after=5.0)


def lost() -> Refused:
    """For what may have been written to a file that is gone, or must not be written to a damaged one."""
    message = "the database is gone or damaged, and nothing is written to it; try again with the same key"
    return Refused("unavailable", message, retry_after=5.0)


# -- what reads are refused for ---------------------------------------------------------------------------------------


def crowded(account: bool) -> Refused:
    """`account`: the client's own reads fill the queue."""
    if account:
        return Refused("rate_limited", "too many of your reads wait for the database; ask more slowly", retry_after=1.0)
    return Refused("unavailable", "too many reads wait for the database; try again", retry_after=1.0)


def waited(seconds: float) -> Refused:
    message = f"the read waited {seconds:g} s for other reads and was not begun; try again"
    return Refused("unavailable", message, retry_after=1.0)


def locked() -> Refused:
    return Refused("unavailable", "another program holds a lock on these rows; try again", retry_after=1.0)


def too_slow(seconds: float) -> Refused:
    """A read that should be quick."""
    return Refused("unavailable", f"the database did not answer within {seconds:g} s; try again", retry_after=1.0)


def too_costly(seconds: float) -> Refused:
    """A read that may look at all rows."""
    message = (
        f"the read took longer than {seconds:g} s and was ended; ask with a filter on an indexed property, fewer "
        "conditions on texts, or without `count`"
    )
    return Refused("limit_reached", message)


# -- what writes are refused for --------------------------------------------------------------------------------------


def crowded_writes(account: bool) -> Refused:
    """`account`: the client's own writes fill the queue."""
    if account:
        message = "too many of your writes wait for the database; write more slowly"
        return Refused("rate_limited", message, retry_after=1.0)
    return unavailable()


def waited_to_write(seconds: float) -> Refused:
    message = f"the write waited {seconds:g} s for the database and was not done; try again"
    return Refused("unavailable", message, retry_after=1.0)


def took_too_long() -> Refused:
    """A write that ran."""
    return Refused("unavailable", "the write was not done in time and was undone; try again", retry_after=1.0)


def unknown_outcome() -> Refused:
    """The connection to the database broke during the commit."""
    message = "it is unknown whether the write was done; try again with the same key, and it is done once"
    return Refused("unavailable", message, retry_after=1.0)


# -- what is refused at the end ---------------------------------------------------------------------------------------


def stopping() -> Refused:
    """For what was not carried out: another gateway, or this one after its restart, will do it."""
    return Refused("unavailable", "the gateway stops, and this was not done; try again", retry_after=1.0)
