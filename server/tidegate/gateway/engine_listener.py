"""What the engine of rooms tells, on its way to sessions and to the rules of rooms.

Who gets it is decided in `core.rooms`. What gateways tell one another goes to the part that registered for its
kind (`on_told`); a kind that this version does not know is counted in the log, and nothing of it is repeated there.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from tidegate.core.effects import Effect
from tidegate.core.rooms.ports import PresenceEntry, RemoteMember, Standing
from tidegate.core.sessions import Sessions
from tidegate.counted import Counted
from tidegate.gateway.room_frames import RoomFrame
from tidegate.gateway.sender import Sender
from tidegate_protocol import RoomPosition

log = logging.getLogger("tidegate.rooms")

LOST = Counted(log, logging.WARNING, "messages of room %r are lost: its members were told", name="room_messages_lost")
NOT_UNDERSTOOD = Counted(
    log,
    logging.WARNING,
    "another gateway says something that this version does not know",
    name="engine_message_unknown",
)
NOT_DONE = Counted(log, logging.ERROR, "what another gateway said could not be done: %s", name="engine_message_failed")

Told = Callable[[str], None]
"""Does what one kind of text asks for."""


class EngineListener:
    """Implements `core.rooms.ports.EngineListener`."""

    def __init__(
        self,
        sessions: Sessions,
        sender: Sender,
        run: Callable[[Sequence[Effect]], None],
        clock: Callable[[], float],
    ) -> None:
        """`run` carries out effects. `clock`: seconds since the Unix epoch."""
        self._sessions = sessions
        self._rooms = sessions.protocol.rooms
        self._occupants = sessions.protocol.rooms.occupants
        self._delivered = self._rooms.delivered
        self._sender = sender
        self._run = run
        self._clock = clock
        self._kinds: dict[str, Told] = {}
        self.on_occupied: Callable[[str], None] = lambda room: None
        self.on_vacated: Callable[[str], None] = lambda room: None
        """What is done where it is this gateway that has to say it."""

    def on_told(self, kind: str, does: Told) -> None:
        """Call `does` with each text of this kind that a gateway tells. One for each kind."""
        assert kind not in self._kinds, f"{kind} has its receiver"
        self._kinds[kind] = does

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        known = self._delivered(room, offset, text)
        if known is None:
            return
        if known.rules.slow is None:
            self._sender.push_text(known.sinks, text)
        else:
            self._sender.push_droppable(known.sinks, RoomFrame(text, room, known.rules.slow, self._sender.frame))

    def restarted(self, room: str, head: RoomPosition) -> None:
        pushes = self._rooms.restarted(room, head)
        if pushes:
            LOST(room)
        self._run(pushes)

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        if entry is None:
            self._do(lambda now: self._occupants.absent_elsewhere(room, node, user, now))
        else:
            self._do(lambda now: self._occupants.present_elsewhere(room, RemoteMember(node, user, entry), now))

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        self._do(lambda now: self._occupants.members_elsewhere(room, members, now))

    def gateway(self, node: str, standing: Standing) -> None:
        log.info("another gateway is %s", standing, extra={"node": node})
        self._do(lambda now: self._occupants.gateway(node, standing, now))

    def occupied(self, room: str) -> None:
        self.on_occupied(room)

    def vacated(self, room: str) -> None:
        """No rule depends on it: a room without users is left by each gateway for itself."""
        self.on_vacated(room)

    def told(self, kind: str, text: str) -> None:
        does = self._kinds.get(kind)
        if does is None:
            NOT_UNDERSTOOD()
            return
        try:
            does(text)
        except Exception as error:  # the boundary, as below
            NOT_DONE(type(error).__name__)

    def told_user(self, user: str, text: bytes) -> None:
        self._sender.push_text([session.sink for session in self._sessions.of_user(user)], text)

    def _do(self, rule: Callable[[float], Sequence[Effect]]) -> None:
        """Carry out what a rule says."""
        try:
            self._run(rule(self._clock()))
        except Exception as error:  # the boundary: what another gateway says must not end what the engine reads
            NOT_DONE(type(error).__name__)
