"""JSON that is well formed and dangerous all the same: too many values, too deep, numbers that lose digits, NUL.

Counting bytes tells most messages apart for half a microsecond; only the others are looked into. The range of integers
is that of RFC 8259, section 6. What a refusal costs is bounded: it is what hostile clients ask for.
Invariant: what `read` returns is a dict of at most `VALUES` values, nested at most `DEPTH` deep, with no NUL and no
integer beyond +-(2^53 - 1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from tidegate.core.errors import Refused, nearest
from tidegate.schema.derive import SAFE_INTEGER
from tidegate.schema.subschemas import pointer

DEPTH = 32
"""Objects and arrays inside each other, the message itself included."""

VALUES = 32_768
"""Properties and items in one message: as many as a message of the default size can have at the very most."""

_FOLD = bytes.maketrans(b"012345678{", b"999999999[")
_LONG = b"9" * 16  # 2^53 - 1 has 16 digits
_PLAIN = bytes(set(range(256)) - set(b'",:[]{}'))
_decode = msgspec.json.Decoder().decode


class _Ref(msgspec.Struct):
    """A message of which only the `ref` is made; the rest is skipped, and costs no objects."""

    ref: str | int | None = None


_decode_ref = msgspec.json.Decoder(_Ref).decode


def read(payload: bytes) -> dict[str, Any]:
    """The JSON object in `payload`. Raises Refused: invalid_json, too_large, invalid_message, invalid_data."""
    if len(payload) > 2 * VALUES and _values(payload) > VALUES:
        raise Refused("too_large", f"has more than {VALUES:,} properties and items", ref=_skimmed_ref(payload))
    try:
        message = _decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Refused("invalid_json", f"not JSON: {error}") from None
    except RecursionError:
        raise Refused("invalid_json", f"nested deeper than {DEPTH} levels") from None
    if type(message) is not dict:
        raise Refused("invalid_json", "a message is one JSON object")
    folded = payload.translate(_FOLD)
    nul = payload.find(b"\\") >= 0 and b"\\u0000" in payload
    if nul or folded.count(b"[") > DEPTH or folded.find(_LONG) >= 0:
        _search(message, nul)
    return message


def code_at(place: str) -> Any:
    """The error code for something wrong at the pointer `place`."""
    return "invalid_data" if place == "/data" or place.startswith("/data/") else "invalid_message"


def readable_ref(message: dict[str, Any]) -> str | int | None:
    """The `ref` of a message that may be wrong otherwise; None when there is none that an answer could carry."""
    ref = message.get("ref")
    if type(ref) is str:
        return ref if 0 < len(ref) <= 64 and "\0" not in ref else None
    if type(ref) is float and ref.is_integer():
        ref = int(ref)  # JSON Schema: 1.0 is an integer
    if type(ref) is int:
        return ref if abs(ref) <= SAFE_INTEGER else None
    return None


def _values(payload: bytes) -> int:
    """How many values the message has for certain, whatever stands in its texts."""
    most = payload.count(b",") + payload.count(b"[") + payload.count(b"{")
    if most <= VALUES:
        return most
    bare = payload.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in payload else payload
    bare = bare.translate(None, _PLAIN).replace(b'""', b"")  # most texts have nothing left in them
    bare = b"".join(bare.split(b'"')[::2])
    return bare.count(b",") + bare.count(b"[") + bare.count(b"{") - bare.count(b"[]") - bare.count(b"{}")


def _skimmed_ref(payload: bytes) -> str | int | None:
    """The `ref` of a message that is too large to be read. Raises Refused if it is not JSON at all."""
    if not payload.lstrip().startswith(b"{"):
        raise Refused("invalid_json", "a message is one JSON object")
    try:
        return readable_ref({"ref": _decode_ref(payload).ref})
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"not JSON: {error}") from None


def _search(message: dict[str, Any], nul: bool) -> None:
    """Raises Refused at the first thing that must not be. `nul`: whether there may be a NUL anywhere.

    Not recursive, for hostile messages aim at exactly that; level by level, so that paths are made only when needed.
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
    """The refusal of `value` in `container`, or of `container` itself, which stands in the last of the `levels`."""
    path: list[str | int] = [] if value is None else [next(_steps(container, value))]
    for above in reversed(levels[:-1]):
        container, step = next((item, step) for item in above for step in _steps(item, container))
        path.append(step)
    place = nearest(pointer(path[::-1]))
    return Refused(code_at(place), fault, pointer=place, ref=readable_ref(levels[0][0]))


def _steps(container: Any, wanted: Any) -> Iterator[str | int]:
    """Under which names or indices the very object `wanted` is in `container`."""
    pairs: Iterable[tuple[str | int, Any]] = container.items() if type(container) is dict else enumerate(container)
    return (step for step, value in pairs if value is wanted)
