"""Reads a moment as an operator gives it: a date and time of RFC 3339 with its offset, or seconds since 1970.

Invariant: a text without an offset is refused, because the operator and the gateway may be in different time zones.
"""

from __future__ import annotations

from datetime import datetime
from math import isfinite
from typing import Any

EXAMPLE = "2030-12-31T23:59:00Z"


def moment(given: Any) -> float:
    """Seconds since the Unix epoch. Raises ValueError with a text for the operator."""
    if isinstance(given, int | float) and not isinstance(given, bool):
        if isfinite(given) and given >= 0:
            return float(given)
    elif isinstance(given, str):
        try:
            found = datetime.fromisoformat(given)
        except ValueError:
            found = None
        if found is not None and found.tzinfo is not None:
            return found.timestamp()
        if found is not None:
            raise ValueError(f"must have an offset from UTC, such as {EXAMPLE} or 2030-12-31T23:59:00+01:00")
    raise ValueError(f"must be a date and time such as {EXAMPLE}")
