"""Work under way: what a request waits for beside the loop's other work, one task each.

It knows what to do when work fails, and when a session has too much of it; it does not know what the work is. The task
group owns the tasks and outlives the last connection.
Invariant: a failure of the gateway costs the requests that wait for that work, and nothing else.
"""

from __future__ import annotations

import logging
from asyncio import Future, Task, TaskGroup, wait
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, TypeVar

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import Ref
from tidegate.core.errors import Refused, error_message, internal
from tidegate.core.session import Session
from tidegate.gateway.sender import Sender

Value = TypeVar("Value")

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
        self._under_way: set[Future[Any]] = set()
        self._reading: dict[Session, dict[Task[None], None]] = {}
        """The tasks of a session that only read, in their order: they end in the same one each time."""

    def spawn_reading(
        self, session: Session, refs: Sequence[Ref], work: Coroutine[Any, Any, None], keys: int = 0
    ) -> None:
        """As `spawn`, for work that changes nothing: it ends with its session. `keys`: how many rows it names."""
        task = self.spawn(session, refs, work, PENDING_BYTES + keys * KEY_BYTES)
        self._reading.setdefault(session, {})[task] = None
        task.add_done_callback(partial(self._read, session, work))

    def spawn(
        self, session: Session, refs: Sequence[Ref], work: Awaitable[None], size: int = PENDING_BYTES
    ) -> Task[None]:
        """Do `work` for `session`. `refs`: the requests that are answered with an error where it fails. `size`: bytes
        that it takes, about.

        Raises Refused(limit_reached) where the session's account holds too much memory, and `work` answers a request.
        """
        account = session.account
        try:
            size = self._begin(session, refs, size)
        except Refused:
            if isinstance(work, Coroutine):
                work.close()
            raise
        task = self._tasks.create_task(self._guard(session, refs, work))
        self._under_way.add(task)
        task.add_done_callback(partial(self._done, account, size))
        return task

    def after(
        self, session: Session, refs: Sequence[Ref], answer: Future[Value], then: Callable[[Value], None]
    ) -> None:
        """As `spawn`, for work that only waits for `answer` and then does `then` in one step.

        It needs no task, whose turns of the loop would cost more than the rest of a small request. What it waits for
        has begun, so that nothing is refused here.
        """
        size = self._begin(session, (), PENDING_BYTES)
        self._under_way.add(answer)
        answer.add_done_callback(partial(self._answered, session, refs, (session.account, size), then))

    def _begin(self, session: Session, refs: Sequence[Ref], size: int) -> int:
        """Returns the bytes that are counted: none for a lone request. Raises Refused, as `spawn` does."""
        pending = self._pending.get(session, 0) + 1
        if pending == 1 and size == PENDING_BYTES:
            size = 0
        else:
            (self.ledger.take if refs else self.ledger.add)(session.account, "reads", size)
        self._pending[session] = pending
        if pending == PENDING_LIMIT:
            session.sink.pause_reading()
        return size

    def _done(self, account: str, size: int, work: Future[Any]) -> None:
        self._under_way.discard(work)
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

    def track(self, task: Future[Any]) -> None:
        """`settled` waits for `task`, too, which no session waits for."""
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

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
        for work in self._under_way:
            work.cancel()

    def _read(self, session: Session, work: Coroutine[Any, Any, None], task: Task[None]) -> None:
        work.close()  # a task that was cancelled before its first step has not begun it
        tasks = self._reading.get(session)
        if tasks is not None:
            tasks.pop(task, None)
            if not tasks:
                del self._reading[session]

    async def _guard(self, session: Session, refs: Sequence[Ref], work: Awaitable[None]) -> None:
        try:
            await work
        except Exception as error:  # the boundary: a bug or a broken database must cost these requests alone
            self._failed(session, refs, error)
        finally:
            self._end(session)

    def _answered(
        self,
        session: Session,
        refs: Sequence[Ref],
        counted: tuple[str, int],
        then: Callable[[Value], None],
        answer: Future[Value],
    ) -> None:
        self._done(*counted, answer)
        try:
            if answer.cancelled():
                return
            if isinstance(failure := answer.exception(), Exception):  # raised here, it would keep this frame
                self._failed(session, refs, failure)
            else:
                then(answer.result())
        except Exception as error:  # the boundary, as above
            self._failed(session, refs, error)
        finally:
            self._end(session)

    def _failed(self, session: Session, refs: Sequence[Ref], error: Exception) -> None:
        if isinstance(error, Refused):
            self.refuse(session, refs, error)
        else:
            about = {"connection": session.id, "user": session.user.id}
            log.error("request failed", exc_info=error, extra=about)
            self.refuse(session, refs, internal())

    def _end(self, session: Session) -> None:
        pending = self._pending.get(session, 0) - 1
        if pending > 0:
            self._pending[session] = pending
        else:
            self._pending.pop(session, None)
        if pending == PENDING_LIMIT // 2:
            session.sink.resume_reading()
