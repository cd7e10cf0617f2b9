"""Refuses JSON that is valid but dangerous: too many values, too many levels, inexact integers, NUL.

Counting bytes clears most messages in a quarter of a microsecond; `read` searches only the others. The range of
integers is that of RFC 8259, section 6. The cost of a refusal is bounded, because hostile clients provoke refusals.
Invariant: `read` returns a dict of at most `VALUES` values, nested at most `DEPTH` deep, with no NUL and no integer
beyond +-(2^53 - 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tidegate.contract.skim import skim
from tidegate.core.errors import Refused, nearest
from tidegate.json_pointer import pointer
from tidegate.schema.derive import SAFE_INTEGER

DEPTH = 32
"""Maximum nesting of objects and arrays. The message itself counts as one level."""

VALUES = 32_768
"""Maximum number of properties and items in a message. A message of the default size cannot have more."""

NUL = b"\\u0000"
"""The only way in which JSON can spell it."""

_FOLD = bytes.maketrans(b"012345678{", b"999999999[")
_LONG = b"9" * 16  # 2^53 - 1 has 16 digits
_LARGEST = b"%d" % SAFE_INTEGER
_POINT, _NINE = b".9"
_PLAIN = bytes(set(range(256)) - set(b'",:[]{}'))
parse = msgspec.json.Decoder().decode
"""The JSON value in a payload, of which nothing is known. Raises DecodeError, UnicodeDecodeError or RecursionError."""


class _Ref(msgspec.Struct):
    """Decodes only the `ref` of a message. The decoder skips the rest and makes no objects for it."""

    ref: str | int | None = None


_decode_ref = msgspec.json.Decoder(_Ref).decode


def read(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`. Raises Refused: invalid_json, too_large, invalid_message, invalid_data."""
    if len(payload) > 2 * VALUES and _values(payload) > VALUES:
        raise Refused("too_large", f"has more than {VALUES:,} properties and items").answering(_skimmed_ref(payload))
    try:
        message = parse(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("invalid_json", f"not JSON: {error}").answering(_ref_in(payload)) from None
    except RecursionError:
        raise Refused("invalid_json", f"nested deeper than {DEPTH} levels").answering(_ref_in(payload)) from None
    if type(message) is not dict:
        raise Refused("invalid_json", "a message is one JSON object")
    if suspicious(payload):
        _search(message, NUL in payload)
    return message


def suspicious(payload: bytes) -> bool:
    """Whether a message, which is a JSON object, may have a hazard beside the number of its values."""
    folded = payload.translate(_FOLD)
    at = folded.find(_LONG)
    return (at >= 0 and _beyond(payload, folded, at)) or folded.count(b"[") > DEPTH or payload.find(NUL) >= 0


def _beyond(payload: bytes, folded: bytes, at: int) -> bool:
    """Whether a run of digits may be an integer beyond 2^53 - 1. `at`: where the first of 16 digits or more begins.

    A time in nanoseconds, an identifier of 16 digits or a fraction are none: without this each of them would cost a
    search of the whole message. A run that begins within the digits of a fraction may be taken for one.
    """
    while at >= 0:
        end = at + len(_LARGEST)
        if payload[at - 1] != _POINT and (payload[at:end] > _LARGEST or folded[end] == _NINE):
            return True
        at = folded.find(_LONG, end)
    return False


def check(message: dict[str, Any]) -> None:
    """Raises Refused for what `read` would refuse in a message that does not come as JSON."""
    _search(message, nul=True)


def code_at(place: str) -> Any:
    """The error code for something wrong at the pointer `place`."""
    return "invalid_data" if place == "/data" or place.startswith("/data/") else "invalid_message"


def readable_ref(message: dict[str, Any]) -> str | int | None:
    """The `ref` of a message that may have other faults. None if the message has no valid `ref`."""
    ref = message.get("ref")
    if type(ref) is str:
        return ref if 0 < len(ref) <= 64 and "\0" not in ref else None
    if type(ref) is float and ref.is_integer():
        ref = int(ref)  # JSON Schema: 1.0 is an integer
    if type(ref) is int:
        return ref if abs(ref) <= SAFE_INTEGER else None
    return None


def _values(payload: bytes) -> int:
    """A lower bound of the number of values in the message, for any content of its texts."""
    most = payload.count(b",") + payload.count(b"[") + payload.count(b"{")
    if most <= VALUES:
        return most
    bare = payload.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in payload else payload
    bare = bare.translate(None, _PLAIN).replace(b'""', b"")  # most texts contain neither a comma nor a bracket
    bare = b"".join(bare.split(b'"')[::2])
    return bare.count(b",") + bare.count(b"[") + bare.count(b"{") - bare.count(b"[]") - bare.count(b"{}")


def _skimmed_ref(payload: bytes) -> str | int | None:
    """The `ref` of a message that is too large to decode. Raises Refused if the message is not JSON."""
    if not payload.lstrip().startswith(b"{"):
        raise Refused("invalid_json", "a message is one JSON object")
    try:
        return readable_ref({"ref": _decode_ref(payload).ref})
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"not JSON: {error}").answering(_ref_in(payload)) from None


def _ref_in(payload: bytes) -> str | int | None:
    """The `ref` of a message that is not JSON."""
    return readable_ref({"ref": skim(payload)})


def _search(message: dict[str, Any], nul: bool) -> None:
    """Raises Refused for the first hazard. `nul`: whether the message may contain NUL.

    The search is not recursive: a hostile message would exhaust the stack. It goes level by level and makes a path
    only for a refusal.
    """
    levels: list[list[Any]] = []
    level: list[Any] = [message]
    while level:
        levels.append(level)
        if len(levels) > DEPTH:
            raise _refused(levels, level[0], None, f"nested deeper than {DEPTH} levels")
        inner: list[Any] = []
        for container in level:
            if type(container) is dict:
                if nul and "\0" in "".join(container):
                    raise _refused(levels, container, None, "must not have a property with NUL in its name")
                values: Iterable[Any] = container.values()
            else:
                values = container
            for value in values:
                kind = type(value)
                if kind is dict or kind is list:
                    inner.append(value)
                elif kind is str:
                    if nul and "\0" in value:
                        raise _refused(levels, container, value, "must not contain NUL")
                elif kind is int and not -SAFE_INTEGER <= value <= SAFE_INTEGER:
                    raise _refused(levels, container, value, "must be an integer within +-(2^53 - 1)")
        level = inner


def _refused(levels: list[list[Any]], container: Any, value: Any, fault: str) -> Refused:
    """The refusal of `value` in `container`, or of `container` itself, which is in the last of the `levels`."""
    path: list[str | int] = [] if value is None else [next(_steps(container, value))]
    for above in reversed(levels[:-1]):
        container, step = next((item, step) for item in above for step in _steps(item, container))
        path.append(step)
    place = nearest(pointer(path[::-1]))
    return Refused(code_at(place), fault, pointer=place).answering(readable_ref(levels[0][0]))


def _steps(container: Any, wanted: Any) -> Iterator[str | int]:
    """The names or indices under which `container` has the object `wanted`, compared by identity."""
    pairs: Iterable[tuple[str | int, Any]] = container.items() if type(container) is dict else enumerate(container)
    return (step for step, value in pairs if value is wanted)
