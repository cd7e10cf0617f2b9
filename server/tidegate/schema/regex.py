"""How regular expressions in schemas are matched: in time linear to the text, whatever the pattern.

The engine is Rust's `regex` crate, which has no backtracking, hence no lookaround and no backreferences. What is linear
can still be slow, by the size of the pattern's automaton: `LINEAR` bounds that.
https://docs.rs/regex/latest/regex/#untrusted-input
"""

from __future__ import annotations

from jsonschema_rs import Draft202012Validator, RegexOptions

SIZE = 256 * 1024
"""Bytes of a compiled pattern, at most. `^.{1,200}$` takes about 100 kB of them, for `.` is all of Unicode."""
SMALL = 32 * 1024
"""Bytes of a compiled pattern that may be tried on text of any length; beyond, `maxLength` has to bound the text."""

LINEAR = RegexOptions(size_limit=SIZE)


def fits(pattern: str, size: int) -> bool:
    """Whether the linear engine takes `pattern`, within `size` bytes."""
    try:
        Draft202012Validator({"pattern": pattern}, pattern_options=RegexOptions(size_limit=size))
    except ValueError:
        return False
    return True


def is_regex(pattern: str) -> bool:
    """Whether `pattern` is a regular expression at all, with lookaround and backreferences."""
    try:
        Draft202012Validator({"pattern": pattern})
    except ValueError:
        return False
    return True
