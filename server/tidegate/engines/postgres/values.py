"""Values as PostgreSQL has them in binary: what statements are given, and what rows hold.

Formats: the *send and *recv functions of PostgreSQL's src/backend/utils/adt. Arrays have one dimension, no nulls.
"""

from __future__ import annotations

from collections.abc import Sequence
from struct import Struct

Row = tuple[bytes | None, ...]

BYTEA, INT8 = 17, 20
"""The oids of the types."""
TRUE, FALSE = b"\x01", b"\x00"
_HEAD = Struct("!iiIii")
_EMPTY = Struct("!iiI")
_LENGTH = Struct("!i")
_INT = Struct("!q")
_INT_ELEMENT = Struct("!iq")


def int8(value: int) -> bytes:
    return _INT.pack(value)


def integer(value: bytes | None) -> int:
    """Of any width; 0 for NULL."""
    return 0 if value is None else int.from_bytes(value, signed=True)


def text(value: bytes | None) -> str:
    """Empty for NULL."""
    return "" if value is None else value.decode()


def bytea_array(values: Sequence[bytes]) -> bytes:
    if not values:
        return _EMPTY.pack(0, 0, BYTEA)
    parts = [_HEAD.pack(1, 0, BYTEA, len(values), 1)]
    for value in values:
        parts += (_LENGTH.pack(len(value)), value)
    return b"".join(parts)


def int8_array(values: Sequence[int]) -> bytes:
    if not values:
        return _EMPTY.pack(0, 0, INT8)
    return _HEAD.pack(1, 0, INT8, len(values), 1) + b"".join([_INT_ELEMENT.pack(8, value) for value in values])
