"""Integers of 64 bits as text: the format `int64` of strings.

JSON readers in JavaScript round integers beyond 2^53, so that such integers travel as decimal text. The text has one
spelling for each integer; therefore equal integers are equal texts. This module knows neither schemas nor databases.
Invariant: `is_int64` is true exactly for the texts that `str` makes of the integers from -2^63 to 2^63 - 1.
"""

from __future__ import annotations

import re

FORMAT = "int64"
LOWEST, HIGHEST = -(2**63), 2**63 - 1
PATTERN = r"^(0|-?[1-9][0-9]{0,18})$"
"""A JSON Schema pattern that every such text matches. It also matches some integers of 19 digits beyond 2^63."""
_CANONICAL = re.compile(PATTERN.removeprefix("^").removesuffix("$")).fullmatch


class Int64(str):
    """The text of an integer in a filter. The type says that `lt` and such compare the integers and not the texts."""

    __slots__ = ()


def is_int64(value: object) -> bool:
    """Whether `value` is the text of an integer of 64 bits, in its one spelling."""
    return isinstance(value, str) and _CANONICAL(value) is not None and LOWEST <= int(value) <= HIGHEST


def number(value: object) -> object:
    """The integer that `value` spells. Anything that is no such text is returned as it is."""
    return int(value) if isinstance(value, str) and is_int64(value) else value
