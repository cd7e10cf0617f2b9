"""Bringing a subscription up to the dispatched position: from a snapshot, from the log, or at once.

A snapshot is "resume since S": its rows are read with the log's head S in one transaction, which waits for no client,
and sent as fast as the client takes them; then the changes after S are replayed like any other missed ones. It decides
no access.
Invariant: a subscription goes live in the very loop turn in which what it was sent ends at the dispatched position: no
gap, no duplicate, no lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence

import msgspec

from tidegate.core.closes import OVERLOADED
from tidegate.core.rows.ports import Change, LogPruned, Store
from tidegate.core.rows.requests import Rows
from tidegate.core.rows.subscription import Subscription
from tidegate.core.rows.subscription_index import SubscriptionGroup
from tidegate.core.session import Session
from tidegate.gateway.sender import Sender
from tidegate.gateway.snapshot_frames import SnapshotPages
from tidegate_protocol import FeedPosition, Subscribed

log = logging.getLogger("tidegate.replay")

BATCH = 500
"""Changes read from the log at a time."""


CHUNK_BYTES = 262144
"""Bytes that are sent to a replaying client before it has to have read them: well below what a slow one may owe."""
SHARED = 64
"""Replays kept for others who come back from the same position."""


class Missed(msgspec.Struct, frozen=True):
    """What a group's subscribers missed: as frames for all but the `owners`, who hear which changes were their own."""

    changes: Sequence[Change]
    owners: frozenset[str | None]
    frames: bytes


class Replayer:
    """Brings subscriptions up. Its coroutines run in the gateway's task group and stop when the subscription ends."""

    def __init__(
        self,
        live: Rows,
        store: Store,
        sender: Sender,
    ) -> None:
        self._live = live
        self._store = store
        self._frame = sender.frame
        self._push = sender.send_frame
        self._pages = SnapshotPages(store, sender.frame)
        self._remembering = asyncio.Lock()
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self._shared: dict[tuple[SubscriptionGroup, int], Missed] = {}
        """What subscribers of a group missed since a position, up to the dispatched one."""

    def at_once(self, watching: Subscription) -> bool:
        """Make `watching` live now if that takes no reading: no snapshot wanted, or all it missed is still at hand."""
        return self._store.following and self._now(watching)

    def _now(self, watching: Subscription) -> bool:
        dispatched, since = self._live.dispatched, watching.since
        if since is None:
            if watching.snapshot:
                return False
            self._live.go_live(watching)
            self._answer(watching, "live", dispatched.position)
            self._answer_later_ones(watching)
            return True
        missed = self._missed(watching, since.seq) if dispatched.recoverable(since) else None
        if missed is None or len(missed.frames) + watching.session.sink.unsent > CHUNK_BYTES:
            return False
        self._answer(watching, "recovered", since)
        if watching.session.user.id in missed.owners:
            for frame in self._frames(watching, missed.changes):
                self._push(watching.session, frame)
        elif missed.frames:
            self._push(watching.session, missed.frames)
        self._live.go_live(watching)
        self._answer_later_ones(watching)
        return True

    def _missed(self, watching: Subscription, seq: int) -> Missed | None:
        """What a subscriber of the group missed since `seq`; None where the log has to be asked. A herd shares it."""
        key = (watching.group, seq)
        missed = self._shared.get(key)
        if missed is None:
            changes = self._live.dispatched.since(seq)
            if changes is None or _reset(watching, changes):
                return None
            owners = frozenset(change.actor for change in changes if change.origin is not None)
            frames = b"".join(self._frame(update) for update in self._live.missed(watching.group, changes, None))
            missed = Missed(changes, owners, frames)
            if len(self._shared) < SHARED:
                self._shared[key] = missed
        return missed

    async def _replay(self, watching: Subscription, changes: Sequence[Change]) -> None:
        """Send what `changes` mean, never more at a time than what may wait for the client."""
        line = watching.session.sink
        unsent = line.unsent
        for frame in self._frames(watching, changes):
            if unsent > CHUNK_BYTES:
                await line.drained()
                unsent = 0
            if watching.ended:
                return
            self._push(watching.session, frame)
            unsent += len(frame)

    def _frames(self, watching: Subscription, changes: Sequence[Change]) -> Iterator[bytes]:
        return map(self._frame, self._live.missed(watching.group, changes, watching.session.user.id))

    def _send(self, session: Session, message: msgspec.Struct) -> None:
        self._push(session, self._frame(message))

    async def bring_up(self, watching: Subscription) -> None:
        """Recover from the log if that can be done, else send a snapshot; then go live.

        A failure before the answer is the caller's to answer. One after it ends the connection, so that the client
        comes back and resumes: it could not know otherwise that its rows stay behind.
        """
        try:
            await self._bring_up(watching)
        except Exception:  # the boundary: whatever failed, the client has to learn that it is behind
            if watching.ended:
                log.exception("a replay failed that nobody waits for", extra={"connection": watching.session.id})
                return
            self._live.end(watching)
            if not watching.answered:
                raise
            log.exception("a replay failed", extra={"connection": watching.session.id})
            watching.session.sink.close(OVERLOADED, "a replay failed; resume")

    async def _bring_up(self, watching: Subscription) -> None:
        await self._store.resume()
        if watching.ended:
            return
        since = watching.since
        if since is None and not watching.snapshot and self._now(watching):
            return
        if since is not None and await self._recoverable(since):
            try:
                await self._remember(since.seq)
                if watching.ended or self._now(watching):
                    return
                await self._store.changes(since.seq, since.seq, 1)
            except LogPruned:
                pass
            else:
                if watching.ended:
                    return
                self._answer(watching, "recovered", since)
                if await self._catch_up(watching, since.seq):
                    return
        while not watching.ended:
            at = await self._snapshot(watching)
            if await self._catch_up(watching, at):
                return

    async def _recoverable(self, since: FeedPosition) -> bool:
        """Whether one can go on from `since`. Another gateway may have told it before this one is there: then wait."""
        dispatched = self._live.dispatched
        if since.epoch == dispatched.epoch and since.seq > dispatched.seq:
            try:
                told = await self._store.changes(since.seq - 1, since.seq, 1)
            except LogPruned:
                return False
            if told and since.seq > dispatched.seq:
                await self._until(since.seq)
        return dispatched.recoverable(since)

    async def _remember(self, seq: int) -> None:
        """Have the changes after `seq` at hand, if they are not too many: one of a herd reads them for all.

        Raises LogPruned.
        """
        dispatched = self._live.dispatched
        async with self._remembering:
            floor = dispatched.floor
            if 0 < floor - seq <= dispatched.keep:
                dispatched.remember(await self._store.changes(seq, floor, dispatched.keep), seq, floor)

    def rest(self) -> None:
        """There is no subscription: follow the log no more. Replays that still wait for it have been ended."""
        self._store.pause()
        for _, future in self._waiting:
            if not future.done():
                future.set_result(None)
        self._waiting.clear()

    def dispatched(self) -> None:
        """The dispatched position moved: wake who waits for it."""
        self._shared.clear()
        seq = self._live.dispatched.seq
        if not self._waiting:
            return
        for wanted, future in self._waiting:
            if wanted <= seq and not future.done():
                future.set_result(None)
        self._waiting = [(wanted, future) for wanted, future in self._waiting if wanted > seq]

    async def _snapshot(self, watching: Subscription) -> int:
        """Send the rows as they are now, as fast as the client takes them; returns the position they were read at."""
        with self._pages.of(watching.group) as pages:
            seq = await pages.seq()
            if not watching.answered and not watching.ended:
                self._answer(watching, "snapshot", FeedPosition(epoch=self._store.epoch, seq=seq))
            number = 0
            while not watching.ended and (frame := await pages.page(number)) is not None:
                await watching.session.sink.drained()
                if watching.ended:
                    break
                self._push(watching.session, frame)
                number += 1
        return seq

    async def _catch_up(self, watching: Subscription, at: int) -> bool:
        """Replay what came after `at` and go live. False when that takes another snapshot: the log was pruned past the
        reader, or does not tell all that happened to the rows.
        """
        dispatched = self._live.dispatched
        while not watching.ended:
            if at == dispatched.seq:
                self._live.go_live(watching)
                self._answer_later_ones(watching)
                return True
            if at > dispatched.seq:
                await self._until(at)
                continue
            changes, upto = dispatched.since(at), dispatched.seq
            if changes is None:
                # As many as there can be: fewer may come, for those of strange resources are left out.
                upto = min(upto, at + BATCH)
                try:
                    changes = list(await self._store.changes(at, upto, BATCH))
                except LogPruned:
                    return False
            at = upto
            if watching.ended:
                break
            if _reset(watching, changes):
                return False
            await self._replay(watching, changes)
            if at != dispatched.seq:
                await watching.session.sink.drained()
        return True

    async def _until(self, seq: int) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((seq, future))
        await future

    def _answer(self, watching: Subscription, mode: str, position: FeedPosition) -> None:
        """Answer the request that began the subscription."""
        watching.answered = True
        self._reply(watching, watching.refs.pop(0), mode, position)

    def _answer_later_ones(self, watching: Subscription) -> None:
        """Equal requests that came meanwhile hear of the live subscription they share."""
        refs, watching.refs = watching.refs, []
        for ref in refs:
            self._reply(watching, ref, "live", self._live.dispatched.position)

    def _reply(self, watching: Subscription, ref: str | int | None, mode: str, position: FeedPosition) -> None:
        if ref is None:
            return
        group = watching.group
        subscribed = Subscribed(
            subscription=group.id,
            resource=group.resource,
            position=position,
            mode=mode,  # type: ignore[arg-type]  # one of the three words of the schema
            ref=ref,
        )
        if group.scope is not None:
            subscribed.scope = group.scope
        self._send(watching.session, subscribed)


def _reset(watching: Subscription, changes: Sequence[Change]) -> bool:
    """Whether the rows of the subscription changed in ways that `changes` do not tell."""
    return any(change.action == "reset" and change.resource == watching.group.resource for change in changes)
