"""Keeps a gateway connected: connects, beats, sweeps, notices a dead connection, connects again and never gives up.

It knows no rooms: the engine is told when a connection is there (`Attached`) and when it is lost.
Invariant: while the engine is told that there is a connection, both of its connections live.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Callable, Sequence

import psycopg

from tidegate.core.rooms.ports import OtherGateway
from tidegate.core.round_trips import RoundTrips
from tidegate.counted import Counted
from tidegate.engines.health import Health
from tidegate.engines.leases import Beat, Leases
from tidegate.engines.postgres import values
from tidegate.engines.postgres.attaching import Attached, Known, attach
from tidegate.engines.postgres.calls import Calls
from tidegate.engines.postgres.cleaning import Cleaning
from tidegate.engines.postgres.install import Connection
from tidegate.engines.postgres.link import Link, StatementFailed
from tidegate.engines.postgres.repairs import Repairs
from tidegate.engines.postgres.starting import connected
from tidegate.engines.postgres.values import Row
from tidegate.engines.setup import EngineError, EngineSetup

log = logging.getLogger("tidegate.rooms")

TICK_S = 0.2
POLL_S = 1.0
SWEEP_S = 20.0
SILENT_S = 1.0
"""After this time without an answer the server counts as away since the question."""
DEAD_S = 4.0
"""After this time without an answer the connection is dropped."""
SHORTEST_S, LONGEST_S = 0.05, 2.0
"""Between attempts to connect."""
ATTEMPT_S = 75.0
"""How long an attempt to connect may take: longer than what the database itself allows for its parts."""
NO_BEAT = Counted(
    log,
    logging.WARNING,
    "the engine's database does not take that this gateway lives (%s): %s",
    name="engine_beat_refused",
)


class Upkeep:
    """The connections of one gateway, from `start` to `aclose`."""

    def __init__(
        self,
        setup: EngineSetup,
        calls: Calls,
        leases: Leases,
        attached: Callable[[Attached], None],
        lost: Callable[[], None],
        beaten: Callable[[Beat], None],
        tick: Callable[[bool], None],
    ) -> None:
        """`tick`: is called every now and then; with True once a second."""
        self._setup = setup
        self._calls = calls
        self._leases = leases
        self._attached = attached
        self._lost = lost
        self._beaten = beaten
        self._tick = tick
        self.health = Health(setup.clock)
        self.round_trips = RoundTrips("postgresql")
        self.leaving = False
        """Beat no more."""
        self.unanswered = 0.0
        """For how many seconds a statement has waited for its answer."""
        self.notified: Callable[[], None] = lambda: None
        self._beaten_at = 0.0
        """When the last beat was answered, by `setup.clock`."""
        self._complained = ""
        self._repairs = Repairs(setup.clock)
        self._ever = False
        """Whether the gateway was connected before."""
        self._served: tuple[str, str] | None = None
        """The database, as `Found.place`, that knows all rooms and users of this gateway, and under which name."""
        self._place = ""
        """The database of the last connection."""
        self._broken = asyncio.Event()
        self._current: Attached | None = None
        self._task: asyncio.Task[None] | None = None
        self._cleaning = Cleaning(calls, setup.times, lambda: self._current)

    async def start(self) -> None:
        """The first connection; a server that is away is tried again later. Raises EngineError."""
        failure = await connected(self._connect, self._setup.url, self.health.lost)
        if failure is not None:
            self._complain(failure)
        self._task = asyncio.create_task(self._run(), name="tidegate-engine")

    async def aclose(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self._drop()

    def failed(self, error: StatementFailed) -> None:
        """A statement failed that always works."""
        if self._current is not None and self._repairs.failed(error.state):
            self.drop(f"{error}; what is missing is made again")

    def drop(self, reason: str) -> None:
        """Give the connections up, and make others."""
        if self._current is not None:
            log.warning("the engine of rooms is away", extra={"reason": reason})
            self._drop()

    @property
    def silent(self) -> bool:
        return self.unanswered > SILENT_S

    @property
    def pending(self) -> int:
        """Statements that were not answered."""
        current = self._current
        return 0 if current is None else current.hot.unanswered + current.cold.unanswered

    def others(self) -> list[OtherGateway]:
        """The other gateways."""
        return self._leases.others(self._setup.clock() - self._beaten_at)

    async def _run(self) -> None:
        while True:
            try:
                if self._current is None:
                    await self._reconnect()
                await self._stay()
            except Exception:  # the boundary: whatever it is, another connection may do better
                log.exception("the connection to the engine of rooms is given up")
                self._drop()
                await asyncio.sleep(SHORTEST_S)

    async def _stay(self) -> None:
        """Beat, sweep and watch the connection until it is lost."""
        clock, times = self._setup.clock, self._setup.times
        beat_at = poll_at = clock()
        sweep_at = clock() + random.uniform(0.5, 1.0) * SWEEP_S  # noqa: S311  # spread
        while self._current is not None:
            now = clock()
            if now >= beat_at:
                beat_at = now + times.beat
                self._beat()
            if now >= sweep_at:
                sweep_at = now + SWEEP_S
                self._cleaning.sweep()
            poll = now >= poll_at
            if poll:
                poll_at = now + POLL_S
            self._watch()
            self._tick(poll)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(TICK_S, times.beat)):
                    await self._broken.wait()

    async def _reconnect(self) -> None:
        pause = 0.0
        while True:
            try:
                await self._connect()
            except (psycopg.Error, EngineError, OSError) as error:
                self._complain(error)
            else:
                self._complained = ""
                log.info("the engine of rooms is back")
                return
            self._tick(False)
            pause = min(LONGEST_S, max(SHORTEST_S, pause * 2))
            end = self._setup.clock() + pause * random.uniform(0.5, 1.0)  # noqa: S311  # spread
            while (left := end - self._setup.clock()) > 0:
                await asyncio.sleep(min(left, TICK_S))
                self._tick(False)

    async def _connect(self) -> None:
        """Raises psycopg.Error, EngineError."""
        ticking = None if self._task is None else asyncio.create_task(self._ticking())
        try:
            async with asyncio.timeout(ATTEMPT_S):
                hot, cold, found = await self._attach()
        finally:
            if ticking is not None:
                ticking.cancel()
        self._ever, self._repairs.wanted = True, False
        goes_on = found.known and self._served == (found.place, self._leases.node)
        self._served = None  # until the engine has said and asked everything again
        emptied, self._place = self._place not in {"", found.place}, found.place
        loop = asyncio.get_running_loop()
        self._broken.clear()
        links: list[Link] = []
        try:
            for connection, notified in ((hot, self._notified), (cold, _ignore)):
                links.append(Link(connection, loop, notified, lambda error: self.drop(str(error)), self.round_trips))
        except BaseException:
            for link in links:
                link.close()
            hot.pgconn.finish()
            cold.pgconn.finish()
            raise
        known = (self._leases.node, found.generation, found.top, found.now, goes_on, emptied)
        self._current = Attached(links[0], links[1], *known)
        self.health.back()
        self.round_trips.connections += 1
        self._attached(self._current)
        self._served = (found.place, self._leases.node)

    async def _attach(self) -> tuple[Connection, Connection, Known]:
        try:
            again, repair = self._ever, self._repairs.wanted
            return await attach(self._setup, self._calls, self._leases, again=again, repair=repair)
        except psycopg.Error as error:
            if not self._repairs.failed(error.sqlstate):
                raise
            return await attach(self._setup, self._calls, self._leases, again=again, repair=True)

    def _notified(self) -> None:
        self.notified()

    async def _ticking(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            self._tick(False)

    def _drop(self) -> None:
        current, self._current = self._current, None
        if current is None:
            return
        self.health.lost(self.unanswered)
        self.unanswered = 0.0
        current.hot.close()
        current.cold.close()
        self._lost()
        self._broken.set()

    def _watch(self) -> None:
        """A server that does not answer is away, although the connection lives."""
        current = self._current
        if current is None:
            return
        now = asyncio.get_running_loop().time()
        self.unanswered = max(now - (link.waiting_since or now) for link in (current.hot, current.cold))
        if self.unanswered > DEAD_S:
            self.drop("the server does not answer")

    def _beat(self) -> None:
        if self.leaving or self._current is None:
            return
        current = self._current
        arguments = [
            current.node.encode(),
            values.int8(current.generation),
            values.int8(int(self._setup.times.lease * 1000)),
        ]
        current.hot.ask(self._calls.beat, arguments, lambda rows: self._beat_answered(current, rows))

    def _beat_answered(self, current: Attached, rows: Sequence[Row] | Exception) -> None:
        if isinstance(rows, Exception) or current is not self._current:
            if isinstance(rows, StatementFailed) and current is self._current:
                NO_BEAT(rows.state, rows)
                self.failed(rows)
            return
        if not rows:
            self.drop("the other gateways gave this one up")
            return
        self._beaten_at = self._setup.clock()
        ends = {values.text(node): values.integer(end) / 1000 for node, end, _ in rows}
        beat = self._leases.beaten(True, ends, values.integer(rows[0][2]) / 1000)
        for node in beat.bury:
            self._cleaning.bury(node)
        self._beaten(beat)

    def _complain(self, error: Exception) -> None:
        """Once for each reason, and not at each attempt."""
        reason = str(error).strip()[:500]
        if reason != self._complained:
            self._complained = reason
            log.warning("the engine of rooms cannot be reached; it will be tried again", extra={"reason": reason})


def _ignore() -> None:
    """Nothing is notified on the second connection."""
