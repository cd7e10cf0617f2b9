"""Room patterns: names in which `*` stands for any run of characters, also an empty one.

Invariant: `overlap(a, b)` exactly when some name matches both.
"""

from __future__ import annotations

import re
from functools import lru_cache

OPEN = "*"
"""The pattern that may overlap all others and gives way to them."""


def compiled(pattern: str) -> re.Pattern[str]:
    """A regular expression for `fullmatch`."""
    return re.compile(".*".join(re.escape(part) for part in pattern.split("*")), re.DOTALL)


@lru_cache(maxsize=1024)
def overlap(left: str, right: str) -> bool:
    """Whether some name matches both patterns."""
    if not left or not right:
        return not left.strip("*") and not right.strip("*")
    if left[0] == "*":
        return overlap(left[1:], right) or overlap(left, right[1:])
    if right[0] == "*":
        return overlap(right, left)
    return left[0] == right[0] and overlap(left[1:], right[1:])
