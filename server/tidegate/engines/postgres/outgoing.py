"""What waits for the database, and what is on its way to it: many wishes in one transaction.

A batch takes what waits; while it is on its way, the next one gathers. Where the answer to a batch is lost with its
connection, the rows that the gateway wrote say what of it happened, and the rest is sent again. It knows no rooms.
Invariants: wishes are carried out in the order in which they were said. A message is published once, or its caller is
refused within about `HOLD_S`.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from tidegate.engines.postgres import values
from tidegate.engines.postgres.link import Link, LinkLost, StatementFailed
from tidegate.engines.postgres.values import Row
from tidegate.engines.postgres.waking import Waking
from tidegate.engines.postgres.wishes import (
    DECIDE,
    PRESENCE,
    REFUSED_LATE,
    STATE,
    UNTOLD,
    Batch,
    Wish,
    said,
    unavailable,
)
from tidegate.engines.untold import LIMIT, LOST

log = logging.getLogger("tidegate.rooms")

HOLD_S = 1.0
"""How long a message waits for a database that is away."""
AGAIN_S = 0.3
"""A message that has waited longer is not tried again: its caller would be refused while it is on its way."""
MOST_AWAY, MOST = LIMIT, 4096
"""Wishes that wait while the database is away, and while it is there."""
BATCH = 256
BATCH_BYTES = 1 << 20
FLIGHTS = 1
"""Batches on their way at a time. The next one is taken while the answer to this one travels."""
RETRY_S = 0.1
"""After a failed statement."""
INVALID = ("22", "23", "54")
"""Classes of SQLSTATE: something in the batch itself cannot be stored."""


class Sent(NamedTuple):
    """Where a connection leads."""

    link: Link
    node: str
    generation: int


class Outgoing:
    """The queue of one gateway."""

    def __init__(
        self,
        statement: str,
        new_epoch: Callable[[], str],
        clock: Callable[[], float],
        came: Callable[[Wish, Sequence[str], int], None],
        unknown: Callable[[], None],
        failed: Callable[[StatementFailed], None] = lambda error: None,
    ) -> None:
        """`came`: the words of one outcome, and the database's time in milliseconds. `unknown`: the database does not
        know this gateway any more. `failed`: it did not take a batch.
        """
        self._statement = statement
        self._new_epoch = new_epoch
        self._clock = clock
        self._came = came
        self._unknown = unknown
        self._told_failure = failed
        self._loop = asyncio.get_running_loop()
        self._to: Sent | None = None
        self._queue: deque[Wish] = deque()
        self._untold = 0
        """Wishes of `UNTOLD` in the queue."""
        self._flights: deque[Batch] = deque()
        self._lost: list[Batch] = []
        """Whose answer was lost with a connection."""
        self._number = 1
        self._planned = False
        self._waking = Waking(self._loop.time())
        self._alone = 0
        """The number of wishes that are sent one by one, because one of them cannot be stored."""
        self.stuck = False
        """The last batch failed."""

    @property
    def idle(self) -> bool:
        return not (self._queue or self._flights or self._lost)

    @property
    def overfull(self) -> bool:
        """The database refuses what it is sent, and too much waits."""
        return self.stuck and len(self._queue) > MOST

    def add(self, wish: Wish) -> None:
        """Raises Refused(unavailable) for a message where too many wait."""
        most = MOST_AWAY if self._to is None else MOST
        if wish.kind in REFUSED_LATE and len(self._queue) >= most:
            raise unavailable()
        if wish.kind in UNTOLD:
            # Messages do not count: many of them must not push out that a user was signed out.
            if self._untold >= most:
                LOST()
                return
            self._untold += 1
        wish.since = self._clock()
        self._queue.append(wish)
        if not self._planned and len(self._flights) < FLIGHTS:
            self._planned = True
            self._loop.call_soon(self._send)

    def connect(self, to: Sent) -> None:
        """Send what waits. To be called after `recover` or `give_up`."""
        self._to = to
        self._send()

    def disconnect(self) -> None:
        self._to = None

    def recover(self, own: Mapping[int, tuple[str, int]]) -> None:
        """`own`: by its number, what the database says of each wish that was carried out; the rest is sent again."""
        again: list[Wish] = []
        for number, wish in self._take_lost():
            if number in own:
                outcome, now = own[number]
                self._came(wish, outcome.split(" "), now)
            elif wish.kind not in STATE and not wish.is_refused:  # the engine says again what is so now
                again.append(wish)
        self._put_back(again)

    def give_up(self, own: Mapping[int, tuple[str, int]]) -> None:
        """As `recover`, after too long an absence: nothing is sent again, and of what was done only presence counts."""
        for number, wish in self._take_lost():
            if wish.kind in (*STATE, DECIDE) and number in own:
                outcome, now = own[number]
                self._came(wish, outcome.split(" "), now)
            else:
                wish.fail(unavailable())

    def _take_lost(self) -> list[tuple[int, Wish]]:
        """The wishes whose answers were lost, with their numbers."""
        lost, self._lost = self._lost, []
        return [numbered for batch in lost for numbered in enumerate(batch.wishes, batch.first)]

    def take(self, kinds: Iterable[str]) -> list[Wish]:
        """Take wishes of these kinds out of everything that waits while there is no connection."""
        kinds = tuple(kinds)
        taken: list[Wish] = []
        for batch in self._lost:
            taken += [wish for wish in batch.wishes if wish.kind in kinds]
        taken += [wish for wish in self._queue if wish.kind in kinds]
        self._queue = deque(wish for wish in self._queue if wish.kind not in kinds)
        self._untold = sum(wish.kind in UNTOLD for wish in self._queue)
        return taken

    def _put_back(self, wishes: Sequence[Wish]) -> None:
        """They were not carried out, and go again before the others."""
        self._queue.extendleft(reversed(wishes))
        self._untold += sum(wish.kind in UNTOLD for wish in wishes)

    def refuse_late(self) -> None:
        """Messages that have waited too long are refused; to be called every now and then."""
        due = self._clock() - HOLD_S
        while self._queue and self._queue[0].since < due and self._queue[0].kind in REFUSED_LATE:
            self._queue.popleft().fail(unavailable())
        for batch in [*self._flights, *self._lost]:
            if batch.wishes and batch.wishes[0].since < due:
                for wish in batch.wishes:
                    if wish.kind in REFUSED_LATE and wish.since < due:
                        wish.fail(unavailable())
        if self._queue and self._queue[0].since < due:
            for wish in self._queue:
                if wish.kind in REFUSED_LATE and wish.since < due:
                    wish.fail(unavailable())

    def probe(self) -> None:
        """Ask whether statements succeed again."""
        if self._to is not None and not self._flights:
            self._send(even_nothing=True)

    def _send(self, *, even_nothing: bool = False) -> None:
        self._planned = False
        if self._to is None or len(self._flights) >= FLIGHTS:
            return
        wishes = self._taken()
        wake = self._waking.may(self._loop.time())
        if not wishes and not even_nothing and not (self._waking.owed and wake):
            return
        if wake:
            self._waking.notified()
        batch = Batch(self._number, wishes)
        self._number += len(wishes)
        self._flights.append(batch)
        link, node, generation = self._to
        owed = self._waking.take()
        values_of = said(node, generation, self._new_epoch(), batch, wake=wake, owed=owed)
        link.ask(self._statement, values_of, lambda rows: self._answered(batch, owed, rows))

    def _taken(self) -> list[Wish]:
        wishes: list[Wish] = []
        size, most = 0, BATCH if not self._alone else 1
        queue = self._queue
        while queue and len(wishes) < most and size < BATCH_BYTES:
            wish = queue.popleft()
            self._untold -= wish.kind in UNTOLD
            if wish.is_refused:
                continue
            wishes.append(wish)
            size += wish.parts.size
        self._alone = max(0, self._alone - 1)
        return wishes

    def _answered(self, batch: Batch, owed: str, rows: Sequence[Row] | Exception) -> None:
        self._flights.remove(batch)
        if isinstance(rows, LinkLost):
            self._lost.append(batch)
            return
        if isinstance(rows, StatementFailed):
            self._waking.owe(owed)
            self._failed(batch, rows)
            return
        assert not isinstance(rows, Exception)
        ((now, outcomes, still_owed),) = rows
        if now is None:  # nothing of it happened
            self._put_back(batch.wishes)
            self._unknown()
            return
        self.stuck = False
        if self._queue:  # the next batch is on its way while this one is told
            self._send()
        time = values.integer(now)
        for wish, line in zip(batch.wishes, values.text(outcomes).split("\n"), strict=False):
            self._came(wish, line.split(" "), time)
        if still_owed:
            self._waking.owe(values.text(still_owed))
            self._loop.call_later(self._waking.pause, self._send)

    def _failed(self, batch: Batch, error: StatementFailed) -> None:
        """Nothing of it happened."""
        if not self.stuck:
            log.warning("the database refused messages of rooms", extra={"sqlstate": error.state, "reason": str(error)})
        self.stuck = True
        if error.state[:2] in INVALID:
            if len(batch.wishes) == 1:
                batch.wishes[0].fail(unavailable())
            else:
                self._alone = len(batch.wishes)
                self._put_back(batch.wishes)
            self._send()
            return
        for wish in batch.wishes:
            if wish.kind in REFUSED_LATE and wish.since < self._clock() - AGAIN_S:
                wish.fail(unavailable())
        self._put_back(batch.wishes)
        self._told_failure(error)
        self._loop.call_later(RETRY_S, self._send)


def own_outcomes(rows: Sequence[Row]) -> dict[int, tuple[str, int]]:
    """What the function `own` returned: by its number, the outcome of each wish, and when it was carried out."""
    changes = {PRESENCE.encode(), DECIDE.encode()}
    return {
        values.integer(item): (
            values.text(change) if kind in changes else f"m {values.text(change)} {values.integer(n)}",
            values.integer(at),
        )
        for item, kind, change, n, at in rows
    }
