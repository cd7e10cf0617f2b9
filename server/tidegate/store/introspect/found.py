"""What was found in an existing database: tables and columns, in the keywords of row schemas.

It knows no database. `left_out` says in sentences for a person what a schema file cannot hold, and why.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from tidegate.schema import SAFE_INTEGER
from tidegate.schema.lint.names import UNFIT_IN_NAMES, folded

NO_DEFAULT: Any = msgspec.UNSET

JSON_KINDS = ["object", "array", "string", "number", "boolean"]
"""The types of the values that a JSON column may hold."""


class Column(msgspec.Struct, frozen=True):
    """A column that a row schema can describe."""

    name: str
    schema: dict[str, Any]
    """The type and the other keywords for its values, without null."""
    null: bool = False
    default: Any = NO_DEFAULT
    """The default as JSON."""
    filled: bool = False
    """The database computes the value, and only the database can."""
    computed: bool = False
    """Clients could not even set it: the database refuses every value but its own."""
    integer: Literal["beyond 2^53", "bigint", "plain"] | None = None
    """Of a column that may hold any integer of 64 bits: some row has one beyond 2^53; or it is declared for such
    integers, and the database does not count it; or neither. `big_integers` decides what it becomes."""


class Table(msgspec.Struct, frozen=True):
    """A table that can be shared."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    references: dict[str, tuple[str, str]] = {}
    """{column: (other table, its column)}"""
    parts: dict[str, tuple[str, str]] = {}
    """As `references`, of columns that refer to another table together with others."""
    comment: str | None = None
    """The table's comment in the database."""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


class Found(msgspec.Struct, frozen=True):
    """Everything that was found."""

    tables: list[Table]
    left_out: list[str]
    """A note for everything that a schema file cannot hold. A note begins with the name of its table."""
    names: list[str]
    """The names of all tables and views, also of those that cannot be shared."""
    warnings: list[str] = []
    """Why the database as a whole, or for this role, is not ready to be shared."""


def unusable(name: str, others: Iterable[str] = ()) -> str | None:
    """Why no property can have this name beside `others`; None for a name that a property can have."""
    if name.lower() in {"or", "and"}:
        return "filters use this name for something different"
    if not name.strip() or any(ord(letter) < ord(" ") for letter in name):
        return "its name is blank or has control characters"
    if not UNFIT_IN_NAMES.isdisjoint(name):
        return "its name has a quotation mark or a backslash, which generated Python models cannot have"
    same = next((other for other in others if folded(other) == folded(name)), None)
    return None if same is None else f"its name differs from {same!r} in the case of letters only"


def fitting(schema: dict[str, Any], value: Any, *, limit: int = SAFE_INTEGER) -> bool:
    """Whether `value` can stand as the default of a property of this schema. `limit`: of integers."""
    kind = schema.get("type")
    if isinstance(kind, list):
        return True
    if "enum" in schema:
        return any(value == label for label in schema["enum"])
    match value:
        case bool():
            return kind == "boolean"
        case int():
            least, most = schema.get("minimum", -limit), schema.get("maximum", limit)
            return kind in {"integer", "number"} and bool(least <= value <= most)
        case float():
            return kind == "number"
        case str():
            fits_length = len(value) <= schema.get("maxLength", len(value))
            return kind == "string" and "format" not in schema and fits_length
    return False


def json_or_no_default(text: str) -> Any:
    """The JSON value that `text` spells; NO_DEFAULT for other text, also for NaN, infinity and broken Unicode."""
    try:
        value = json.loads(text, parse_constant=_refused)
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return NO_DEFAULT
    return value


def _refused(constant: str) -> None:
    raise ValueError(constant)
