"""JSON that is well formed and dangerous all the same: too deep, numbers that lose digits, characters databases refuse.

A scan of the bytes tells most messages apart for half a microsecond; only the others are walked. The range of integers
is that of RFC 8259, section 6.
Invariant: what `read` returns is a dict nested at most `DEPTH` deep, with no NUL and no integer beyond +-(2^53 - 1).
"""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.core.errors import Refused
from tidegate.schema.derive import SAFE_INTEGER
from tidegate.schema.walk import pointer

DEPTH = 32
"""Objects and arrays inside each other, the message itself included."""

_FOLD = bytes.maketrans(b"012345678{", b"999999999[")
_LONG = b"9" * 16  # 2^53 - 1 has 16 digits
_decode = msgspec.json.Decoder().decode


def read(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`. Raises Refused: invalid_json, invalid_message, invalid_data."""
    try:
        message = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("invalid_json", f"not JSON: {error}") from None
    except RecursionError:
        raise Refused("invalid_json", f"nested deeper than {DEPTH} levels") from None
    if type(message) is not dict:
        raise Refused("invalid_json", "a message is one JSON object")
    if _suspicious(payload):
        _walk(message)
    return message


def code_at(place: str) -> Any:
    """The error code for something wrong at the pointer `place`."""
    return "invalid_data" if place == "/data" or place.startswith("/data/") else "invalid_message"


def readable_ref(message: dict[str, Any]) -> str | int | None:
    """The `ref` of a message that may be wrong otherwise; None when there is none that an answer could carry."""
    ref = message.get("ref")
    if type(ref) is str:
        return ref if 0 < len(ref) <= 64 and "\0" not in ref else None
    if type(ref) is int:
        return ref if abs(ref) <= SAFE_INTEGER else None
    return None


def _suspicious(payload: bytes) -> bool:
    folded = payload.translate(_FOLD)
    return folded.count(b"[") > DEPTH or folded.find(_LONG) >= 0 or (payload.find(b"\\") >= 0 and b"\\u0000" in payload)


def _walk(message: dict[str, Any]) -> None:
    """Raises Refused at the first thing that must not be. Not recursive, for hostile messages aim at exactly that."""
    todo: list[tuple[list[str | int], Any]] = [([], message)]
    while todo:
        path, value = todo.pop()
        if (fault := _fault(path, value)) is not None:
            place = pointer(path)
            raise Refused(code_at(place), fault, pointer=place, ref=readable_ref(message))
        if type(value) is dict:
            todo.extend(([*path, name], sub) for name, sub in value.items())
        elif type(value) is list:
            todo.extend(([*path, index], sub) for index, sub in enumerate(value))


def _fault(path: list[str | int], value: Any) -> str | None:
    if type(value) is str:
        return "must not contain NUL" if "\0" in value else None
    if type(value) is int:
        return None if abs(value) <= SAFE_INTEGER else "must be an integer within +-(2^53 - 1)"
    if type(value) is dict or type(value) is list:
        if len(path) >= DEPTH:
            return f"nested deeper than {DEPTH} levels"
        if type(value) is dict and any("\0" in name for name in value):
            return "must not have a property with NUL in its name"
    return None
