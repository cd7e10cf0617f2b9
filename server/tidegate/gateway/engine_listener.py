"""What the engine of rooms tells, on its way to sessions.

Who gets it is decided in `core.rooms`. The presence that other gateways share is not shown yet: the engine of one
process has none to tell.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from tidegate.core.rooms.ports import PresenceEntry, RemoteMember, Standing
from tidegate.core.sessions import Sessions
from tidegate.gateway.room_frames import RoomFrame
from tidegate.gateway.sender import Sender
from tidegate_protocol import RoomPosition

log = logging.getLogger("tidegate.rooms")


class EngineListener:
    """Implements `core.rooms.ports.EngineListener`."""

    def __init__(self, sessions: Sessions, sender: Sender) -> None:
        self._sessions = sessions
        self._rooms = sessions.protocol.rooms
        self._sender = sender

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        known = self._rooms.delivered(room, offset, text)
        if known is None:
            return
        if known.rules.slow is None:
            self._sender.push_text(known.sinks, text)
        else:
            self._sender.push_droppable(known.sinks, RoomFrame(text, room, known.rules.slow, self._sender.frame))

    def restarted(self, room: str, head: RoomPosition) -> None:
        log.warning("messages of a room are lost", extra={"room": room})
        for push in self._rooms.restarted(room, head):
            self._sender.push(push.sinks, push.message)

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        """Ignored, see above."""

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        """Ignored, see above."""

    def gateway(self, node: str, standing: Standing) -> None:
        """Ignored, see above."""

    def told(self, kind: str, text: str) -> None:
        log.warning("another gateway says what this one does not understand", extra={"kind": kind})

    def told_user(self, user: str, text: bytes) -> None:
        self._sender.push_text([session.sink for session in self._sessions if session.user.id == user], text)
