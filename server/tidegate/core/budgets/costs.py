"""What a read costs, as far as that is known before the database is asked.

A database can tell only by doing it. So a read is put into a class by what the schema says of keys and indexes, and
conditions that a database answers by looking at each row's text or array are limited in number.
Invariant: a read of the class KEY looks at the few rows with the keys that it names, and at no others.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import IntEnum
from typing import Any

from tidegate.core.errors import Refused
from tidegate.core.filters.tree import EVERYTHING, LOOKS_INTO, And, Filter, Term
from tidegate.core.rows.ports import ReadQuery
from tidegate.json_pointer import escape

TEXT_CONDITIONS = 20
"""Conditions that look into texts, in one filter; one that looks into arrays counts twice. In a `list` with `count`,
which reads all rows twice, half of that. A condition on texts of 100 characters costs SQLite 0.17 s for a million rows,
one on arrays 0.7 s."""
FEW = 100
"""Rows that a small read may look at. A read that names more of them costs as much as a list, and must not stand before
a read of one row."""
FAR = 10_000
"""Rows that an INDEXED list may pass over or return."""


class Cost(IntEnum):
    """The class of a read. Reads of a higher class get fewer threads."""

    KEY = 0
    """A few rows by their keys."""
    INDEXED = 1
    """Many rows by their keys, the first rows in the order of the key, or those with a value that an index finds."""
    SCAN = 2
    """Possibly all rows of a table."""


class CostRules:
    """What decides about the class of a read of one resource."""

    def __init__(self, key: tuple[str, ...], indexes: Collection[tuple[str, ...]] = ()) -> None:
        """`indexes`: the properties of each index, in order, unique ones included."""
        self._key = key
        self._first = {key[0], *(columns[0] for columns in indexes if columns)}

    def cost(self, query: ReadQuery) -> Cost:
        if query.keys is not None:
            return Cost.KEY if len(query.keys) <= FEW else Cost.INDEXED
        if query.count or query.offset + (query.limit or 0) > FAR:
            return Cost.SCAN
        in_order = tuple(name for name, _ in query.sort) == self._key[: len(query.sort)]
        if query.where == EVERYTHING:
            return Cost.INDEXED if in_order else Cost.SCAN
        return Cost.INDEXED if self._found_by_value(query.where) else Cost.SCAN

    def small(self, query: ReadQuery, cost: Cost) -> bool:
        """Whether the read, of the class `cost`, looks at few rows whatever the table has: those that it names, or the
        first ones in the order of the key. A condition may pass over any number of rows.
        """
        if cost is not Cost.INDEXED or query.keys is not None:
            return cost is Cost.KEY
        if query.where != EVERYTHING or query.limit is None or query.offset + query.limit > FEW:
            return False
        orders = {order for _, order in query.sort}
        if len(query.sort) < len(self._key):
            orders.add("asc")
        return len(orders) == 1  # an index of the key has its properties in one direction

    def _found_by_value(self, where: Filter) -> bool:
        parts = where.parts if isinstance(where, And) else (where,)
        found = any(
            isinstance(part, Term) and part.operator in {"eq", "in"} and part.property in self._first for part in parts
        )
        return found and not any(map(_looks_into, parts))


def _looks_into(part: Filter) -> bool:
    return part.operator in LOOKS_INTO if isinstance(part, Term) else any(map(_looks_into, part.parts))


def check_texts(filters: Mapping[str, Any] | None, *, count: bool = False) -> None:
    """Raises Refused, with the place of the first condition that is too many, where `filters` of a client look into
    more texts than one request may.
    """
    if filters:
        _Texts(TEXT_CONDITIONS // 2 if count else TEXT_CONDITIONS, count).look(filters, "/filters")


class _Texts:
    def __init__(self, most: int, count: bool) -> None:
        self._most = self._left = most
        self._count = count

    def look(self, filters: Mapping[str, Any], at: str) -> None:
        for name, asked in filters.items():
            if name in {"and", "or"}:
                for number, inner in enumerate(asked):
                    self.look(inner, f"{at}/{name}/{number}")
            elif isinstance(asked, dict):
                for operator in asked:
                    if operator in LOOKS_INTO:
                        self._left -= 2 if operator in {"ina", "nina"} else 1
                        if self._left < 0:
                            raise self._refused(f"{at}/{escape(name)}/{operator}")

    def _refused(self, pointer: str) -> Refused:
        where = " in a list with `count`" if self._count else ""
        message = f"more than {self._most} conditions look into texts or arrays{where}: ask with fewer of them"
        return Refused("limit_reached", message, pointer=pointer)
