"""The engine of a single gateway: a message is delivered before `publish` returns, and every answer is ready.

It gives each message its position and keeps each room's history for its ttl. A room has a history from its first
message on. It does not know who is in a room beyond what it is told by `present`, `open` and `close`.
Invariant: a room's epoch is new for each of its histories, so that a position of an earlier one never fits.
"""

from __future__ import annotations

import hashlib
from asyncio import TimerHandle
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from tidegate.core.budgets.ledger import Ledger, Order
from tidegate.core.errors import Refused
from tidegate.core.rooms.epochs import Epochs
from tidegate.core.rooms.history import History
from tidegate.core.rooms.ports import (
    Answer,
    EngineListener,
    HistoryPage,
    Occupancy,
    Opened,
    OtherGateway,
    PresenceEntry,
    Ready,
)
from tidegate.core.rooms.room import RoomRules
from tidegate_protocol import RoomMessage, RoomPosition, Sender

SWEEP_S = 10.0
"""Seconds between two calls of `sweep`."""
DIGEST_BYTES = 16
SPARE = 16
"""Histories that give way free more than is needed at the moment: the budget divided by this."""


NOTHING_CHANGED: Ready[Occupancy] = Ready(None)


class MemoryEngine:
    """Room histories in this process's memory. Implements `core.rooms.ports.Engine`."""

    def __init__(self, encode: Callable[[RoomMessage], bytes], run: str, ledger: Ledger) -> None:
        """`encode`: a message as JSON. `run` names this run of the gateway."""
        self._encode = encode
        self._ledger = ledger
        self._epochs = Epochs(run)
        self._histories: OrderedDict[str, History] = OrderedDict()
        """By room; the one whose last message is oldest comes first."""
        self._closed: OrderedDict[str, None] = OrderedDict()
        """The rooms with a history that no client is in; the one that was left first comes first."""
        self._open: dict[str, str] = {}
        """The rooms that are delivered, each with the epoch that a first message begins."""
        self._present: dict[str, set[str]] = {}
        """The users who are present in each room."""
        self._listener: EngineListener | None = None
        self._timer: TimerHandle | None = None
        self._publishing = ""
        """The room that gets a message now: its history may become shorter, but it stays."""
        ledger.gives_way(Order.EMPTY_ROOMS, self._forget_empty_rooms)
        ledger.gives_way(Order.HISTORIES, self._shorten)

    @property
    def node(self) -> str:
        """Any name will do for the only gateway."""
        return "0"

    @property
    def healthy(self) -> bool:
        return True

    @property
    def round_trips(self) -> None:
        """There is no server."""

    @property
    def pending(self) -> int:
        return 0

    def listen(self, listener: EngineListener) -> None:
        self._listener = listener

    def publish(
        self, room: str, rules: RoomRules, sender: Sender, data: Any, key: str | None, now: float, account: str
    ) -> Answer[RoomPosition]:
        digest = b"" if key is None else hashlib.blake2b(msgspec.json.encode(data), digest_size=DIGEST_BYTES).digest()
        history = self._histories.get(room)
        if key is not None and history is not None:
            earlier = history.published(sender.id, key, digest)
            if earlier is not None:
                return Ready(earlier)
        self._publishing = room
        try:
            if history is None:
                history = self._begin(room, rules, now, account)
            position = history.next_position()
            text = self._encode(
                RoomMessage(
                    room=room, from_=sender.id, sender=sender, data=data, position=position, time=int(now * 1000)
                )
            )
            try:
                history.append(text, now, account)
            except Refused:
                if not history.offset:
                    self._remove(room)
                raise
            if key is not None:
                history.remember(sender.id, key, digest, account)
        finally:
            self._publishing = ""
        self._histories.move_to_end(room)
        if self._listener is not None:
            self._listener.delivered(room, position.offset, text)
        return Ready(position)

    def open(self, room: str, rules: RoomRules, since: RoomPosition | None, now: float) -> Answer[Opened]:
        epoch = self._open.setdefault(room, self._epochs.current)
        self._closed.pop(room, None)
        history = self._histories.get(room)
        head = RoomPosition(epoch=epoch, offset=0) if history is None else history.head
        if since is None:
            return Ready(Opened(head=head, missed=None))
        if since != head and self._epochs.nothing_lost(room, since):
            since = RoomPosition(epoch=head.epoch, offset=0)
        if history is None:
            return Ready(Opened(head=head, missed=[] if since == head else None))
        return Ready(Opened(head=head, missed=history.after(since, now)))

    def history(self, room: str, rules: RoomRules, before: int | None, limit: int, now: float) -> Answer[HistoryPage]:
        history = self._histories.get(room)
        return Ready(HistoryPage((), False) if history is None else HistoryPage(*history.page(before, limit, now)))

    def close(self, room: str, now: float) -> None:
        self._open.pop(room, None)
        history = self._histories.get(room)
        if history is not None:
            history.touched = now
            self._closed[room] = None

    def present(self, room: str, user: str, entry: PresenceEntry | None) -> Answer[Occupancy]:
        users = self._present.get(room)
        if entry is not None:
            if users is None:
                self._present[room] = {user}
                return Ready("occupied")
            users.add(user)
        elif users is not None:
            users.discard(user)
            if not users:
                del self._present[room]
                return Ready("vacated")
        return NOTHING_CHANGED

    def tell(self, node: str | None, kind: str, text: str) -> None:
        """There is one gateway: it is told, whatever `node` says."""
        if self._listener is not None:
            self._listener.told(kind, text)

    def user(self, user: str, text: bytes) -> None:
        if self._listener is not None:
            self._listener.told_user(user, text)

    def forget(self, room: str) -> Answer[None]:
        if room in self._histories:
            self._forget(room)
            if room in self._open and self._listener is not None:
                self._listener.restarted(room, RoomPosition(epoch=self._open[room], offset=0))
        return Ready(None)

    def others(self) -> Sequence[OtherGateway]:
        return ()

    def leave(self) -> None:
        """There is no other gateway that would notice."""

    async def aclose(self) -> None:
        self._listener = None
        if self._timer is not None:
            self._timer.cancel()

    def sweep_with(self, later: Callable[[float, Callable[[], None]], TimerHandle], clock: Callable[[], float]) -> None:
        """Sweep every `SWEEP_S` seconds until the engine is closed. `clock`: seconds since the Unix epoch."""

        def sweep() -> None:
            self._timer = later(SWEEP_S, sweep)
            self.sweep(clock())

        self._timer = later(SWEEP_S, sweep)

    def sweep(self, now: float) -> None:
        """Forget the histories whose ttl is over. It counts from the last message or from when the room was closed."""
        for room, history in list(self._histories.items()):
            if room in self._open:
                history.touched = now
            elif history.expired(now):
                self._forget(room)

    def _begin(self, room: str, rules: RoomRules, now: float, account: str) -> History:
        epoch = self._open.get(room, self._epochs.current)
        history = History(self._ledger, account, epoch, (rules.history_size, rules.history_ttl), now)
        self._histories[room] = history
        if room not in self._open:
            self._closed[room] = None
        return history

    def _remove(self, room: str) -> None:
        self._histories.pop(room).close()
        self._closed.pop(room, None)

    def _forget(self, room: str) -> None:
        """A history ends; the room's next one has another epoch."""
        self._remove(room)
        self._epochs.forgot(room)
        if room in self._open:
            self._open[room] = self._epochs.current

    def _forget_empty_rooms(self, size: int, account: str | None) -> None:
        """Forget histories of rooms that no client is in. A client that comes back is told that messages are lost."""
        goal = self._goal(size, account)
        for room in list(self._closed):
            if self._done(goal, account):
                return
            if room != self._publishing and (account is None or account in self._histories[room].held):
                self._forget(room)

    def _shorten(self, size: int, account: str | None) -> None:
        """Empty the histories whose last message is oldest. Their positions go on where they were."""
        goal = self._goal(size, account)
        for room, history in list(self._histories.items()):
            if self._done(goal, account):
                return
            if account is None or account in history.held:
                history.drop(len(history))
                self._histories.move_to_end(room)

    def _done(self, goal: int, account: str | None) -> bool:
        """Whether the goal is reached, or the account has no messages left."""
        return self._held(account) <= goal or (
            account is not None and not self._ledger.of_account(account, "histories")
        )

    def _held(self, account: str | None) -> int:
        return self._ledger.total if account is None else self._ledger.of_account(account)

    def _goal(self, size: int, account: str | None) -> int:
        """What the account, or all accounts, may still hold afterwards. A little more is given than is needed."""
        spare = (self._ledger.limit if account is None else self._ledger.share) // SPARE
        return self._held(account) - size - spare
