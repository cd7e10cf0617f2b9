"""Work under way: what a request waits for beside the loop's other work, one task each.

It knows what to do when work fails, and when a session has too much of it; it does not know what the work is. The task
group owns the tasks and outlives the last connection.
Invariant: a failure of the gateway costs the requests that wait for that work, and nothing else.
"""

from __future__ import annotations

import logging
from asyncio import Task, TaskGroup, wait
from collections.abc import Awaitable, Coroutine, Sequence
from functools import partial
from typing import Any

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import Ref
from tidegate.core.errors import Refused, error_message, internal
from tidegate.core.session import Session
from tidegate.gateway.sender import Sender

log = logging.getLogger("tidegate.gateway")

PENDING_LIMIT = 256
"""Requests of one session under way, above which its connection is not read from until half of them are done."""
PENDING_BYTES = 8192
"""What a request under way counts for: its task, and what it asks for. The only one of a session counts for nothing, as
the first bytes that wait for its client do."""
KEY_BYTES = 300
"""What each row that it names counts for besides, once its key is made for the database."""


class Work:
    """The tasks of all sessions."""

    def __init__(self, tasks: TaskGroup, sender: Sender, ledger: Ledger) -> None:
        self.ledger = ledger
        self._tasks = tasks
        self._sender = sender
        self._pending: dict[Session, int] = {}
        self._under_way: set[Task[None]] = set()
        self._reading: dict[Session, set[Task[None]]] = {}
        """The tasks of a session that only read."""

    def spawn_reading(
        self, session: Session, refs: Sequence[Ref], work: Coroutine[Any, Any, None], keys: int = 0
    ) -> None:
        """As `spawn`, for work that changes nothing: it ends with its session. `keys`: how many rows it names."""
        task = self.spawn(session, refs, work, PENDING_BYTES + keys * KEY_BYTES)
        self._reading.setdefault(session, set()).add(task)
        task.add_done_callback(partial(self._read, session, work))

    def spawn(
        self, session: Session, refs: Sequence[Ref], work: Awaitable[None], size: int = PENDING_BYTES
    ) -> Task[None]:
        """Do `work` for `session`. `refs`: the requests that are answered with an error where it fails. `size`: bytes
        that it takes, about.

        Raises Refused(limit_reached) where the session's account holds too much memory, and `work` answers a request.
        """
        account, pending = session.account, self._pending.get(session, 0) + 1
        if pending == 1 and size == PENDING_BYTES:
            size = 0
        else:
            self._count(account, size, work, answers=bool(refs))
        self._pending[session] = pending
        if pending == PENDING_LIMIT:
            session.sink.pause_reading()
        task = self._tasks.create_task(self._guard(session, refs, work))
        self._under_way.add(task)
        task.add_done_callback(partial(self._done, account, size))
        return task

    def _count(self, account: str, size: int, work: Awaitable[None], *, answers: bool) -> None:
        """Raises Refused, as `spawn` does; `work` is closed then."""
        try:
            (self.ledger.take if answers else self.ledger.add)(account, "reads", size)
        except Refused:
            if isinstance(work, Coroutine):
                work.close()
            raise

    def _done(self, account: str, size: int, task: Task[None]) -> None:
        self._under_way.discard(task)
        if size:
            self.ledger.give(account, "reads", size)

    def refuse(self, session: Session, refs: Sequence[Ref], refused: Refused) -> None:
        """Answer requests with an error; with `internal` if that error cannot be sent."""
        for ref in refs:
            try:
                self._sender.send(session, error_message(refused, ref))
            except Exception:  # the boundary, as below: the requests are waiting for an answer
                log.exception("an error cannot be sent", extra={"connection": session.id, "user": session.user.id})
                self._sender.send(session, error_message(internal(), ref))

    def forget(self, session: Session) -> None:
        """The session ended: its connection is not paused or resumed any more, and what only reads for it ends."""
        self._pending.pop(session, None)
        for task in self._reading.pop(session, ()):
            task.cancel()

    def busy(self, session: Session) -> bool:
        """Whether a request of the session is under way."""
        return session in self._pending

    @property
    def under_way(self) -> int:
        """How many requests are under way. May be asked in any thread."""
        return len(self._under_way)

    async def settled(self, seconds: float | None = None) -> None:
        """Wait until what is under way now is done, at most `seconds`."""
        if self._under_way:
            await wait(self._under_way, timeout=seconds)

    def cancel(self) -> None:
        """Drop what is under way. To be called when no connection is left that waits for it."""
        for task in self._under_way:
            task.cancel()

    def _read(self, session: Session, work: Coroutine[Any, Any, None], task: Task[None]) -> None:
        work.close()  # a task that was cancelled before its first step has not begun it
        tasks = self._reading.get(session)
        if tasks is not None:
            tasks.discard(task)
            if not tasks:
                del self._reading[session]

    async def _guard(self, session: Session, refs: Sequence[Ref], work: Awaitable[None]) -> None:
        try:
            await work
        except Refused as refused:
            self.refuse(session, refs, refused)
        except Exception:  # the boundary: a bug or a broken database must cost these requests alone
            log.exception("request failed", extra={"connection": session.id, "user": session.user.id})
            self.refuse(session, refs, internal())
        finally:
            pending = self._pending.get(session, 0) - 1
            if pending > 0:
                self._pending[session] = pending
            else:
                self._pending.pop(session, None)
            if pending == PENDING_LIMIT // 2:
                session.sink.resume_reading()
