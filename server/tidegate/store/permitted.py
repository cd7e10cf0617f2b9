"""What the user of one order may do, asked of rows as they are within its transaction.

Invariant: a row that the user may not read is refused in the very words in which a missing one is.
"""

from __future__ import annotations

from tidegate.core.errors import Refused
from tidegate.core.ports import Row, WriteOrder
from tidegate.core.predicate import predicate


class Permitted:
    """The permission of one order. Its methods raise Refused."""

    def __init__(self, order: WriteOrder) -> None:
        self._order = order
        self._visible = predicate(order.visible)
        self._allowed = predicate(order.allowed)

    def existing(self, row: Row | None, number: int) -> Row:
        """The row of the order's key `number`, if the user may know of it and change it."""
        if row is None or not self._visible(row):
            raise Refused("not_found", "there is no such row", pointer=key_pointer(self._order, number))
        if not self._allowed(row):
            raise Refused(
                "forbidden", f"this row is not yours to {self._order.kind}", pointer=key_pointer(self._order, number)
            )
        return row

    def written(self, row: Row, at: str) -> Row:
        """The row as it came to be, if the user may make it so. `at`: where the message has what it was made from."""
        if not self._allowed(row):
            raise Refused("forbidden", f"you may not {self._order.kind} a row to be like this", pointer=at)
        return row


def key_pointer(order: WriteOrder, number: int) -> str:
    """Where the message names the row."""
    return f"/ids/{number}" if order.array else "/id"
