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

from tidegate.core.errors import Refused
from tidegate.core.rooms.room_log import Changed
from tidegate.core.rows.ports import Change
from tidegate.hub.connector import Hub
from tidegate.store.errors import FEED_AWAY, REPLACED, StoreError
from tidegate.store.hub import messages as say
from tidegate.store.hub.row_line import Does, RowLine
from tidegate.store.serving import refusals
from tidegate.store.serving.change_feed import Deliver
from tidegate.store.serving.feed_gate import OnSkip

log = logging.getLogger("tidegate.store")


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
        self._state: say.State | None = None
        self._rooms: Changed = lambda rooms: None
        self._to_say = False
        """Whether the loop will tell the hub of a commit."""
        does: Does = {say.RoomsChanged: lambda message: self._rooms(message.rooms)}
        self.row_line = RowLine(hub, self, resources, read, decoded, does)
        self._feed = self.row_line.feed

    async def open(self) -> None:
        """Connect. Raises StoreError where the hub does not answer."""
        try:
            await self.row_line.open(f"the database {FEED_AWAY}")
        except StoreError:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        self._feed.lost(refusals.stopping())
        self._feed.close()
        await self.row_line.aclose()
        self.row_line.calls.fail(refusals.stopping())

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
        if not self.row_line.connector.healthy:
            return f"the database {FEED_AWAY}"
        return (self._state.problem or "") if self._state is not None and self.row_line.line is not None else ""

    @property
    def lag(self) -> float:
        return self.row_line.lag

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
                self._loop.call_soon_threadsafe(self.row_line.send, say.RoomsAppended(list(rooms)))

    # -- row_line.Owner ---------------------------------------------------------------------------------------------

    def is_so(self, state: say.State) -> None:
        before, self._state = self.outdated, state
        if not self.outdated:
            self._rooms(None)
        elif not before:
            log.error("the database %s", REPLACED)

    def outcome(self) -> Refused:
        """This worker writes for itself: only questions wait."""
        return refusals.unreachable()

    # -- within -----------------------------------------------------------------------------------------------------

    def _say_committed(self) -> None:
        self._to_say = False
        self.row_line.send(say.Committed())
