"""The text of a room message before its position and after its time, for engines that give both.

Such an engine puts the two halves around what it decides. So a message is encoded once in all gateways together, and
no gateway parses what it passes on. It knows no rooms.
Invariant: `whole` of two halves is byte for byte what the encoder makes of the whole message.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from tidegate_protocol import RoomMessage, RoomPosition, Sender

Encode = Callable[[RoomMessage], bytes]

_NOWHERE = RoomPosition(epoch="-", offset=0)
_PLACE = b'"position":{"epoch":"-","offset":0},"time":0'
"""What the encoder makes of a position and a time that are not known yet. It stands behind everything that a client
says, so its last occurrence is the place."""


class Halves(NamedTuple):
    """A message without its position and time."""

    head: bytes
    tail: bytes

    @property
    def size(self) -> int:
        return len(self.head) + len(self.tail)


def halves(encode: Encode, room: str, sender: Sender, data: Any) -> Halves:
    """The halves of a message that `sender` sends to `room`."""
    text = encode(RoomMessage(room=room, from_=sender.id, sender=sender, data=data, position=_NOWHERE, time=0))
    place = text.rindex(_PLACE)
    return Halves(text[:place], text[place + len(_PLACE) :])


def whole(parts: Halves, epoch: str, offset: int, time: int) -> bytes:
    """The message with its place and its time, in milliseconds since the Unix epoch. An engine may do this elsewhere.

    An epoch has no character that JSON escapes.
    """
    return b'%b"position":{"epoch":"%b","offset":%d},"time":%d%b' % (
        parts.head,
        epoch.encode(),
        offset,
        time,
        parts.tail,
    )
