"""Sends what is in the outbox: one gateway of all that share the database does it, in a task of its loop.

It brings committed changes into the outbox, hook by hook, and gives what is due to threads that post it. The database
is asked in one thread and the receivers in others, so that none of them delays a client, nor one receiver another.
Invariant: of one hook and key, no event is sent while an earlier one waits.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from tidegate.core.filters.tree import NOTHING
from tidegate.core.rows.ports import LogPruned, ReadQuery, Store
from tidegate.counted import Counted
from tidegate.hooks import retries, signing
from tidegate.hooks.delivery import Delivered, deliver
from tidegate.hooks.events import Event, Meets, of_change, of_gap
from tidegate.hooks.hook import Hook
from tidegate.hooks.ports import Outbox, Waiting

log = logging.getLogger("tidegate.hooks")

T = TypeVar("T")

LOOK_S, LONGEST_LOOK_S = 0.1, 1.0
"""Seconds between two looks for something to do: more and more while there is nothing."""
CHANGES = 500
"""Changes that are read at a time."""
WAITING = 5_000
"""While this many events of a hook wait, its changes stay in the change log."""
AT_ONCE = 4
"""Messages that are on their way to one receiver."""
FAILED = Counted(
    log, logging.WARNING, "webhook %r: a message was not taken, and is sent again later: %s", name="webhook_failed"
)
DEAD = Counted(
    log,
    logging.ERROR,
    "webhook %r: a message was not taken for days, and is kept: tidegate hooks list",
    name="webhook_given_up",
)
BROKEN = Counted(
    log, logging.ERROR, "the outbox of webhooks cannot be asked, and everything waits: %s", name="webhook_outbox_failed"
)
GAP = Counted(
    log, logging.ERROR, "webhook %r: changes went from the log before they were sent: it gets a gap", name="webhook_gap"
)


class HookSender:
    """Of one gateway. Every method belongs to its loop."""

    def __init__(
        self,
        hooks: Sequence[Hook],
        meets: Mapping[str, Meets],
        store: Store,
        resource: str | None,
        open_outbox: Callable[[], Outbox],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`meets`: the compiled filter of each hook, by its name. `resource`: any one of the schema; without one, no
        rows are told. `clock`: seconds since the Unix epoch, which say when a message is sent again.
        """
        self._clock = clock
        self._resource = resource
        self._hooks = {hook.name: hook for hook in hooks}
        self._keys = {hook.name: hook.secrets() for hook in hooks}
        self._meets = meets
        self._store = store
        self._open_outbox = open_outbox
        self._outbox: Outbox | None = None
        self._database = ThreadPoolExecutor(1, "tidegate-hooks-outbox")
        self._receivers = {hook.name: ThreadPoolExecutor(AT_ONCE, f"tidegate-hook-{hook.name}") for hook in hooks}
        self._under_way: dict[int, Waiting] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """Note where the change log is for hooks that are new: they are told what is committed from now on.

        Where the database fails, `run` notes it later.
        """
        try:
            outbox = await self._opened()
            for hook in self._hooks.values():
                if hook.wants_rows and self._resource is not None:
                    await self._in_database(partial(outbox.begin, hook.name, self._store.epoch, await self._head()))
        except Exception as error:  # the boundary: the database may fail in any way, and comes back
            BROKEN(type(error).__name__)
            await self._reopen()

    async def run(self) -> None:
        """Send until the task is cancelled."""
        pause = LOOK_S
        try:
            while True:
                try:
                    pause = LOOK_S if await self._turn() else min(2 * pause, LONGEST_LOOK_S)
                except Exception as error:  # the boundary: the database may fail in any way, and comes back
                    BROKEN(type(error).__name__)
                    await self._reopen()
                    pause = LONGEST_LOOK_S
                await asyncio.sleep(pause)
        finally:
            for task in self._tasks:
                task.cancel()
            for pool in self._receivers.values():
                pool.shutdown(wait=False, cancel_futures=True)
            if self._outbox is not None:
                self._database.submit(self._outbox.close)
            self._database.shutdown(wait=False)

    async def _reopen(self) -> None:
        """The connection may be broken. Another gateway may send from here on."""
        outbox, self._outbox = self._outbox, None
        if outbox is not None:
            await self._in_database(outbox.close)

    async def _opened(self) -> Outbox:
        if self._outbox is None:
            self._outbox = await self._in_database(self._open_outbox)
        return self._outbox

    async def _turn(self) -> bool:
        """Returns whether there was something to do."""
        outbox = await self._opened()
        if not await self._in_database(outbox.lead):
            return False
        disabled = await self._in_database(outbox.disabled)
        active = [hook for name, hook in self._hooks.items() if name not in disabled]
        for hook in active:
            if hook.wants_rows and self._resource is not None:
                await self._collect(outbox, hook)
        due = self._due(await self._in_database(partial(_first, outbox, [hook.name for hook in active], self._now())))
        for waiting in due:
            self._under_way[waiting.id] = waiting
            task = asyncio.get_running_loop().create_task(self._send(outbox, waiting))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return bool(due)

    async def _collect(self, outbox: Outbox, hook: Hook) -> None:
        """Bring the changes since the hook's position into the outbox."""
        while await self._in_database(lambda: outbox.count(hook.name)) < WAITING:
            head, epoch = await self._head(), self._store.epoch
            known = await self._in_database(lambda: outbox.position(hook.name))
            if known is None:  # a new hook, and the database failed when the gateway started
                await self._in_database(partial(outbox.begin, hook.name, epoch, head))
                return
            after = known[1]
            events: list[Event | None] = []
            if known[0] != epoch:
                events, after = [of_gap(hook, after, head, epoch, self._now())], head
                GAP(hook.name)
            elif after >= head:
                return
            else:
                try:
                    changes = await self._store.changes(after, head, CHANGES)
                    events = [of_change(hook, self._meets[hook.name], change, epoch) for change in changes]
                    after = changes[-1].seq if len(changes) == CHANGES else head
                except LogPruned:
                    events, after = [of_gap(hook, after, head, epoch, self._now())], head
                    GAP(hook.name)
            await self._move(outbox, hook, after, [event for event in events if event is not None])

    async def _head(self) -> int:
        """The newest committed seq, by a read of no row."""
        assert self._resource is not None
        return (await self._store.read(ReadQuery(resource=self._resource, where=NOTHING, limit=1))).seq

    async def _move(self, outbox: Outbox, hook: Hook, seq: int, events: Sequence[Event]) -> None:
        await self._in_database(partial(outbox.move, hook.name, self._store.epoch, seq, events, self._now()))

    def _due(self, waiting: Sequence[Waiting]) -> list[Waiting]:
        """What may be sent now, of what is the first of its hook and key and whose time has come."""
        seen, due = set[tuple[str, str]](), list[Waiting]()
        busy = {name: 0 for name in self._hooks}
        for each in self._under_way.values():
            busy[each.hook] += 1
            seen.add((each.hook, each.key))
        for each in waiting:
            if (each.hook, each.key) not in seen and busy[each.hook] < AT_ONCE:
                busy[each.hook] += 1
                due.append(each)
        return due

    def _now(self) -> int:
        return int(self._clock() * 1000)

    async def _send(self, outbox: Outbox, waiting: Waiting) -> None:
        hook = self._hooks[waiting.hook]
        try:
            # The receiver compares the time of the signature with its own clock.
            headers = signing.headers(waiting.message, int(time.time()), waiting.body, self._keys[hook.name])
            work = partial(deliver, hook.url, headers, waiting.body, hook.timeout)
            found = await asyncio.get_running_loop().run_in_executor(self._receivers[hook.name], work)
            await self._settle(outbox, waiting, found)
        except Exception as error:  # the boundary: it stays in the outbox, and is sent again
            BROKEN(type(error).__name__)
        finally:
            del self._under_way[waiting.id]

    async def _settle(self, outbox: Outbox, waiting: Waiting, found: Delivered) -> None:
        if found.problem is None:
            await self._in_database(lambda: outbox.sent(waiting.id))
            return
        if found.gone:
            log.error("webhook %r is not sent to any more: its receiver answered 410", waiting.hook)
            await self._in_database(lambda: outbox.disable(waiting.hook, "its receiver answered HTTP 410"))
            return
        tries, problem = waiting.tries + 1, found.problem
        seconds = retries.delay(tries, random.random(), found.retry_after)  # noqa: S311  # spread
        due = None if seconds is None else self._now() + int(seconds * 1000)
        await self._in_database(lambda: outbox.failed(waiting.id, tries, due, problem))
        if due is None:
            DEAD(waiting.hook)
        else:
            FAILED(waiting.hook, problem)

    async def _in_database(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._database, work)


def _first(outbox: Outbox, hooks: Sequence[str], now: int) -> Sequence[Waiting]:
    """What is due of each hook: a receiver that takes nothing hides no event of another one. In the outbox's thread."""
    return [each for name in hooks for each in outbox.due(name, now, 2 * AT_ONCE)]
