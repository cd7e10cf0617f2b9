"""The snapshots of one database that wait for a thread, are read, or are being sent: which is read when.

A large snapshot that was read takes memory and disk until its clients have it, so that only some are kept at a time,
and half of them for one account. `spool` keeps the pages. It knows no SQL.
Invariant: a snapshot is read once, by a thread whose turn it is, and not at all where its last sharer has left.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial

from tidegate.core.budgets.costs import Cost
from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import Refused
from tidegate.core.rows.ports import EncodePage, ReadQuery
from tidegate.store.serving import refusals
from tidegate.store.serving.jobs import Blocked, Job, Purpose
from tidegate.store.serving.read_threads import ReadThreads
from tidegate.store.serving.spool import Spool

log = logging.getLogger("tidegate.store")

KEPT = 64
"""Large snapshots that were read and are being sent at a time; others wait for their turn. One account has half of
them at most."""


class Snapshots:
    """All spools of one database. Belongs to the loop's thread."""

    def __init__(self, read: Callable[[ReadQuery, Spool], None], threads: ReadThreads) -> None:
        """`read` is called in one of `threads`: it fills the spool."""
        self._read = read
        self._threads = threads
        self._loop = asyncio.get_running_loop()
        self._payers: dict[Spool, list[Payer]] = {}
        """Who shares a spool that is not in the queue yet."""
        self._jobs: dict[Spool, Job[None]] = {}
        """Those that wait for a thread or have one."""
        self._kept: dict[Spool, str] = {}
        """Large spools that were read and are being sent, and the accounts that pay."""

    def open(self, query: ReadQuery, cost: Cost, encode: EncodePage) -> Spool:
        """A snapshot that a thread reads when its turn comes, if it has a sharer by then."""
        spool = Spool(encode, self._loop, self._joined, self._left)
        self._payers[spool] = []
        # All who ask for it in this turn of the loop share it.
        self._loop.call_soon(self._submit, spool, query, cost)
        return spool

    def _joined(self, spool: Spool, payer: Payer) -> None:
        if spool in self._payers:
            self._payers[spool].append(payer)
        elif spool in self._jobs:
            self._threads.share(self._jobs[spool], payer)

    def _submit(self, spool: Spool, query: ReadQuery, cost: Cost) -> None:
        payers = self._payers.pop(spool, None)
        if not payers:
            return
        purpose = Purpose(payers[0], cost, query.resource, waits=False)
        purpose = purpose._replace(ended=lambda future: self._ended(spool, future), progress=lambda: spool.progress)
        try:
            job = self._threads.submit(partial(self._fill, query, spool), purpose)
        except Refused as refused:
            spool.stopped(refused)
            return
        self._jobs[spool] = job
        job.future.add_done_callback(lambda future: spool.fail(_failure(future)))
        for payer in payers[1:]:
            self._threads.share(job, payer)

    def _fill(self, query: ReadQuery, spool: Spool) -> None:
        """In a thread."""
        spool.begun = True
        try:
            if not spool.abandoned:
                self._read(query, spool)
        except Blocked:
            if spool.progress:
                raise refusals.unreachable() from None
            spool.begun = False  # it will be tried again, in a later transaction
            raise

    def _ended(self, spool: Spool, future: asyncio.Future[None]) -> None:
        """The thread has stopped, or nothing is read at all."""
        job = self._jobs.pop(spool, None)
        failure = _failure(future)
        if failure is not None and isinstance(failure.__cause__, OSError):
            log.error("a large snapshot cannot be kept in the folder of temporary files: %s", failure.__cause__)
        spool.stopped(failure)
        if job is not None and not spool.abandoned and spool.is_large:
            self._kept[spool] = job.payer.account
            self._limit(job.payer.account)

    def _left(self, spool: Spool) -> None:
        """The last sharer has left."""
        self._payers.pop(spool, None)
        if (job := self._jobs.get(spool)) is not None:
            self._threads.cancel(job)
        elif (account := self._kept.pop(spool, None)) is not None:
            self._limit(account)

    def _limit(self, account: str) -> None:
        self._threads.bar(account, list(self._kept.values()).count(account) >= KEPT // 2 > 0)
        self._threads.hold(len(self._kept) >= KEPT)


def _failure(future: asyncio.Future[None]) -> BaseException | None:
    error = None if not future.done() or future.cancelled() else future.exception()
    if not isinstance(error, OSError):
        return error
    refused = refusals.unreachable()
    refused.__cause__ = error
    return refused
