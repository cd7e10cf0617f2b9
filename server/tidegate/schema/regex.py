"""Settings for regular expressions in schemas: every pattern is matched in time linear to the text.

The engine is Rust's `regex` crate. It has no backtracking, and therefore no lookaround and no backreferences. A linear
match can still be slow if the pattern's automaton is large: `LINEAR` limits its size.
https://docs.rs/regex/latest/regex/#untrusted-input
"""

from __future__ import annotations

from functools import lru_cache

from jsonschema_rs import Draft202012Validator, RegexOptions, Validator

SMALL = 32 * 1024
"""Maximum bytes of a compiled pattern for texts of any length."""
LARGEST = 8 * 1024 * 1024
"""Maximum bytes of any compiled pattern. `^[\\p{L} ]{1,50}$` takes 4 MiB, because Unicode has many letters."""

LINEAR = RegexOptions(size_limit=LARGEST)


def fits(pattern: str, size: int) -> bool:
    """Whether the linear engine compiles `pattern` within `size` bytes."""
    try:
        Draft202012Validator({"pattern": pattern}, pattern_options=RegexOptions(size_limit=size))
    except ValueError:
        return False
    return True


def size_of(pattern: str) -> int | None:
    """Bytes of the compiled `pattern`, rounded up to a power of two. None if the engine cannot compile it."""
    size = SMALL
    while size <= LARGEST:
        if fits(pattern, size):
            return size
        size *= 2
    return None


def is_regex(pattern: str) -> bool:
    """Whether `pattern` is a regular expression; it may have lookaround and backreferences."""
    try:
        Draft202012Validator({"pattern": pattern})
    except ValueError:
        return False
    return True


def is_match(pattern: str, text: str) -> bool:
    """Whether `text` matches `pattern`, which the linear engine knows."""
    return _validator(pattern).is_valid(text)


@lru_cache(maxsize=1024)
def _validator(pattern: str) -> Validator:
    return Draft202012Validator({"pattern": pattern}, pattern_options=LINEAR)
