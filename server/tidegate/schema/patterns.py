"""Room patterns: room names in which `*` matches any characters, also none.

Invariant: `overlap(a, b)` is true exactly if a name exists that matches both.
"""

from __future__ import annotations

import re
from functools import lru_cache

OPEN = "*"
"""The pattern that may overlap all others. It applies to rooms that no other pattern matches."""


def compiled(pattern: str) -> re.Pattern[str]:
    """The pattern as a regular expression for `fullmatch`."""
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


@lru_cache(maxsize=1024)
def overlap(left: str, right: str) -> bool:
    """Whether a name exists that matches both patterns."""
    if not left or not right:
        return not left.strip("*") and not right.strip("*")
    if left[0] == "*":
        return overlap(left[1:], right) or overlap(left, right[1:])
    if right[0] == "*":
        return overlap(right, left)
    return left[0] == right[0] and overlap(left[1:], right[1:])
