"""What one gateway says of one user in one room, and how the entries of several gateways are one member.

It knows no rooms. Invariant: the member is the same whichever gateway merges the entries, and in whichever order.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Literal

import msgspec

from tidegate_protocol import Member


class PresenceEntry(msgspec.Struct, frozen=True):
    """What one gateway says of one user in one room."""

    name: str
    connections: int
    """How many of its sessions stand for the user; at least 1."""
    status: Literal["online", "away"]
    since: int
    """When the user came, in milliseconds since the Unix epoch."""
    info: msgspec.Raw | None = None
    """What the user's client published; None for nothing."""
    version: int = 0
    """Of two entries of one user, the one with the larger version has the newer name and info."""


class RemoteMember(msgspec.Struct, frozen=True):
    """A user who is present in a room through another gateway."""

    node: str
    user: str
    entry: PresenceEntry


def merged(user: str, entries: Collection[PresenceEntry]) -> Member:
    """The member that all `entries` together are: at least one."""
    newest = max(entries, key=_age)
    newest_info = max((entry for entry in entries if entry.info is not None), key=_age, default=newest).info
    known: dict[str, Any] = {} if newest_info is None else {"info": newest_info}
    return Member(
        id=user,
        name=newest.name,
        status="online" if any(entry.status == "online" for entry in entries) else "away",
        connections=sum(entry.connections for entry in entries),
        since=min(entry.since for entry in entries),
        **known,
    )


def alone(user: str, entry: PresenceEntry) -> Member:
    """The member that one entry is: `merged` of one, quicker."""
    member = Member(id=user, name=entry.name, status=entry.status, connections=entry.connections, since=entry.since)
    if entry.info is not None:
        member.info = entry.info  # type: ignore[assignment]  # encoded already
    return member


def _age(entry: PresenceEntry) -> tuple[int, bytes, str]:
    """Two entries of one version have an order, too, and every gateway has the same."""
    return entry.version, bytes(entry.info or b""), entry.name
