"""The span of a client, as the header `traceparent` of a request over HTTP names it.

The format is that of https://www.w3.org/TR/trace-context/, in which a header that is not right counts as none.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HEADER = re.compile(r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?", re.A)
LONGEST = 256


class Parent(NamedTuple):
    """The span of a client, as it names it."""

    trace: int
    span: int
    sampled: bool


def read(header: str | None) -> Parent | None:
    """None for a header that is not there or not right."""
    found = None if header is None or len(header) > LONGEST else _HEADER.fullmatch(header.strip())
    if found is None:
        return None
    version, trace, span, flags, more = found.groups()
    if version == "00" and more is not None:
        return None
    return Parent(int(trace, 16), int(span, 16), bool(int(flags, 16) & 1))
