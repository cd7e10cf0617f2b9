"""The one spelling of a value that rows on the wire have: moments in UTC, UUIDs in lower case, integers of 64 bits.

The gateway brings what clients send into these forms; the client does the same where it judges before the answer.
Invariant: a value that has no other spelling, or cannot be read, comes back as it is.
"""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

__all__ = ["INT64", "canonical", "integer", "utc_now"]

INT64 = "int64"
_SPELLED = re.compile(r"0|-?[1-9][0-9]{0,18}").fullmatch


def canonical(value: Any, kind: str) -> Any:
    """`value`, or the values of a list, in the form of the type or format `kind`."""
    if isinstance(value, list | tuple):
        return [canonical(item, kind) for item in value]
    if not isinstance(value, str):
        return value
    try:
        if kind == "date-time":
            moment = datetime.fromisoformat(value.upper())
            return value if moment.tzinfo is None else _utc(moment)
        if kind == "uuid":
            return str(uuid.UUID(value))
    except (ValueError, OverflowError):
        return value
    return value


def integer(value: Any) -> int | None:
    """The integer of 64 bits that `value` spells; None if it is no such text."""
    if not isinstance(value, str) or _SPELLED(value) is None:
        return None
    number = int(value)
    return number if -(2**63) <= number < 2**63 else None


def utc_now() -> str:
    """The present time as rows have it."""
    return _utc(datetime.now(UTC))


def _utc(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
