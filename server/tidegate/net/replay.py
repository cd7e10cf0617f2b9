"""Bringing a subscription up to the dispatched position: from a snapshot, from the log, or at once.

A snapshot is "resume since S": its rows are read with the log's head S in one transaction, sent in pages, and then the
changes after S are replayed like any other missed ones. It decides no access and encodes nothing.
Invariant: a subscription goes live in the very loop turn in which what it was sent ends at the dispatched position: no
gap, no duplicate, no lock.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import msgspec

from tidegate.core.live import Live
from tidegate.core.ports import LogPruned, ReadQuery, Store
from tidegate.core.session import Session, Watching
from tidegate_protocol import FeedPosition, Snapshot, Subscribed

log = logging.getLogger("tidegate.replay")

PAGE_ROWS = 200
"""Rows in a snapshot page: small enough to encode within a fraction of a millisecond."""
BATCH = 500
"""Changes read from the log at a time."""


class Replayer:
    """Brings subscriptions up. Its coroutines run in the gateway's task group and stop when the subscription ends."""

    def __init__(self, live: Live, store: Store, send: Callable[[Session, msgspec.Struct], None]) -> None:
        self._live = live
        self._store = store
        self._send = send
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []

    def at_once(self, watching: Watching) -> bool:
        """Make `watching` live now if that takes no reading: no snapshot wanted, or all it missed is still at hand."""
        dispatched, since = self._live.dispatched, watching.since
        if since is None:
            if watching.snapshot:
                return False
            self._live.go_live(watching)
            self._answer(watching, "live", dispatched.position)
            return True
        missed = dispatched.since(since.seq) if dispatched.recoverable(since) else None
        if missed is None:
            return False
        self._answer(watching, "recovered", since)
        for update in self._live.missed(watching, missed):
            self._send(watching.session, update)
        self._live.go_live(watching)
        return True

    async def bring_up(self, watching: Watching) -> None:
        """Recover from the log if that can be done, else send a snapshot; then go live.

        A failure before the answer is the caller's to answer. One after it ends the connection, so that the client
        comes back and resumes: it could not know otherwise that its rows stay behind.
        """
        try:
            await self._bring_up(watching)
        except Exception:
            if watching.ended:
                log.exception("a replay failed that nobody waits for", extra={"connection": watching.session.id})
                return
            self._live.end(watching)
            if not watching.answered:
                raise
            log.exception("a replay failed", extra={"connection": watching.session.id})
            watching.session.line.close(4100, "a replay failed; resume")

    async def _bring_up(self, watching: Watching) -> None:
        since = watching.since
        if since is not None and self._live.dispatched.recoverable(since):
            try:
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

    def dispatched(self) -> None:
        """The dispatched position moved: wake who waits for it."""
        seq = self._live.dispatched.seq
        if not self._waiting:
            return
        for wanted, future in self._waiting:
            if wanted <= seq and not future.done():
                future.set_result(None)
        self._waiting = [(wanted, future) for wanted, future in self._waiting if wanted > seq]

    async def _snapshot(self, watching: Watching) -> int:
        """Send the rows as they are now; returns the position they were read at."""
        group = watching.group
        query = ReadQuery(resource=group.resource, where=group.filters, fields=group.fields)
        result = await self._store.read(query)
        if not watching.answered and not watching.ended:
            self._answer(watching, "snapshot", FeedPosition(epoch=self._store.epoch, seq=result.seq))
        for start in range(0, max(len(result.rows), 1), PAGE_ROWS):
            if watching.ended:
                break
            page = Snapshot(
                subscription=group.id,
                rows=result.rows[start : start + PAGE_ROWS],
                reset=start == 0,
                done=start + PAGE_ROWS >= len(result.rows),
            )
            self._send(watching.session, page)
            await watching.session.line.drained()
        return result.seq

    async def _catch_up(self, watching: Watching, at: int) -> bool:
        """Replay what came after `at` and go live. False when the log was pruned past the reader."""
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
                try:
                    changes = list(await self._store.changes(at, upto, BATCH))
                except LogPruned:
                    return False
                at = changes[-1].seq if len(changes) == BATCH else upto
            else:
                at = upto
            if watching.ended:
                break
            for update in self._live.missed(watching, changes):
                self._send(watching.session, update)
            if at != dispatched.seq:
                await watching.session.line.drained()
        return True

    async def _until(self, seq: int) -> None:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((seq, future))
        await future

    def _answer(self, watching: Watching, mode: str, position: FeedPosition) -> None:
        """Answer the request that began the subscription."""
        watching.answered = True
        self._reply(watching, watching.refs.pop(0), mode, position)

    def _answer_later_ones(self, watching: Watching) -> None:
        """Equal requests that came meanwhile hear of the live subscription they share."""
        refs, watching.refs = watching.refs, []
        for ref in refs:
            self._reply(watching, ref, "live", self._live.dispatched.position)

    def _reply(self, watching: Watching, ref: str | int | None, mode: str, position: FeedPosition) -> None:
        if ref is None:
            return
        group = watching.group
        self._send(
            watching.session,
            Subscribed(
                subscription=group.id,
                resource=group.resource,
                position=position,
                mode=mode,  # type: ignore[arg-type]  # one of the three words of the schema
                ref=ref,
            ),
        )
