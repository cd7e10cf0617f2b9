"""The hub's side of rows: the store of one process, and the workers that use it.

One feed reads the change log, encodes each batch once and sends it to every worker that follows; it decodes no change.
Over SQLite one writer commits what all workers write, together and in fair turns; PostgreSQL they write themselves.
Invariants: a worker that follows hears every change after the head that it was told, in order, or its line is ended. A
write that was sent after `Follow` is done after it holds.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

import msgspec

from tidegate.core.budgets.payer import Payer
from tidegate.core.errors import Refused, internal
from tidegate.core.rooms.room_log import ForgetRoom, Kept, NewMessage
from tidegate.core.rows.ports import Change
from tidegate.hub.frames import frame
from tidegate.hub.line import Line
from tidegate.hub.messages import Refusal, encode
from tidegate.store.hub import messages as say
from tidegate.store.hub.crossing import mutation_from
from tidegate.store.opened import LentStore

log = logging.getLogger("tidegate.hub")

PART_BYTES = 1 << 20
"""Records in one frame, about."""
LONGEST_RECORD = 64 << 20
"""A change that is larger is a reset of its resource for the workers: they read its rows again."""


class RowsOfHub:
    """The rows of one database."""

    def __init__(self, store: LentStore, head: int) -> None:
        """`head`: of the store when it was opened."""
        self._store = store
        self._head = head
        """Up to here everything was sent to who follows."""
        self._workers: dict[RowsWorker, None] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping: set[asyncio.Future[Kept]] = set()
        self._told = self._state()
        store.follow(self._changed, self._skipped)
        store.pause()
        store.watch_rooms(self._rooms_changed)

    def join(self, line: Line, node: str) -> RowsWorker:
        worker = RowsWorker(self, line, node)
        self._workers[worker] = None
        line.answer(encode(self._state()))
        return worker

    def gone(self, worker: RowsWorker) -> None:
        if self._workers.pop(worker, worker) is None:
            self._pause_if_unused()

    def tick(self) -> None:
        """Tell how the database is, if that has changed."""
        state = self._state()
        if state != self._told:
            self._told = state
            framed = frame(encode(state))
            for worker in self._workers:
                worker.line.send_frame(framed)

    async def aclose(self, patience: float) -> None:
        """What is being written is answered first, within `patience` seconds."""
        under_way: set[asyncio.Future[Any]] = {*self._tasks, *self._keeping}
        if under_way:
            await asyncio.wait(under_way, timeout=patience)
            await asyncio.sleep(0)  # the answers
        for worker in list(self._workers):
            worker.line.close()

    def _state(self) -> say.State:
        store = self._store
        return say.State(
            store.epoch,
            store.identity_secret,
            store.problem,
            store.reads_log,
            store.outdated,
            tuple(sorted(store.incomplete)),
        )

    # -- requests of a worker ---------------------------------------------------------------------------------------

    def spawn(self, worker: RowsWorker, asked: say.Write | say.Follow) -> None:
        """Tasks begin in the order of the requests."""
        task = asyncio.create_task(self._answer(worker, asked))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def keep(self, worker: RowsWorker, id: int, work: NewMessage | ForgetRoom) -> None:
        """Write to a durable room, and tell the other workers."""
        payer = Payer(work.payer.account, f"{worker.node}{work.payer.connection}")
        try:
            future = self._store.keep(msgspec.structs.replace(work, payer=payer))
        except Refused as refused:
            worker.line.answer(encode(Refusal.of(id, refused)))
            return
        self._keeping.add(future)
        future.add_done_callback(partial(self._kept, worker, id, work.room))

    def _kept(self, worker: RowsWorker, id: int, room: str, future: asyncio.Future[Kept]) -> None:
        self._keeping.discard(future)
        error = future.exception()
        if error is None:
            kept: Kept | None = future.result()
            if kept is None or kept.new:
                self._rooms_changed([room], but=worker)
            worker.line.answer(encode(say.IsKept(id, kept)))
            return
        if not isinstance(error, Refused):
            log.error("a message of a durable room could not be kept", exc_info=error)
        refused = error if isinstance(error, Refused) else internal()
        worker.line.answer(encode(Refusal.of(id, refused)))

    def rooms_appended(self, worker: RowsWorker, rooms: Sequence[str]) -> None:
        self._rooms_changed(rooms, but=worker)
        self._store.rooms_appended(rooms)

    def _rooms_changed(self, rooms: Sequence[str] | None, but: RowsWorker | None = None) -> None:
        framed = frame(encode(say.RoomsChanged(None if rooms is None else list(rooms))))
        for worker in self._workers:
            if worker is not but:
                worker.line.send_frame(framed)

    def committed(self) -> None:
        self._store.committed()

    def pause(self, worker: RowsWorker) -> None:
        worker.follows = False
        self._pause_if_unused()

    def noticed(self, what: str) -> None:
        self._store.noticed(what)

    async def _answer(self, worker: RowsWorker, asked: say.Write | say.Follow) -> None:
        try:
            if isinstance(asked, say.Write):
                result = await self._store.write(mutation_from(asked.mutation, worker.node))
                worker.line.answer(encode(say.Written(asked.id, msgspec.json.encode(result.rows), result.seq)))
            else:
                await self._follow(worker, asked)
        except Refused as refused:
            worker.line.answer(encode(Refusal.of(asked.id, refused)))
        except Exception:  # the boundary: a bug costs this request alone
            log.exception("a request of worker %s failed", worker.node)
            worker.line.answer(encode(Refusal.of(asked.id, internal())))

    async def _follow(self, worker: RowsWorker, asked: say.Follow) -> None:
        worker.asks += 1
        try:
            await self._store.resume()
        finally:
            worker.asks -= 1
        worker.follows = True
        worker.line.answer(encode(say.Following(asked.id, self._head)))

    def _pause_if_unused(self) -> None:
        if not any(worker.follows or worker.asks for worker in self._workers):
            self._store.pause()

    # -- the feed ---------------------------------------------------------------------------------------------------

    def _changed(self, changes: Sequence[Any], head: int) -> None:
        self._head = head
        following = [worker for worker in self._workers if worker.follows]
        if not following:
            return
        for records, upto in parts([_record(change) for change in changes], head):
            framed = frame(encode(say.Changes(records, upto)))
            for worker in following:
                worker.line.send_frame(framed)

    def _skipped(self, head: int) -> None:
        """No worker followed."""
        self._head = head


class RowsWorker:
    """One worker, as the hub sees it. Hears what comes over its line."""

    def __init__(self, hub: RowsOfHub, line: Line, node: str) -> None:
        self.line = line
        self.node = node
        self.follows = False
        self.asks = 0
        """How many `Follow` wait."""
        self._hub = hub
        self._does: dict[type, Callable[[Any], None]] = {
            say.Write: lambda asked: hub.spawn(self, asked),
            say.Follow: lambda asked: hub.spawn(self, asked),
            say.Pause: lambda asked: hub.pause(self),
            say.Keep: lambda asked: hub.keep(self, asked.id, asked.message),
            say.Forget: lambda asked: hub.keep(self, asked.id, asked.room),
            say.Committed: lambda asked: hub.committed(),
            say.RoomsAppended: lambda asked: hub.rooms_appended(self, asked.rooms),
            say.Noticed: lambda asked: hub.noticed(asked.what),
        }

    def received(self, payload: bytes) -> None:
        asked = say.decode_from_worker(payload)
        self._does[type(asked)](asked)

    def lost(self) -> None:
        self._hub.gone(self)


def parts(records: Sequence[say.Record], head: int) -> Iterator[tuple[list[say.Record], int]]:
    """The records in parts that are sent one by one, each with the seq up to which everything was sent then."""
    part: list[say.Record] = []
    size = 0
    for record in records:
        part.append(record)
        size += len(record[5] or b"") + len(record[6] or b"")
        if size >= PART_BYTES and record is not records[-1]:
            yield part, record[0]
            part, size = [], 0
    yield part, head


def _record(change: Any) -> say.Record:
    """A record of the log as it is; a reset that the feed itself makes as one."""
    if isinstance(change, Change):
        return change.seq, change.time, change.resource, b"{}", change.action, None, None, change.origin, change.actor
    record: say.Record = change
    if len(record[5] or b"") + len(record[6] or b"") > LONGEST_RECORD:
        return record[0], record[1], record[2], b"{}", "reset", None, None, None, None
    return record
