"""What a worker does with what the hub says about rooms.

The messages of a room are put in order by `Following`; answers go to who asked.
Invariant: an answer is used before anything that the hub said later.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from tidegate.core.rooms.ports import EngineListener, HistoryPage, Opened, Standing
from tidegate.engines.following import Ask, Following
from tidegate.engines.hub import messages as say
from tidegate.hub.calls import Calls
from tidegate.hub.messages import Refusal
from tidegate_protocol import RoomPosition

log = logging.getLogger("tidegate.rooms")


class Hearing:
    """Of one worker."""

    def __init__(
        self,
        calls: Calls,
        listener: EngineListener,
        following: Following,
        follow: Callable[[Ask], None],
        of_presence: Mapping[type, Callable[[Any], None]],
    ) -> None:
        """`follow` asks the hub. `of_presence`: by type of message, what gets those about users of this worker."""
        self._calls = calls
        self._listener = listener
        self._following = following
        self._follow = follow
        self._asks: dict[int, Ask] = {}
        """By the number of the request: what its answer means for a room that is followed."""
        self._missed: dict[int, list[bytes]] = {}
        self._leaving: set[str] = set()
        """The workers of which the listener knows that they leave."""
        self.standings: dict[str, Standing] = {}
        """Of the other workers."""
        self._named: set[str] = set()
        """The workers that this hub has named since the line began."""
        self._does: dict[type, Callable[[Any], None]] = {
            say.Delivered: self._delivered,
            say.Published: self._published,
            say.Missed: lambda message: self._missed.setdefault(message.id, []).extend(message.texts),
            say.IsOpen: self._is_open,
            say.Followed: self._followed,
            say.Restarted: lambda message: self._ask(following.ask_again(message.room)),
            say.Page: lambda page: calls.settle(page.id, HistoryPage(page.texts, page.more)),
            say.Members: self._members,
            say.PresentElsewhere: self._present_elsewhere,
            say.NodeStands: self._stands,
            say.Told: lambda message: listener.told(message.kind, message.text),
            say.ToUser: lambda message: listener.told_user(message.user, message.text),
            say.Done: lambda message: calls.settle(message.id, None),
            Refusal: self._refused,
            **of_presence,
        }

    def expects(self, number: int, ask: Ask) -> None:
        """The answer to the request `number` is one to `ask`, too."""
        self._asks[number] = ask

    def lost(self) -> None:
        """The line ended, or no request waits for it any more: the answers do not come."""
        self._asks.clear()
        self._missed.clear()
        self._named.clear()

    def end_unnamed(self) -> None:
        """Every worker is back at this hub, or gone: an earlier hub had said of the others that they leave."""
        self.standings = {node: how for node, how in self.standings.items() if node in self._named}
        for node in self._leaving - self._named:
            self._leaving.discard(node)
            self._listener.gateway(node, "gone")

    def heard(self, payload: bytes) -> None:
        message = say.decode_from_hub(payload)
        self._does[type(message)](message)

    def _delivered(self, message: say.Delivered) -> None:
        epoch, offset = message.epoch, message.offset
        ask = self._following.arrived(message.room, epoch, offset, message.text)
        if ask is not None:
            self._follow(ask)
        if message.id:
            self._calls.settle(message.id, RoomPosition(epoch=epoch, offset=offset))

    def _stands(self, message: say.NodeStands) -> None:
        self._named.add(message.node)
        (self._leaving.add if message.standing == "leaving" else self._leaving.discard)(message.node)
        if message.standing == "gone":
            self.standings.pop(message.node, None)
        else:
            self.standings[message.node] = message.standing
        self._listener.gateway(message.node, message.standing)

    def _refused(self, refusal: Refusal) -> None:
        self._asks.pop(refusal.id, None)
        self._missed.pop(refusal.id, None)
        self._calls.refuse(refusal)

    def _ask(self, ask: Ask | None) -> None:
        if ask is not None:
            self._follow(ask)

    def _published(self, message: say.Published) -> None:
        self._calls.settle(message.id, RoomPosition(epoch=message.epoch, offset=message.offset))

    def _is_open(self, message: say.IsOpen) -> None:
        missed = self._missed.pop(message.id, [])
        head = RoomPosition(epoch=message.epoch, offset=message.offset)
        ask = self._asks.pop(message.id, None)
        if ask is not None:
            if message.members and ask.room in self._following:
                self._listener.members_elsewhere(ask.room, [member.remote() for member in message.members])
            self._answered(ask, head, None)
        self._calls.settle(message.id, Opened(head, missed if message.recovered else None))

    def _followed(self, message: say.Followed) -> None:
        ask = self._asks.pop(message.id, None)
        self._calls.settle(message.id, None)
        if ask is None or ask.room not in self._following:
            return
        self._answered(ask, RoomPosition(epoch=message.epoch, offset=message.offset), message.missed)
        # A user who is missing among them may only be late: `Members` follows.
        for member in message.members:
            self._listener.present_elsewhere(ask.room, member.node, member.user, member.entry.entry())

    def _answered(self, ask: Ask, head: RoomPosition, missed: list[bytes] | None) -> None:
        self._ask(self._following.answered(ask, head, missed))

    def _members(self, message: say.Members) -> None:
        if message.room in self._following:
            self._listener.members_elsewhere(message.room, [member.remote() for member in message.members])

    def _present_elsewhere(self, message: say.PresentElsewhere) -> None:
        entry = None if message.entry is None else message.entry.entry()
        self._listener.present_elsewhere(message.room, message.node, message.user, entry)
