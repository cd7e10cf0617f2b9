"""SQL conditions for keywords of a property's schema, in the SQL that both databases share.

Each condition is true for NULL, which NOT NULL handles.
Invariant: the text of a condition stays the same, because names of PostgreSQL's constraints have a hash of it and
records of SQLite's tables have the text. Another text would change existing tables.
"""

from __future__ import annotations

from typing import Any

from tidegate.contract import Property
from tidegate.int64 import number
from tidegate.store.sql.names import literal, quoted


def column_enum(prop: Property) -> tuple[Any, ...]:
    """The values of the property's enum as the column has them."""
    return tuple(map(number, prop.enum or ())) if prop.is_int64 else prop.enum or ()


def shared_conditions(prop: Property, *, text: bool) -> dict[str, str]:
    """The conditions by keyword. `text`: the column keeps the property's values as text, so that they have a length."""
    found, column = {}, quoted(prop.name)
    if prop.enum is not None and prop.type in {"string", "integer"}:
        allowed = ", ".join(literal(value) if isinstance(value, str) else str(value) for value in column_enum(prop))
        found["enum"] = f"{column} IN ({allowed})"
    if text and prop.max_length is not None:
        found["maxLength"] = f"length({column}) <= {prop.max_length}"
    return found
