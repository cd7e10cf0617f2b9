"""What a gateway says of a user in a room, as the database keeps it: a line of JSON, then what the client published.

The second part is copied as it is; nothing reads it on the way.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.core.rooms.ports import PresenceEntry


class _Line(msgspec.Struct, frozen=True, array_like=True):
    name: str
    connections: int
    status: Literal["online", "away"]
    since: int
    version: int = 0


_decoder = msgspec.json.Decoder(_Line)


def encoded(entry: PresenceEntry) -> bytes:
    line = msgspec.json.encode(_Line(entry.name, entry.connections, entry.status, entry.since, entry.version))
    return line if entry.info is None else line + b"\n" + bytes(entry.info)


def decoded(text: bytes) -> PresenceEntry:
    """Raises msgspec.ValidationError, msgspec.DecodeError."""
    first, published, info = text.partition(b"\n")
    line = _decoder.decode(first)
    return PresenceEntry(
        line.name,
        line.connections,
        line.status,
        line.since,
        msgspec.Raw(info) if published else None,
        version=line.version,
    )
