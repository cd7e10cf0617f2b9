"""What clients should get of a table, computed from a SELECT alone, without Tidegate's code.

The kinds of columns come from the schema file, as a client knows them. A value that the wire cannot have (infinity, a
time after the year 9999) is null; JSON that cannot be sent is its text.
"""

from __future__ import annotations

import json
import math
import re
from datetime import UTC, datetime
from typing import Any

Property = dict[str, Any]
SAFE = 2**53 - 1
BOOLEANS = ("true", "false", 0, 1)
INSTANT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)?\+00")


def same(prop: Property, sent: Any, stored: Any) -> bool:
    """Whether a client that got `sent` got the right value. `stored`: text of PostgreSQL, a value of SQLite, None."""
    return any(_equal(sent, right) for right in expected(prop, stored))


def expected(prop: Property, stored: Any) -> list[Any]:
    """The right values; more than one where documents leave it open."""
    kinds = prop.get("type", "string")
    kind = next((one for one in [kinds] if isinstance(one, str)), None) or next(k for k in kinds if k != "null")
    if stored is None:
        return [None]
    if isinstance(stored, bytes):
        return [stored.hex()]
    if (isinstance(kinds, list) and len(set(kinds) - {"null"}) > 1) or kind in {"object", "array"}:
        return _of_json(stored)
    if prop.get("format") == "date-time":
        return [_instant(stored)]
    if kind in {"integer", "number"}:
        return _of_number(stored)
    if kind == "boolean":
        return [{"true": True, "false": False, 0: False, 1: True}[stored]] if stored in BOOLEANS else _of_number(stored)
    # SQLite's text may be no UTF-8.
    if isinstance(stored, str):
        return [stored.encode(errors="surrogateescape").decode(errors="replace")]
    return _of_number(stored)


def _of_number(stored: Any) -> list[Any]:
    if isinstance(stored, str):  # a number of PostgreSQL's, or text that SQLite has in a column of numbers
        try:
            number = int(stored) if re.fullmatch(r"-?\d+", stored) else float(stored)
        except ValueError:
            return [stored]
        return [*_of_number(number), stored] if math.isnan(number) else _of_number(number)
    return [None] if isinstance(stored, float) and not math.isfinite(stored) else [stored]


def _of_json(stored: Any) -> list[Any]:
    if not isinstance(stored, str):
        return [None if isinstance(stored, float) and not math.isfinite(stored) else stored]
    try:
        return [json.loads(stored), stored]
    except (ValueError, RecursionError):
        return [stored]


def _instant(stored: str) -> Any:
    if not INSTANT.fullmatch(stored):
        return None if "infinity" in stored or "BC" in stored or stored[4] != "-" else stored
    return datetime.fromisoformat(stored.replace("+00", "+00:00"))


def _equal(sent: Any, right: Any) -> bool:
    if isinstance(right, datetime):
        return isinstance(sent, str) and datetime.fromisoformat(sent.replace("Z", "+00:00")).astimezone(UTC) == right
    if isinstance(right, bool) or isinstance(sent, bool):
        return sent is right
    if isinstance(sent, str) and isinstance(right, int):  # an integer beyond 2^53 travels as text
        return abs(right) > SAFE and sent == str(right)
    return bool(sent == right)
