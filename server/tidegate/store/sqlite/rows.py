"""Column values and wire rows, both ways.

SQLite keeps booleans as 0 and 1, arrays and objects as JSON text, and integers of 64 bits as integers, which are text
on the wire. It knows no SQL.
Invariant: a row read from its table and the same row read from the change log are the same wire row.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec

from tidegate.contract import Property, Resource
from tidegate.core.filters.tree import SAFE_INTEGER
from tidegate.core.rows.ports import Row
from tidegate.int64 import number
from tidegate.store.sql.json_values import DEPTH, JSON_TYPES, too_deep
from tidegate.store.sql.large_integers import teller

BLOB = "$blob"
"""How the change log's images mark a BLOB, which JSON does not have."""
TEXT = "$text"
"""How they mark text with a NUL: its bytes."""


class RowReader:
    """Makes wire rows of a resource from its columns, in the order of `columns`.

    Write-only properties are among them only if `whole`.
    """

    def __init__(self, resource: Resource, *, whole: bool = False) -> None:
        readable = [prop for prop in resource.properties.values() if whole or not prop.write_only]
        self.columns = tuple(prop.name for prop in readable)
        decoders = [_decoder(resource, prop) for prop in readable]
        self._plan: list[tuple[str, type | None, Callable[[Any], Any], bool]] = [
            (prop.name, str if decode is _plain else None, decode, prop.nullable)
            for prop, decode in zip(readable, decoders, strict=True)
        ]
        """By column: its name, the type of values that are wire values already, what makes one, may it be null."""

    def row(self, values: Iterable[Any]) -> Row:
        """Values straight from a SELECT of `columns`."""
        row: Row = {}
        for (name, wire, decode, nullable), value in zip(self._plan, values, strict=True):
            decoded = value if value is None or type(value) is wire else decode(value)
            if decoded is not None or nullable:
                row[name] = decoded
        return row

    def image(self, text: bytes | str | None) -> Row | None:
        """An image in the change log: JSON of raw column values, in which control characters may be as they are."""
        if text is None:
            return None
        values: Mapping[str, Any] = json.loads(
            text if isinstance(text, str) else text.decode(errors="replace"), strict=False
        )
        return self.row(unmarked(values.get(name)) for name in self.columns)


def to_column(prop: Property, value: Any) -> Any:
    """A wire value as SQLite keeps it."""
    write = column_writer(prop)
    return value if value is None or write is None else write(value)


def column_writer(prop: Property) -> Callable[[Any], Any] | None:
    """What makes of wire values other than null what SQLite keeps; None where that is the same."""
    if prop.type in JSON_TYPES:
        return _compact
    if prop.type == "boolean":
        return int
    return number if prop.is_int64 else None


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def unmarked(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((mark, digits),) = value.items()
    found = bytes.fromhex(digits)
    return found.decode(errors="replace") if mark == TEXT else found


def _plain(value: Any) -> Any:
    """The value as JSON can have it: a BLOB as hexadecimal digits, infinity as null."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def _decoder(resource: Resource, prop: Property) -> Callable[[Any], Any]:
    if prop.is_int64:
        return _int64
    if prop.type == "integer":
        tell = teller(resource, prop.name)

        def integer(value: Any) -> Any:
            if type(value) is int and -SAFE_INTEGER <= value <= SAFE_INTEGER:
                return value
            tell(value)
            return _plain(value)

        return integer
    return _DECODERS.get(prop.type, _plain)


def _int64(value: Any) -> Any:
    """Digits, also those that a BLOB has, are text of an integer only where the column holds that integer."""
    if isinstance(value, int):
        return str(value)
    return f"0x{value.hex()}" if isinstance(value, bytes) else _plain(value)


def _boolean(value: Any) -> Any:
    return bool(value) if value in (0, 1) else _plain(value)


def _json(value: Any) -> Any:
    """The JSON value of the text. Text that cannot be sent as JSON (1e999, lone surrogates, too deep) stays text."""
    if not isinstance(value, str):
        return _plain(value)
    try:
        found = msgspec.json.decode(value)
    except (ValueError, RecursionError):
        return value
    return value if value.count("[") + value.count("{") > DEPTH and too_deep(found) else found


_DECODERS: dict[str, Callable[[Any], Any]] = {"boolean": _boolean, **dict.fromkeys(JSON_TYPES, _json)}
