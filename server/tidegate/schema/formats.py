"""The formats of strings that Tidegate adds to those of JSON Schema. Every validator gets them.

`int64`: the decimal text of an integer from -2^63 to 2^63 - 1. Other readers ignore a format that they do not know.
Invariant: a format says nothing about values that are no strings.
"""

from __future__ import annotations

from collections.abc import Callable

from tidegate.int64 import FORMAT as INT64
from tidegate.int64 import is_int64

FORMATS: dict[str, Callable[[str], bool]] = {INT64: is_int64}
"""By name, as jsonschema-rs takes them."""
MEANINGS = {INT64: 'the decimal text of an integer of 64 bits, such as "42"'}
"""What a text must be, for people who sent another one."""
