"""The parts of a SELECT that depend on names alone, kept as text: the columns, the order, the look-up of keys.

Building them for each read by key took as long as SQLite takes to find the row.
Invariant: what is kept is made of names of the schema and the two words of an order, never of values.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache

from tidegate.contract import Resource
from tidegate.core.rows.ports import Key
from tidegate.store.sql.filters import Condition
from tidegate.store.sql.names import quoted
from tidegate.store.sqlite.filters import ALIAS
from tidegate.store.sqlite.rows import to_column

KEPT = 256
"""Texts of one kind that are kept: a client may ask for more orders than a schema has tables."""

LIMIT, LIMIT_OF_ONE_PLAN = " LIMIT ? OFFSET ?", " LIMIT +? OFFSET +?"
"""SQLite looks at a limit that is a parameter, so as to choose a plan for it, and prepares the statement again for each
execution. It does the same with a value that a column equals, where the rows are sorted. It does not look at an
expression: to be used where there is only one plan, the order of the key."""


@lru_cache(KEPT)
def listed(columns: tuple[str, ...]) -> str:
    """The columns to read."""
    return ", ".join(f"{ALIAS}.{quoted(name)}" for name in columns)


@lru_cache(KEPT)
def ordered(key: tuple[str, ...], sort: tuple[tuple[str, str], ...]) -> str:
    """The ORDER BY of a read: by code point, whatever a foreign program's column is sorted by; at last by the key."""
    terms = [*sort, *((name, "asc") for name in key if name not in {field for field, _ in sort})]
    return " ORDER BY " + ", ".join(f"{ALIAS}.{quoted(name)} COLLATE BINARY {order.upper()}" for name, order in terms)


def key_is_one_of(resource: Resource, keys: Sequence[Key], by_collation: bool) -> Condition:
    """The rows with these keys: asked by the collation of the columns, which their index has, and then exactly."""
    values = [[to_column(resource.properties[name], key[name]) for name in resource.key] for key in keys]
    sql, times = _looked_up(resource.key, by_collation, len(keys) == 1)
    return Condition(sql, (values[0] if len(keys) == 1 else [json.dumps(values)]) * times)


@lru_cache(KEPT)
def _looked_up(key: tuple[str, ...], by_collation: bool, one: bool) -> tuple[str, int]:
    """The condition, and how often it takes the key, or several as JSON text, in which SQLite looks twice as long."""
    columns = [f"{ALIAS}.{quoted(name)}" for name in key]
    exact = [f"{column} COLLATE BINARY" for column in columns]
    asked = [columns, exact] if by_collation else [exact]
    if one:
        return f"({' AND '.join(f'{column} = ?' for names in asked for column in names)})", len(asked)
    values = f"(SELECT {', '.join(f'value ->> {number}' for number in range(len(columns)))} FROM json_each(?))"
    conditions = " AND ".join(f"({', '.join(names)}) IN {values}" for names in asked)
    return f"({conditions})", len(asked)
