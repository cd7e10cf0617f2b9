"""What a client that reads too slowly may miss of a room: `x-room.slow`.

It decides which waiting messages replace which, and what the client gets in the place of dropped ones. It works on
messages as the engine delivers them, which are text, and knows neither clients nor buffers.
Invariant: what stays and the gaps together name each offset of the room once, in order.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.json_pointer import steps
from tidegate_protocol import Gap, RoomPosition


class SlowRule(msgspec.Struct, frozen=True):
    """How messages of a kind of room are dropped: the oldest ones, or, with `conflate`, those that a newer replaces."""

    conflate: bool = False
    pointer: str | None = None
    """A JSON pointer (RFC 6901) into the content: a newer message with an equal value there replaces an older one.
    None: a newer message of the same sender does."""

    def replaces(self, text: bytes) -> bytes | None:
        """A value that is equal for messages of which the newest stays; None for a message that all stay beside."""
        if not self.conflate:
            return None
        message = msgspec.json.decode(text, type=_Message)
        if self.pointer is None:
            return message.sender.encode()
        try:
            value = _at(msgspec.json.decode(message.data), self.pointer)
        except LookupError:
            return None
        return msgspec.json.encode(_whole(value), order="deterministic")


def gap(text: bytes, dropped: int) -> Gap:
    """What stands in the place of `dropped` messages, of which `text` is the newest."""
    message = msgspec.json.decode(text, type=_Message)
    return Gap(room=message.room, dropped=dropped, position=message.position)


class _Message(msgspec.Struct):
    """What is read of a delivered message."""

    room: str
    position: RoomPosition
    data: msgspec.Raw
    sender: str = msgspec.field(name="from")


def _whole(value: Any) -> Any:
    """`value` with one spelling of each number: 1.0 and 1 are equal in JSON, also within a value."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, list):
        return [_whole(item) for item in value]
    if isinstance(value, dict):
        return {name: _whole(item) for name, item in value.items()}
    return value


def _at(value: Any, pointer: str) -> Any:
    """The value at `pointer`. Raises LookupError where there is none."""
    for name in steps(pointer):
        if isinstance(value, dict):
            value = value[name]
        elif isinstance(value, list) and name.isdecimal():
            value = value[int(name)]
        else:
            raise LookupError(pointer)
    return value
