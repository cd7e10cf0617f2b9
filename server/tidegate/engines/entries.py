"""What one gateway says of one user in one room, as text for an engine's server.

A short array without names, because each presence is kept and sent many times. It knows no server.
Invariant: `decode` of `encode` is the same entry, whatever the user's client published.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.core.rooms.ports import PresenceEntry

NOTHING = msgspec.Raw(b"null")


class _Text(msgspec.Struct, frozen=True, array_like=True):
    """A `PresenceEntry`. msgspec decodes a Raw that may be absent only as a Raw that is null."""

    name: str
    connections: int
    status: Literal["online", "away"]
    since: int
    version: int
    info: msgspec.Raw


_decoder = msgspec.json.Decoder(_Text)


def encode(entry: PresenceEntry) -> bytes:
    info = NOTHING if entry.info is None else entry.info
    text = _Text(entry.name, entry.connections, entry.status, entry.since, entry.version, info)
    return msgspec.json.encode(text)


def decode(text: bytes | str) -> PresenceEntry:
    """Raises msgspec.MsgspecError."""
    said = _decoder.decode(text)
    info = None if bytes(said.info) == b"null" else said.info.copy()
    return PresenceEntry(said.name, said.connections, said.status, said.since, info, said.version)
