"""What the engine inside a durable one tells, without the messages of durable rooms: it keeps none of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tidegate.core.rooms.ports import EngineListener, PresenceEntry, RemoteMember, Standing
from tidegate_protocol import RoomPosition


class InnerListener:
    """Implements `core.rooms.ports.EngineListener`."""

    def __init__(self, listener: EngineListener, durable: Callable[[str], bool]) -> None:
        self._listener = listener
        self._durable = durable

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        if not self._durable(room):
            self._listener.delivered(room, offset, text)

    def restarted(self, room: str, head: RoomPosition) -> None:
        """The inner engine has lost what it held about a room. The database has its messages still."""
        if not self._durable(room):
            self._listener.restarted(room, head)

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        self._listener.present_elsewhere(room, node, user, entry)

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        self._listener.members_elsewhere(room, members)

    def gateway(self, node: str, standing: Standing) -> None:
        self._listener.gateway(node, standing)

    def occupied(self, room: str) -> None:
        self._listener.occupied(room)

    def vacated(self, room: str) -> None:
        self._listener.vacated(room)

    def told(self, kind: str, text: str) -> None:
        self._listener.told(kind, text)

    def told_user(self, user: str, text: bytes) -> None:
        self._listener.told_user(user, text)
