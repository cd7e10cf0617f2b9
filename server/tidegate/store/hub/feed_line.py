"""A worker's line to the hub for rows that the worker writes itself: the hub reads the change log for all workers.

It implements `store.serving.change_feed.ChangeFeed`. It also carries which durable rooms have new messages, in place of
a connection to the database. What the hub did not send is read by the worker. While the hub is away, rows are read and
written, and changes wait.
Invariant: the hub is told each commit of this worker; where the line has ended, the next one asks for the changes.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any

import msgspec

from tidegate.core.rooms.room_log import Changed
from tidegate.core.rows.ports import Change
from tidegate.hub.calls import Calls
from tidegate.hub.connector import Connector, Hub
from tidegate.hub.line import Line
from tidegate.hub.messages import Refusal, encode
from tidegate.store.errors import FEED_AWAY, REPLACED, StoreError
from tidegate.store.hub import messages as say
from tidegate.store.hub.feed import HubFeed
from tidegate.store.serving import refusals
from tidegate.store.serving.change_feed import Deliver
from tidegate.store.serving.feed_gate import OnSkip

log = logging.getLogger("tidegate.store")

START_S = 30.0
"""How long a worker waits for the hub at its start."""


class FeedLine:
    """Belongs to the loop's thread, but for `wake`, `call` and `close`. Connected from `open` to `aclose`."""

    def __init__(
        self,
        hub: Hub,
        epoch: str,
        resources: Iterable[str],
        read: Callable[[int, int], Awaitable[Sequence[Change]]],
        decoded: Callable[[Sequence[say.Record]], Sequence[Change]],
    ) -> None:
        """`epoch`: of the log that this worker knows. `read`, `decoded`: as for `HubFeed`."""
        self._loop = asyncio.get_running_loop()
        self._epoch = epoch
        self._connector = Connector(hub.address, "rows", hub.node, self)
        self._calls = Calls(self._loop)
        self._feed = HubFeed(resources, self._follow, self._say_paused, read, decoded)
        self._asked = 0
        """The number of the `Follow` that counts."""
        self._line: Line | None = None
        self._state: say.State | None = None
        self._spoken: asyncio.Future[None] = self._loop.create_future()
        self._rooms: Changed = lambda rooms: None
        self._to_say = False
        """Whether the loop will tell the hub of a commit."""
        self._does: dict[type, Callable[[Any], None]] = {
            say.State: self._is,
            say.Following: self._following,
            say.Changes: lambda message: self._feed.changed(message.records, message.head),
            say.RoomsChanged: lambda message: self._rooms(message.rooms),
            Refusal: self._refused,
        }

    async def open(self) -> None:
        """Connect. Raises StoreError where the hub does not answer."""
        self._connector.start()
        try:
            async with asyncio.timeout(START_S):
                await self._spoken
        except TimeoutError:
            await self.aclose()
            raise StoreError(f"the database {FEED_AWAY}") from None

    async def aclose(self) -> None:
        self._feed.lost(refusals.stopping())
        self._feed.close()
        await self._connector.aclose()
        self._calls.fail(refusals.stopping())

    @property
    def outdated(self) -> bool:
        """The hub reads another log than this worker, or its log is not the one that it opened."""
        return self._state is not None and (self._state.outdated or self._state.epoch != self._epoch)

    # -- ChangeFeed -------------------------------------------------------------------------------------------------

    @property
    def gate(self) -> FeedLine:
        return self

    @property
    def healthy(self) -> bool:
        return not self.problem

    @property
    def problem(self) -> str:
        if self.outdated:
            return f"the database {REPLACED}"
        if not self._connector.healthy:
            return f"the database {FEED_AWAY}"
        return (self._state.problem or "") if self._state is not None and self._line is not None else ""

    @property
    def lag(self) -> float:
        return self._feed.lag(self.healthy)

    def start(self, after: int, deliver: Deliver, on_skip: OnSkip) -> None:
        self._feed.start(after, deliver, on_skip)

    def wake(self) -> None:
        # Commits until the loop has turned are told together. Two threads that see `False` tell it twice, which is once
        # too often and no harm.
        if not self._to_say:
            self._to_say = True
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._say_committed)

    def close(self) -> None:
        """`aclose` ends it: what is committed last is told before."""

    # -- change_feed.Gate -------------------------------------------------------------------------------------------

    @property
    def following(self) -> bool:
        return self._feed.following

    @property
    def jumps(self) -> bool:
        return self._feed.jumps

    def pause(self) -> None:
        self._feed.pause()

    async def resume(self) -> None:
        await self._feed.resume(refusals.unreachable)

    async def resumed(self) -> None:
        await self._feed.resumed()

    # -- durable rooms ----------------------------------------------------------------------------------------------

    def watch(self, changed: Changed) -> None:
        """Call `changed` when another worker, or another gateway, wrote to durable rooms."""
        self._rooms = changed

    def call(self, rooms: Sequence[str]) -> None:
        """This worker wrote to them. Any thread."""
        if rooms:
            with suppress(RuntimeError):  # the loop has ended
                self._loop.call_soon_threadsafe(self._say, say.RoomsAppended(list(rooms)))

    # -- connector.User ---------------------------------------------------------------------------------------------

    def connected(self, line: Line) -> None:
        self._line = line

    def received(self, payload: bytes) -> None:
        message = say.decode_from_hub(payload)
        self._does[type(message)](message)

    def lost(self) -> None:
        self._line = None
        self._calls.fail(refusals.unreachable())
        self._feed.lost(refusals.unreachable())

    # -- within -----------------------------------------------------------------------------------------------------

    def _say(self, message: msgspec.Struct) -> None:
        if self._line is not None:
            self._line.answer(encode(message))

    def _say_committed(self) -> None:
        self._to_say = False
        self._say(say.Committed())

    def _say_paused(self) -> None:
        self._say(say.Pause())

    def _follow(self) -> bool:
        if self._line is None or self.outdated:
            return False
        self._asked, _ = self._calls.begin()
        self._say(say.Follow(self._asked))
        return True

    def _following(self, message: say.Following) -> None:
        self._calls.settle(message.id, None)
        if message.id == self._asked:
            self._feed.follows(message.head)

    def _is(self, state: say.State) -> None:
        before, self._state = self.outdated, state
        if not self._spoken.done():
            self._spoken.set_result(None)
        if self.outdated:
            if not before:
                log.error("the database %s", REPLACED)
            return
        self._feed.back()
        self._rooms(None)

    def _refused(self, refusal: Refusal) -> None:
        self._calls.refuse(refusal)
        if refusal.id == self._asked:
            self._feed.refuse(refusal.refused())
