"""A worker's line to the hub for rows: what it asks the hub in order to follow the change log, and what it hears.

Over SQLite the worker's store owns one, over PostgreSQL its feed. What else crosses, such as writes, belongs to the
owner, which says what becomes of it.
Invariant: of several questions for changes, the answer to the last one counts. A call has one outcome, also where the
line ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from tidegate.core.errors import Refused
from tidegate.core.rows.ports import Change
from tidegate.hub.calls import Calls
from tidegate.hub.connector import Connector, Hub
from tidegate.hub.line import Line
from tidegate.hub.messages import Refusal, encode
from tidegate.store.errors import StoreError
from tidegate.store.hub import messages as say
from tidegate.store.hub.feed import HubFeed
from tidegate.store.serving import refusals

START_S = 30.0
"""How long a worker waits for the hub at its start."""

Does = Mapping[type, Callable[[Any], None]]
"""What the owner does with messages of the hub, by their type."""


class Owner(Protocol):
    """Whose line it is."""

    @property
    def outdated(self) -> bool:
        """The hub's log is not this worker's: there is nothing to follow."""

    def is_so(self, state: say.State) -> None:
        """The hub says how the database is."""

    def outcome(self) -> Refused:
        """What the calls become that the hub has not answered when the line ends."""


class RowLine:
    """Belongs to the loop's thread. Connected from `open` to `aclose`. `does`: without what is done here."""

    def __init__(
        self,
        hub: Hub,
        owner: Owner,
        resources: Iterable[str],
        read: Callable[[int, int], Awaitable[Sequence[Change]]],
        decoded: Callable[[Sequence[say.Record]], Sequence[Change]],
        does: Does,
    ) -> None:
        """`read`, `decoded`: as for `HubFeed`."""
        loop = asyncio.get_running_loop()
        self._owner = owner
        self.connector = Connector(hub.address, "rows", hub.node, self)
        self.calls = Calls(loop)
        self.feed = HubFeed(resources, self._follow, self._say_paused, read, decoded)
        self.line: Line | None = None
        """None while the hub is away."""
        self._asked = 0
        """The number of the `Follow` that counts."""
        self._spoken: asyncio.Future[None] = loop.create_future()
        self._reads = True
        """Whether the hub said that its feed reads the log."""
        self._does: Does = {
            **does,
            say.State: self._is_so,
            say.Following: self._following,
            say.Changes: lambda message: self.feed.changed(message.records, message.head),
            Refusal: self._refused,
        }

    async def open(self, why: str) -> None:
        """Connect. Raises StoreError(`why`) where the hub does not say how the database is."""
        self.connector.start()
        try:
            async with asyncio.timeout(START_S):
                await self._spoken
        except TimeoutError:
            raise StoreError(why) from None

    async def aclose(self) -> None:
        await self.connector.aclose()

    @property
    def lag(self) -> float:
        """See core.rows.ports.Store. The hub's feed counts, and not whether the database can be written."""
        return self.feed.lag(self.connector.healthy and self._reads and not self._owner.outdated)

    def send(self, message: msgspec.Struct) -> None:
        """Nothing is said while the hub is away."""
        if self.line is not None:
            self.line.answer(encode(message))

    # -- connector.User ---------------------------------------------------------------------------------------------

    def connected(self, line: Line) -> None:
        self.line = line

    def received(self, payload: bytes) -> None:
        message = say.decode_from_hub(payload)
        self._does[type(message)](message)

    def lost(self) -> None:
        self.line = None
        self.calls.fail(self._owner.outcome())
        self.feed.lost(refusals.unreachable())

    # -- within -----------------------------------------------------------------------------------------------------

    def _follow(self) -> bool:
        if self.line is None or self._owner.outdated:
            return False
        self._asked, _ = self.calls.begin()
        self.send(say.Follow(self._asked))
        return True

    def _say_paused(self) -> None:
        self.send(say.Pause())

    def _following(self, message: say.Following) -> None:
        self.calls.settle(message.id, None)
        if message.id == self._asked:
            self.feed.follows(message.head)

    def _is_so(self, state: say.State) -> None:
        self._reads = state.reads
        self._owner.is_so(state)
        if not self._spoken.done():
            self._spoken.set_result(None)
        if not self._owner.outdated:
            self.feed.back()

    def _refused(self, refusal: Refusal) -> None:
        self.calls.refuse(refusal)
        if refusal.id == self._asked:
            self.feed.refuse(refusal.refused())
