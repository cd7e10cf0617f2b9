"""What a database keeps of one durable room beside its messages, and the rule by which a message changes it.

Both databases have a row for each room that ever had a message; this module is what their writers do to it, and knows
no SQL. Times are milliseconds since the Unix epoch.
Invariants: within a generation no number is given twice; `due` is not later than what the room needs next.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidegate.core.errors import Refused
from tidegate.core.rooms.room_log import Kept, NewMessage
from tidegate.store.serving.retention import REQUESTS_KEEP_MS
from tidegate_protocol import RoomPosition

STEP = 1_000
"""Messages that go in one transaction, so that no writer waits long."""
SLACK = 64
"""The messages beyond its size that a room may have: clients do not see them, and they are deleted together."""
IDLE_MS = 30 * 24 * 3600 * 1000
"""How long the row of a room stays after its last message is gone. Its next message begins a new epoch then."""
NEVER = 1 << 62
TOLERATED_MS = 60_000
"""A message gets the time of the one before it rather than an earlier one, unless a clock was wrong by more."""
GENERATION, COUNT = "room_generation", "room_messages"
"""Names in META: the generation of a room that begins now, and how many messages were ever kept."""

KeyFound = tuple[bytes, int, int, int]
"""What is kept under an idempotency key: the digest, the generation, the number and the time of its message."""


@dataclass(slots=True)
class RoomState:
    """One room's row."""

    generation: int
    """Counts how many rooms were forgotten before it: the epoch of its positions has it."""
    head: int = 0
    """The number of the newest message."""
    gone: int = 0
    """The messages up to this one are gone, or not seen any more."""
    time: int = 0
    """Of the newest message."""
    ttl: int = 0
    due: int = NEVER
    """When the sweep has to look at the room."""

    def position(self, epoch: str, number: int | None = None) -> RoomPosition:
        """Of a message. `epoch`: of the database."""
        return RoomPosition(epoch=f"{epoch}.{self.generation}", offset=self.head if number is None else number)

    def lost(self, epoch: str, known: RoomPosition | None) -> bool:
        """Whether messages up to `known` were delivered, and are not in the database any more."""
        return known is not None and known.epoch == f"{epoch}.{self.generation}" and self.head < known.offset

    def begin(self, generation: int) -> None:
        """What there was is gone: the sweep takes the messages of former generations away."""
        self.generation, self.head, self.gone, self.due = generation, 0, 0, 0

    def earlier(self, message: NewMessage, epoch: str, found: KeyFound | None) -> Kept | None:
        """What `message` was answered before under its key. Raises Refused(conflict)."""
        if found is None:
            return None
        digest, generation, number, time = found
        if generation != self.generation or time < message.time - REQUESTS_KEEP_MS:
            return None
        if digest != message.digest:
            raise Refused("conflict", "this idempotency key was already used for a different message", pointer="/key")
        return Kept(self.position(epoch, number), time, new=False)

    def append(self, message: NewMessage, epoch: str) -> Kept:
        """Give `message` its number and its time."""
        wrong_clock = self.time > message.time + TOLERATED_MS
        self.head += 1
        self.time = message.time if wrong_clock else max(self.time, message.time)
        self.ttl = message.ttl
        self.due = min(self.due, self.time + self.ttl)
        return Kept(self.position(epoch), self.time)

    def too_many(self, size: int) -> int | None:
        """The number up to which messages are to be dropped now; None while there are few too many."""
        if self.head - self.gone <= size + SLACK:
            return None
        return min(self.head - size, self.gone + STEP)

    def first(self, size: int) -> int:
        """The number before the first message that may be seen, in a room that keeps `size`."""
        return max(self.gone, self.head - size)

    def idle(self, now: int) -> bool:
        """Whether an empty room can be forgotten."""
        return now >= self.time + self.ttl + IDLE_MS

    def swept(self, oldest: int | None, *, more: bool, now: int) -> None:
        """Its oldest message has the time `oldest`; None for none. `more`: the sweep is to go on with it."""
        if more:
            self.due = now
        else:
            self.due = self.time + self.ttl + IDLE_MS if oldest is None else oldest + self.ttl + 1
