"""What the user of one order may do, asked of rows as they are within its transaction.

Invariants: a row that the user may not read is refused in the very words in which a missing one is; what the client
sent and could not be permitted is refused before the database is asked, whose conflicts tell of rows that are hidden.
"""

from __future__ import annotations

from collections.abc import Collection

from tidegate.core.errors import Refused
from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import EVERYTHING, And, Filter, Or, Term, any_of, both
from tidegate.core.rows.ports import Mutation, Row


class MutationPermission:
    """The permission of one order. It raises Refused, for new rows at once."""

    def __init__(self, order: Mutation) -> None:
        self._order = order
        self._visible = predicate(order.visible)
        self._allowed = predicate(order.allowed)
        for number, row in enumerate(order.rows):
            self._sent(row, f"/data/{number}" if order.array else "/data")

    def existing(self, row: Row | None, number: int) -> Row:
        """The row of the order's key `number`, if the user may know of it and change it."""
        if row is None or not self._visible(row):
            raise Refused("not_found", "there is no such row", pointer=key_pointer(self._order, number))
        if not self._allowed(row):
            raise Refused(
                "forbidden", f"this row is not yours to {self._order.kind}", pointer=key_pointer(self._order, number)
            )
        if self._order.data:
            self._sent(self._order.data, "/data")
        return row

    def _sent(self, data: Row, at: str) -> None:
        """`data` is what the client sent of a row; the database has a say in the rest."""
        if self._order.allowed != EVERYTHING and not predicate(_speaking_of(self._order.allowed, data))(data):
            raise self._not_like_this(at)

    def written(self, row: Row, at: str) -> Row:
        """The row as it came to be, if the user may make it so. `at`: where the message has what it was made from."""
        if not self._allowed(row):
            raise self._not_like_this(at)
        return row

    def _not_like_this(self, at: str) -> Refused:
        return Refused("forbidden", f"you may not {self._order.kind} a row to be like this", pointer=at)


def _speaking_of(part: Filter, names: Collection[str]) -> Filter:
    """What `part` asks of the properties in `names`; every row that meets `part` meets it. (Filters have no `not`.)"""
    match part:
        case Term():
            return part if part.property in names else EVERYTHING
        case And():
            narrowed: Filter = EVERYTHING
            for inner in part.parts:
                narrowed = both(narrowed, _speaking_of(inner, names))
            return narrowed
        case Or():
            return any_of(_speaking_of(inner, names) for inner in part.parts)


def key_pointer(order: Mutation, number: int) -> str:
    """Where the message names the row."""
    return f"/ids/{number}" if order.array else "/id"
