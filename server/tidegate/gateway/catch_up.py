"""Carries out what catch-ups ask for: reads, waits and sends, as fast as each client takes it.

`core.rows.catch_up` decides everything; this module tells it what happened. Clients that need the same share it: the
pages of a snapshot, the frames of missed changes, and a read of the log. No client is sent more than CHUNK_BYTES before
it has read most of that.
Invariant: nothing is awaited between the last event of a catch-up and the moment when its subscription is live.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Iterator, Sequence
from typing import Any, assert_never

import msgspec

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.budgets.payer import Payer
from tidegate.core.effects import Reply
from tidegate.core.errors import Refused
from tidegate.core.rows import catch_up_events as events
from tidegate.core.rows import effects as asks
from tidegate.core.rows.costly_changes import CHEAP, cost, in_slices
from tidegate.core.rows.messages import missed
from tidegate.core.rows.ports import Change, LogPruned, Store
from tidegate.core.rows.rows import Rows
from tidegate.core.rows.subscription import State, Subscription
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.gateway.sender import Sender
from tidegate.gateway.snapshot_frames import SnapshotPages

log = logging.getLogger("tidegate.replay")

CHUNK_BYTES = 262144
"""Bytes sent to a client that catches up before it must have read them: far below what closes a slow connection."""
SHARED_FRAMES = 64
"""For how many groups and positions the frames of missed changes are kept."""
INCOMPLETE = "the rows cannot be kept up to date at the moment; the gateway's log says why"
INCOMPLETE_RETRY_S = 5.0
"""Seconds after which a client asks again. An operator has to act first."""
_FEED_FOLLOWS = events.FeedFollows()
_CHANGES_SENT = events.ChangesSent()


class MissedFrames(msgspec.Struct, frozen=True):
    """What the subscribers of a group missed between two positions."""

    frames: bytes
    """For every user but the `owners`, who learn which changes were their own."""
    owners: frozenset[str | None]


class CatchUpDriver:
    """Brings subscriptions up to date. Its coroutines run in the gateway's task group."""

    def __init__(
        self,
        rows: Rows,
        store: Store,
        sender: Sender,
        ledger: Ledger | None = None,
    ) -> None:
        self._rows = rows
        self._store = store
        self._frame = sender.frame
        self._send = sender.send
        self._push = sender.send_frame
        self._pages = SnapshotPages(store, sender.frame, ledger)
        self.count_memory = self._pages.count
        self._recalling = asyncio.Lock()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        """Catch-ups that wait until a seq is dispatched."""
        self._shared: dict[tuple[SubscriptionGroup, int, int], MissedFrames] = {}
        """Frames of the changes after a seq up to another, while that one is the cursor's."""

    def begin(self, subscription: Subscription) -> Coroutine[Any, Any, None] | None:
        """Bring `subscription` up to date. Returns what is left to be awaited; None if it is live already."""
        if not self._store.following or subscription.group.resource in self._store.incomplete:
            return self._guarded(subscription, asks.ResumeFeed())
        ask = self._tell(subscription, _FEED_FOLLOWS)
        while type(ask) is asks.SendChanges and self._send_at_once(subscription, ask):
            ask = self._tell(subscription, _CHANGES_SENT)
        return None if ask is None else self._guarded(subscription, ask)

    def advanced(self) -> None:
        """The cursor moved: wake the catch-ups that wait for it."""
        self._shared.clear()
        if not self._waiting:
            return
        seq = self._rows.cursor.seq
        _wake(future for wanted, future in self._waiting if wanted <= seq)
        self._waiting = [(wanted, future) for wanted, future in self._waiting if wanted > seq]

    def pause(self) -> None:
        """There is no subscription: pause the feed. Catch-ups that wait for the cursor have ended, and learn it now."""
        self._store.pause()
        _wake(future for _, future in self._waiting)
        self._waiting.clear()

    def _tell(self, subscription: Subscription, event: events.Event) -> asks.Ask | None:
        """Tell the core what happened, and carry out its answer. Returns what it asks for."""
        answers, ask = self._rows.subscriptions.tell(subscription, event)
        for answer in answers:
            if isinstance(answer, Reply):
                self._send(answer.session, answer.message)
            else:
                answer.session.sink.close(answer.code, answer.reason)
        return ask

    async def _guarded(self, subscription: Subscription, ask: asks.Ask) -> None:
        """Carry out what the catch-up asks for until it asks no more.

        If that fails, the core decides what becomes of the client. Where the request has no answer yet, the error is
        raised: the caller answers with it.
        """
        try:
            needed: asks.Ask | None = ask
            while needed is not None and subscription.state is not State.ENDED:
                needed = self._tell(subscription, await self._carry_out(subscription, needed))
        except Exception:  # the boundary: whatever failed, the client has to learn that it is behind
            unanswered = subscription.state is State.WAITING
            self._tell(subscription, events.Failed())
            if unanswered:
                raise
            log.exception("a catch-up failed", extra={"connection": subscription.session.id})

    async def _carry_out(self, subscription: Subscription, ask: asks.Ask) -> events.Event:
        match ask:
            case asks.ResumeFeed():
                await self._store.resume()
                if subscription.group.resource in self._store.incomplete:
                    raise Refused("unavailable", INCOMPLETE, retry_after=INCOMPLETE_RETRY_S)
                return _FEED_FOLLOWS
            case asks.FindPosition(seq=seq):
                return await self._find(seq, subscription.session.payer)
            case asks.WaitFor(seq=seq):
                await self._until(seq)
                return events.PositionReached()
            case asks.RecallChanges(after=after):
                return await self._recall(after)
            case asks.ReadChanges(after=after, upto=upto):
                return await self._read(after, upto, subscription.session.payer)
            case asks.SendChanges():
                if not self._send_at_once(subscription, ask):
                    await self._send_in_chunks(subscription, ask.changes)
                return _CHANGES_SENT
            case asks.Drain():
                await subscription.session.sink.drained()
                return events.Drained()
            case asks.ReadSnapshot():
                await self._send_snapshot(subscription)
                return events.PagesSent()
            case asks.SendPages():
                raise AssertionError("_send_snapshot carries it out")
            case _:
                assert_never(ask)

    # -- reading ----------------------------------------------------------------------------------------------------

    async def _find(self, seq: int, payer: Payer) -> events.Event:
        try:
            found = await self._store.changes(seq - 1, seq, 1, payer)
        except LogPruned:
            return events.NotInLog()
        return events.PositionFound() if found else events.NotInLog()

    async def _recall(self, after: int) -> events.Event:
        """One catch-up reads the changes; the others that ask meanwhile find them kept."""
        cursor = self._rows.cursor
        async with self._recalling:
            upto = cursor.missing(after)
            if upto is not None:
                try:
                    cursor.remember(await self._store.changes(after, upto, cursor.keep), after, upto)
                except LogPruned:
                    return events.NotInLog()
        return events.ChangesRecalled()

    async def _read(self, after: int, upto: int, payer: Payer) -> events.Event:
        try:
            return events.ChangesRead(await self._store.changes(after, upto, upto - after, payer), upto)
        except LogPruned:
            return events.NotInLog()

    async def _until(self, seq: int) -> None:
        if seq > self._rows.cursor.seq:
            future = asyncio.get_running_loop().create_future()
            self._waiting.append((seq, future))
            await future

    # -- sending ----------------------------------------------------------------------------------------------------

    async def _send_snapshot(self, subscription: Subscription) -> None:
        """Send the rows as they are now, as fast as the client takes them, unless the subscription ends."""
        sink = subscription.session.sink
        with self._pages.of(subscription.group, subscription.session.payer) as pages:
            ask = self._tell(subscription, events.SnapshotBegun(await pages.seq()))
            number = 0
            while type(ask) is asks.SendPages and (frame := await pages.page(number)) is not None:
                await sink.drained()
                if subscription.state is State.ENDED:
                    return
                self._push(subscription.session, frame)
                number += 1

    def _send_at_once(self, subscription: Subscription, ask: asks.SendChanges) -> bool:
        """Send kept changes if they may all wait for the client now. False: nothing was sent."""
        session = subscription.session
        if not ask.kept or session.sink.unsent > CHUNK_BYTES or cost(subscription.group, ask.changes) > CHEAP:
            return False
        found = self._shared_frames(subscription.group, ask)
        if len(found.frames) + session.sink.unsent > CHUNK_BYTES:
            return False
        if session.user.id in found.owners:
            for frame in self._frames(subscription, ask.changes):
                self._push(session, frame)
        elif found.frames:
            self._push(session, found.frames)
        return True

    def _shared_frames(self, group: SubscriptionGroup, ask: asks.SendChanges) -> MissedFrames:
        key = (group, ask.after, ask.upto)
        found = self._shared.get(key)
        if found is None:
            updates = missed(group, ask.changes, self._rows.cursor.epoch, user=None)
            owners = frozenset(change.actor for change in ask.changes if change.origin is not None)
            found = MissedFrames(b"".join(map(self._frame, updates)), owners)
            if len(self._shared) < SHARED_FRAMES:
                self._shared[key] = found
        return found

    async def _send_in_chunks(self, subscription: Subscription, changes: Sequence[Change]) -> None:
        """Send what `changes` mean, never more at a time than what may wait for the client."""
        sink = subscription.session.sink
        unsent = sink.unsent
        for some in in_slices(subscription.group, changes):
            for frame in self._frames(subscription, some):
                if unsent > CHUNK_BYTES:
                    await sink.drained()
                    unsent = 0
                if subscription.state is State.ENDED:
                    return
                self._push(subscription.session, frame)
                unsent += len(frame)
            if len(some) < len(changes):
                await asyncio.sleep(0)  # the loop has other work

    def _frames(self, subscription: Subscription, changes: Sequence[Change]) -> Iterator[bytes]:
        user = subscription.session.user.id
        return map(self._frame, missed(subscription.group, changes, self._rows.cursor.epoch, user))


def _wake(futures: Iterable[asyncio.Future[None]]) -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)
