"""Passes what the engine tells to the gateway's listener, as long as there is one.

An engine is put together before its gateway, and its parts may hear something after the gateway let go of it.
Invariant: nothing is passed on after `listener` became None.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidegate.core.rooms.ports import EngineListener, PresenceEntry, RemoteMember, Standing
from tidegate_protocol import RoomPosition


class Relay:
    """Implements `EngineListener`."""

    def __init__(self) -> None:
        self.listener: EngineListener | None = None

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        if self.listener is not None:
            self.listener.delivered(room, offset, text)

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        if self.listener is not None:
            self.listener.present_elsewhere(room, node, user, entry)

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        if self.listener is not None:
            self.listener.members_elsewhere(room, members)

    def gateway(self, node: str, standing: Standing) -> None:
        if self.listener is not None:
            self.listener.gateway(node, standing)

    def occupied(self, room: str) -> None:
        if self.listener is not None:
            self.listener.occupied(room)

    def vacated(self, room: str) -> None:
        if self.listener is not None:
            self.listener.vacated(room)

    def restarted(self, room: str, head: RoomPosition) -> None:
        if self.listener is not None:
            self.listener.restarted(room, head)

    def told(self, kind: str, text: str) -> None:
        if self.listener is not None:
            self.listener.told(kind, text)

    def told_user(self, user: str, text: bytes) -> None:
        if self.listener is not None:
            self.listener.told_user(user, text)
