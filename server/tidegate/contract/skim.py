"""The `ref` of a message that cannot be decoded, so that the error about it reaches the request that it refuses.

It looks for `"ref": VALUE` directly inside the outermost object, whatever else is wrong in the message: half a
surrogate pair, NaN, a missing bracket at its end. C code counts the bytes, and only a few places are looked at, because
hostile clients send such messages. Invariant: what it returns stands where a `ref` stands; the caller judges the value.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

PLACES = 2
"""How many places are looked at from the end, and as many from the beginning: clients write `ref` last or first."""

_NAME = b'"ref"'
_REF = re.compile(
    rb'"ref"[ \t\r\n]{0,16}:[ \t\r\n]{0,16}("(?:[^"\\]|\\.){0,400}"|-?[0-9]{1,20}(?:\.0{1,20})?)(?=[ \t\r\n,}]|$)'
)
_PLAIN = bytes(set(range(256)) - set(b'"{}[]'))


def skim(payload: bytes) -> Any:
    """The value of `ref` of the message in `payload`; None without one that is certain."""
    for place in _places(payload):
        value = _REF.match(payload, place)
        if value is None or not _is_of_the_message(payload[:place]):
            continue
        try:
            return msgspec.json.decode(value[1])
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None
    return None


def _places(payload: bytes) -> dict[int, None]:
    """Where `"ref"` stands: the last places, then the first ones."""
    places: dict[int, None] = {}
    end = len(payload)
    for _ in range(PLACES):
        if (end := payload.rfind(_NAME, 0, end)) < 0:
            return places
        places[end] = None
    start = -1
    for _ in range(PLACES):
        start = payload.find(_NAME, start + 1)
        places[start] = None
    return places


def _is_of_the_message(before: bytes) -> bool:
    """Whether a name that comes after `before` is that of a property of the outermost object."""
    if not before.rstrip(b" \t\r\n").endswith((b"{", b",")):
        return False
    bare = before.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in before else before
    bare = bare.translate(None, _PLAIN).replace(b'""', b"")  # most texts contain no bracket
    outside = bare.split(b'"')
    brackets = b"".join(outside[::2])
    depth = brackets.count(b"{") + brackets.count(b"[") - brackets.count(b"}") - brackets.count(b"]")
    return depth == 1 and brackets.startswith(b"{") and len(outside) % 2 == 1
