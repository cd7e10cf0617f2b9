"""What the user of one mutation may do, asked of rows as they are within its transaction.

Invariants: a row that the user may not read is refused in the very words in which a missing row is; what the client
sent and could not be permitted is refused before the database sees it, whose conflicts would reveal hidden rows.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import assert_never

from tidegate.core.filters.predicate import predicate
from tidegate.core.filters.tree import EVERYTHING, And, Filter, Or, Term, any_of, both
from tidegate.core.rows.ports import Mutation, Row
from tidegate.store.serving import refusals


class MutationPermission:
    """The permission of one mutation. Raises Refused, at once for new rows whose sent values are forbidden."""

    def __init__(self, mutation: Mutation) -> None:
        self._mutation = mutation
        self._free = mutation.allowed == EVERYTHING
        """Every row may be written: nothing is asked."""
        if not self._free:
            for number, row in enumerate(mutation.rows):
                self._check_sent(row, refusals.row_pointer(mutation, number))

    def existing(self, row: Row | None, number: int) -> Row:
        """The row with the mutation's key `number`, which the user may read and change."""
        if row is None or not predicate(self._mutation.visible)(row):
            raise refusals.not_found(self._mutation, number)
        if not self._allows(row):
            raise refusals.forbidden_row(self._mutation, number)
        if self._mutation.data:
            self._check_sent(self._mutation.data, "/data")
        return row

    def written(self, row: Row, at: str) -> None:
        """The database wrote the row so, and the user has to be allowed that. `at`: the pointer of what the client
        sent."""
        if not (self._free or self._allows(row)):
            raise refusals.forbidden_values(self._mutation, at)

    def _allows(self, row: Row) -> bool:
        return self._free or predicate(self._mutation.allowed)(row)

    def _check_sent(self, data: Row, at: str) -> None:
        """`data` is what the client sent of a row. The database can fill in the other properties."""
        if not self._free and not predicate(_limited_to(data, self._mutation.allowed))(data):
            raise refusals.forbidden_values(self._mutation, at)


def _limited_to(names: Collection[str], part: Filter) -> Filter:
    """What `part` asks of the properties in `names`; every row that meets `part` meets it. (Filters have no `not`.)"""
    match part:
        case Term():
            return part if part.property in names else EVERYTHING
        case And():
            narrowed: Filter = EVERYTHING
            for inner in part.parts:
                narrowed = both(narrowed, _limited_to(names, inner))
            return narrowed
        case Or():
            return any_of(_limited_to(names, inner) for inner in part.parts)
        case _:
            assert_never(part)
