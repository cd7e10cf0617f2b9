"""Which values a program may send: what JSON has, and the types that have one text or list in JSON.

`plain` and `as_json` are the only ways from a program's value to a frame. A value that JSON does not have fails here,
in the call that brought it, so that no other request notices. Neither knows what a message means.
Invariant: what `as_json` returns is JSON that the gateway reads as the program meant it.
"""

from __future__ import annotations

import math
from typing import Any

import msgspec

from tidegate_protocol import plain as protocol

from .errors import TidegateError

__all__ = ["as_json", "plain"]

_encoder = msgspec.json.Encoder()
_UNWRITABLE = (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError)
"""What msgspec raises for a value that it can't write."""


def plain(value: Any) -> Any:
    """`value` with Structs, datetimes, uuids and the like turned into what JSON has. TidegateError `not_json`."""
    try:
        return protocol.plain(value)
    except _UNWRITABLE as error:
        raise _not_json(error) from None


def as_json(value: Any) -> bytes:
    """`value` as JSON. TidegateError `not_json`."""
    try:
        payload = _encoder.encode(value)
    except _UNWRITABLE as error:
        raise _not_json(error) from None
    if b"null" in payload and (place := _infinite(value)) is not None:  # msgspec writes NaN as null
        raise TidegateError("not_json", "JSON has no NaN and no Infinity", pointer=place)
    return payload


def _not_json(error: Exception) -> TidegateError:
    if isinstance(error, RecursionError):
        return TidegateError("not_json", "the value contains itself, or is nested too deeply")
    if isinstance(error, UnicodeEncodeError):
        return TidegateError("not_json", "a text has half a character: a surrogate without its other half")
    return TidegateError("not_json", f"the value can't be written as JSON: {error}")


def _infinite(value: Any, pointer: str = "") -> str | None:
    """Where the first number is that JSON does not have; None if there is none."""
    if isinstance(value, float):
        return None if math.isfinite(value) else pointer
    value = msgspec.to_builtins(value) if isinstance(value, msgspec.Struct) else value
    if isinstance(value, dict):
        items = [(str(name).replace("~", "~0").replace("/", "~1"), item) for name, item in value.items()]
    elif isinstance(value, list | tuple | set | frozenset):
        items = [(str(index), item) for index, item in enumerate(value)]
    else:
        return None
    places = (_infinite(item, f"{pointer}/{name}") for name, item in items)
    return next((place for place in places if place is not None), None)
