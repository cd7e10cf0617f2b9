"""The hub's side of rooms: the engine of one process, and the workers that use it.

A message is encoded once, and its text goes to every worker that has the room open. Nothing here parses what clients
say. It decides who is present in a room through which worker; how that looks to clients is the workers' matter.
Invariants: a worker hears what happens in a room from its `Open` on, in order, or its line is ended. What was said of
users through a worker that is gone ends after the grace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from time import monotonic_ns

import msgspec

from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.rooms.ports import Opened, PresenceEntry, RemoteMember, Standing
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.hub import messages as say
from tidegate.engines.hub.members import MembersOfRooms
from tidegate.engines.memory import MemoryEngine
from tidegate.hub.frames import frame
from tidegate.hub.line import Line
from tidegate.hub.messages import Refusal, encode
from tidegate_protocol import RoomPosition, Sender

PART_BYTES = 1 << 20
"""Missed messages in one frame, about."""


class RoomsOfHub:
    """All rooms of one machine."""

    def __init__(
        self,
        ledger: Ledger,
        run: str,
        clock: Callable[[], float],
        grace: float = GRACE_S,
        *,
        began: int | None = None,
        again: bool = False,
    ) -> None:
        """`run` names this run of the hub. `clock`: seconds since the Unix epoch.

        `began`: nanoseconds on a clock of the machine that only goes forward; higher than in earlier hubs.
        `again`: there was a hub before, whose workers may come back.
        """
        self._began = monotonic_ns() if began is None else began
        self.engine = MemoryEngine(msgspec.json.encode, run, ledger)
        self.engine.listen(self)
        self.members = MembersOfRooms(self, self._began, grace, again=again)
        self._clock = clock
        self._rules: dict[tuple[int, float], RoomRules] = {}
        self._open: dict[str, dict[Worker, None]] = {}
        self._workers: dict[str, Worker] = {}
        self._delivering: tuple[int, bytes] | None = None
        """The message that the engine took in a moment ago."""

    def join(self, line: Line, node: str) -> Worker:
        """A worker is there, perhaps again."""
        former = self._workers.pop(node, None)
        if former is not None:
            former.line.abort()
            self._leave_rooms(former)
        worker = self._workers[node] = Worker(self, line, node)
        line.answer(encode(say.Welcome(self._began)))
        present: dict[str, Standing] = dict.fromkeys(self._workers, "present")
        for other, standing in (present | self.members.standings()).items():
            if other != node:
                line.answer(encode(say.NodeStands(other, standing)))
        self.members.back(node)
        return worker

    def gone(self, worker: Worker) -> None:
        """The worker's line ended."""
        if self._workers.get(worker.node) is not worker:
            return
        del self._workers[worker.node]
        self._leave_rooms(worker)
        self.members.leaving(worker.node)

    @property
    def workers(self) -> int:
        """How many there are."""
        return len(self._workers)

    @property
    def open_rooms(self) -> int:
        """How many rooms a worker has open."""
        return len(self._open)

    def tick(self, now: float) -> None:
        """What time alone brings. `now`: seconds on a clock that only goes forward."""
        self.members.tick(now)

    def to_room(self, room: str, message: msgspec.Struct, but: str | None = None) -> None:
        """Tell the workers that have `room` open."""
        workers = self._open.get(room)
        if workers:
            framed = frame(encode(message))
            for worker in workers:
                if worker.node != but:
                    worker.line.send_frame(framed)

    def to_all(self, message: msgspec.Struct, but: str | None = None) -> None:
        framed = frame(encode(message))
        for worker in self._workers.values():
            if worker.node != but:
                worker.line.send_frame(framed)

    def nodes(self) -> Iterable[str]:
        return self._workers

    def to_node(self, node: str, message: msgspec.Struct) -> None:
        """Tell one worker that is there."""
        self._workers[node].line.send(encode(message))

    def _leave_rooms(self, worker: Worker) -> None:
        for room in worker.rooms:
            self._close(worker, room)
        worker.rooms.clear()

    def _close(self, worker: Worker, room: str) -> None:
        workers = self._open.get(room)
        if workers is not None and workers.pop(worker, worker) is None and not workers:
            del self._open[room]
            self.engine.close(room, self._clock())

    # -- requests of a worker ---------------------------------------------------------------------------------------

    def publish(self, worker: Worker, asked: say.Publish) -> None:
        kept = asked.size, asked.ttl
        rules = self._rules.get(kept)
        if rules is None:
            rules = self._rules[kept] = RoomRules("", history_size=asked.size, history_ttl=asked.ttl)
        author = Sender(id=asked.sender, name=asked.name)
        self._delivering = None
        position = self.engine.publish(
            asked.room, rules, author, msgspec.Raw(asked.data), asked.key, self._clock(), asked.account
        ).result()
        told = False
        if self._delivering is not None:  # not again the message of an earlier request
            told = self._deliver(asked, worker, position, self._delivering[1])
        if not told:
            worker.line.answer(encode(say.Published(asked.id, position.epoch, position.offset)))

    def _deliver(self, asked: say.Publish, publisher: Worker, position: RoomPosition, text: bytes) -> bool:
        """Returns whether `publisher` is among those who get the message: that is its answer."""
        room, epoch, offset = asked.room, position.epoch, position.offset
        told, framed = False, b""
        for worker in self._open.get(room, ()):
            if worker is publisher:
                worker.line.send(encode(say.Delivered(room, epoch, offset, text, asked.id)))
                told = True
            else:
                framed = framed or frame(encode(say.Delivered(room, epoch, offset, text)))
                worker.line.send_frame(framed)
        return told

    def open(self, worker: Worker, asked: say.Open) -> None:
        members = None if asked.room in worker.rooms else self._members(asked.room, worker)
        opened = self._opened(worker, asked.room, asked.epoch, asked.offset)
        for part in parts(opened.missed or ()):
            worker.line.answer(encode(say.Missed(asked.id, part)))
        head = opened.head
        worker.line.answer(encode(say.IsOpen(asked.id, head.epoch, head.offset, opened.missed is not None, members)))

    def follow(self, worker: Worker, asked: say.Follow) -> None:
        opened = self._opened(worker, asked.room, asked.epoch, asked.offset)
        missed = None if opened.missed is None else next(parts(opened.missed), [])
        head, members = opened.head, self._members(asked.room, worker)
        worker.line.answer(encode(say.Followed(asked.id, head.epoch, head.offset, missed, members)))

    def _opened(self, worker: Worker, room: str, epoch: str | None, offset: int) -> Opened:
        worker.rooms[room] = None
        self._open.setdefault(room, {})[worker] = None
        since = None if epoch is None else RoomPosition(epoch=epoch, offset=offset)
        return self.engine.open(room, RoomRules(""), since, self._clock()).result()

    def read_page(self, worker: Worker, asked: say.ReadPage) -> None:
        page = self.engine.history(asked.room, RoomRules(""), asked.before, asked.limit, self._clock()).result()
        worker.line.answer(encode(say.Page(asked.id, list(page.texts), page.more)))

    def close(self, worker: Worker, asked: say.Close) -> None:
        worker.rooms.pop(asked.room, None)
        self._close(worker, asked.room)

    def present(self, worker: Worker, asked: say.Present) -> None:
        members = self.members
        members.present(worker.node, asked.room, asked.user, asked.entry)
        members.occupancy.has(worker.node, asked.has)
        change, last = members.occupancy.changed(asked.room, worker.node)
        worker.line.answer(encode(say.Counted(asked.id, change, last)))

    def list_present(self, worker: Worker, asked: say.ListPresent) -> None:
        worker.line.answer(encode(say.Members(asked.room, self._members(asked.room, worker))))

    def tell(self, worker: Worker, asked: say.Tell) -> None:
        told = say.Told(asked.kind, asked.text)
        if asked.node is None:
            self.to_all(told)
        elif (other := self._workers.get(asked.node)) is not None:
            other.line.send(encode(told))

    def forget(self, worker: Worker, asked: say.Forget) -> None:
        self.engine.forget(asked.room).result()
        worker.line.answer(encode(say.Done(asked.id)))

    def _members(self, room: str, worker: Worker) -> list[say.Member]:
        return self.members.of(room, but=worker.node)

    # -- EngineListener ---------------------------------------------------------------------------------------------

    def delivered(self, room: str, offset: int, text: bytes) -> None:
        self._delivering = offset, text

    def present_elsewhere(self, room: str, node: str, user: str, entry: PresenceEntry | None) -> None:
        raise AssertionError("the engine of one process has no other node")

    def members_elsewhere(self, room: str, members: Sequence[RemoteMember]) -> None:
        raise AssertionError("the engine of one process has no other node")

    def gateway(self, node: str, standing: Standing) -> None:
        raise AssertionError("the engine of one process has no other node")

    def occupied(self, room: str) -> None:
        raise AssertionError("the hub counts users itself")

    def vacated(self, room: str) -> None:
        raise AssertionError("the hub counts users itself")

    def restarted(self, room: str, head: RoomPosition) -> None:
        self.to_room(room, say.Restarted(room))

    def told(self, kind: str, text: str) -> None:
        raise AssertionError("the hub tells workers itself")

    def told_user(self, user: str, text: bytes) -> None:
        raise AssertionError("the hub tells workers itself")


class Worker:
    """One worker, as the hub sees it. Hears what comes over its line."""

    def __init__(self, hub: RoomsOfHub, line: Line, node: str) -> None:
        self.line = line
        self.node = node
        self.rooms: dict[str, None] = {}
        """Those that it has open."""
        self._hub = hub

    def received(self, payload: bytes) -> None:
        asked = say.decode_from_worker(payload)
        try:
            DOES[type(asked)](self._hub, self, asked)
        except Refused as refused:
            self.line.answer(encode(Refusal.of(getattr(asked, "id", 0), refused)))

    def lost(self) -> None:
        self._hub.gone(self)


DOES: dict[type, Callable[[RoomsOfHub, Worker, object], None]] = {
    say.Publish: RoomsOfHub.publish,  # type: ignore[dict-item]  # each takes the message of its row
    say.Open: RoomsOfHub.open,  # type: ignore[dict-item]
    say.Follow: RoomsOfHub.follow,  # type: ignore[dict-item]
    say.ReadPage: RoomsOfHub.read_page,  # type: ignore[dict-item]
    say.Close: RoomsOfHub.close,  # type: ignore[dict-item]
    say.Present: RoomsOfHub.present,  # type: ignore[dict-item]
    say.Has: lambda hub, worker, asked: hub.members.occupancy.has(worker.node, asked.number),  # type: ignore[attr-defined]
    say.Earlier: lambda hub, worker, asked: hub.members.earlier(worker.node, asked),  # type: ignore[arg-type]
    say.AllPresent: lambda hub, worker, asked: hub.members.said_all(worker.node),
    say.ListPresent: RoomsOfHub.list_present,  # type: ignore[dict-item]
    say.Tell: RoomsOfHub.tell,  # type: ignore[dict-item]
    say.ToUser: lambda hub, worker, asked: hub.to_all(asked),  # type: ignore[arg-type]
    say.Forget: RoomsOfHub.forget,  # type: ignore[dict-item]
    say.Leave: lambda hub, worker, asked: hub.members.leaving(worker.node),
}


def parts(texts: Sequence[bytes]) -> Iterator[list[bytes]]:
    """`texts` in parts that are sent one by one."""
    part: list[bytes] = []
    size = 0
    for text in texts:
        part.append(text)
        size += len(text)
        if size >= PART_BYTES:
            yield part
            part, size = [], 0
    if part:
        yield part
