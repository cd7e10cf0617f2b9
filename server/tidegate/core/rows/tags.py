"""Entity tags: a short text that changes whenever what a row holds changes (RFC 9110, section 8.8.3).

A tag is made of the row as readers see it, so that it tells nothing of what they may not read.
Invariant: rows that are equal as JSON have the same tag, whatever the order of their properties.
"""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

TAG_BYTES = 12
_encode = msgspec.json.Encoder(order="sorted").encode


def tag(row: dict[str, Any]) -> str:
    """The strong tag of a wire row, in its quotes."""
    return f'"{hashlib.blake2b(_encode(row), digest_size=TAG_BYTES).hexdigest()}"'
