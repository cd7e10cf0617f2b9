"""How regular expressions in schemas are matched: in time linear to the text, whatever the pattern.

The engine is Rust's `regex` crate, which has no backtracking, hence no lookaround and no backreferences. What is linear
can still be slow, by the size of the pattern's automaton: `LINEAR` bounds that.
https://docs.rs/regex/latest/regex/#untrusted-input
"""

from __future__ import annotations

from jsonschema_rs import Draft202012Validator, RegexOptions

SMALL = 32 * 1024
"""Bytes of a compiled pattern that may be tried on a text of any length."""
LARGEST = 8 * 1024 * 1024
"""Bytes of a compiled pattern, at most: `^[\\p{L} ]{1,50}$` takes 4 MiB, for there are many letters."""

LINEAR = RegexOptions(size_limit=LARGEST)


def fits(pattern: str, size: int) -> bool:
    """Whether the linear engine takes `pattern`, within `size` bytes."""
    try:
        Draft202012Validator({"pattern": pattern}, pattern_options=RegexOptions(size_limit=size))
    except ValueError:
        return False
    return True


def size_of(pattern: str) -> int | None:
    """Bytes of `pattern` when compiled, rounded up to a power of two; None if the linear engine does not take it."""
    size = SMALL
    while size <= LARGEST:
        if fits(pattern, size):
            return size
        size *= 2
    return None


def is_regex(pattern: str) -> bool:
    """Whether `pattern` is a regular expression at all, with lookaround and backreferences."""
    try:
        Draft202012Validator({"pattern": pattern})
    except ValueError:
        return False
    return True
