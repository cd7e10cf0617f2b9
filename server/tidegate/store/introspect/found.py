"""What was found in a database that is there already: tables and columns, in the words of row schemas.

It knows no database. `left` tells what has no place in a schema file, and why, in whole sentences for a person.
"""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec

NOTHING: Any = msgspec.UNSET

JSON_KINDS = ["object", "array", "string", "number", "boolean"]
"""What a column of JSON may hold."""


class Column(msgspec.Struct, frozen=True):
    """A column that has a place in a row schema."""

    name: str
    schema: dict[str, Any]
    """Its type and what else holds for each value; null is not among them."""
    null: bool = False
    default: Any = NOTHING
    """As JSON."""
    filled: bool = False
    """The database fills it in by itself, with what only it can work out."""
    secret: bool = False
    """By its name it is one: a password, a token."""


class Table(msgspec.Struct, frozen=True):
    """A table that can be shared."""

    name: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...] = ()
    indexes: tuple[tuple[str, ...], ...] = ()
    references: dict[str, tuple[str, str]] = {}
    """{column: (table, column there)}"""
    comment: str | None = None
    """What the database says about it."""

    def column(self, name: str) -> Column | None:
        return next((column for column in self.columns if column.name == name), None)


class Found(msgspec.Struct, frozen=True):
    """Everything that was found."""

    tables: list[Table]
    left: list[str]
    names: list[str]
    """All tables and views that somebody could have asked for, also those that cannot be shared."""


SECRET = re.compile(r"passw(or)?d|passphrase|pwd|secret|token|api_?key|private_?key|(^|_)(salt|otp|pin)(_|$)")


def is_secret(name: str) -> bool:
    """Whether a column of this name should not be sent to anybody."""
    return SECRET.search(re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()) is not None


def usable(name: str) -> str | None:
    """Why a column cannot be a property, by its name; None when it can."""
    if name.lower() in {"or", "and"}:
        return "filters have a meaning of their own for this name"
    if not name.strip() or any(ord(letter) < ord(" ") for letter in name):
        return "its name has no letters, or control characters"
    return None


def fitting(schema: dict[str, Any], value: Any) -> bool:
    """Whether `value` can stand as the default of a property of this schema."""
    kind = schema.get("type")
    if isinstance(kind, list):
        return True
    if "enum" in schema:
        return any(value == label for label in schema["enum"])
    match value:
        case bool():
            return kind == "boolean"
        case int():
            return kind in {"integer", "number"} and abs(value) < 2**53
        case float():
            return kind == "number"
        case str():
            fits_length = len(value) <= schema.get("maxLength", len(value))
            return kind == "string" and "format" not in schema and fits_length
    return False


def json_or_nothing(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return NOTHING
