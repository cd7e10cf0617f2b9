"""Messages of the application that answer no request, on their way to connections of this gateway and of others.

Other gateways get them over the engine; this one tells itself in the same way. They are kept nowhere.
Invariant: a message reaches a client only if its schema allows it; it was checked where it was sent.
"""

from __future__ import annotations

import msgspec

from tidegate.core.rooms.ports import Engine
from tidegate.core.session import Session
from tidegate.core.sessions import Sessions
from tidegate.gateway.engine_listener import EngineListener
from tidegate.gateway.sender import Sender
from tidegate.handlers.port import Target

KIND = "push"
"""What gateways call these messages among each other."""
UNSENT_BYTES = 262_144
"""While more than this waits for a client, the code that sends to its connection waits, too."""


class _Told(msgspec.Struct, array_like=True):
    room: str | None
    """None for every connection."""
    message: msgspec.Raw


class Pushes:
    """Of one gateway."""

    def __init__(self, sessions: Sessions, engine: Engine, sender: Sender, listener: EngineListener) -> None:
        self._sessions = sessions
        self._engine = engine
        self._sender = sender
        listener.on_told(KIND, self._told)

    def push(self, target: Target, text: bytes) -> None:
        """Send a message, which is JSON, to every connection of `target`."""
        if target.kind == "user":
            self._engine.user(target.name, text)
            return
        room = target.name if target.kind == "room" else None
        self._engine.tell(None, KIND, msgspec.json.encode(_Told(room, msgspec.Raw(text))).decode())

    async def reply(self, session: Session, text: bytes) -> bool:
        """Send a message to one connection, once its client has read most of what it was sent before.

        Returns whether the connection is still there.
        """
        if session in self._sessions and session.sink.unsent > UNSENT_BYTES:
            await session.sink.drained()
        if session not in self._sessions:
            return False
        self._sender.send_text(session, text)
        return True

    def _told(self, text: str) -> None:
        told = msgspec.json.decode(text, type=_Told)
        if told.room is None:
            sinks = [session.sink for session in self._sessions]
        else:
            room = self._sessions.protocol.rooms.occupants.rooms.get(told.room)
            sinks = [] if room is None else list(room.sinks)
        if sinks:
            self._sender.push_text(sinks, bytes(told.message))
