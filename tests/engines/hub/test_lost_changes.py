"""Changes of rooms between workers and hubs that lose lines, answers and everything: walks in random orders.

Real parts without an event loop that runs: what workers and the hub keep of presence, joined by queues of messages.
Whatever was lost, in the end each room was told as it is.
"""

from __future__ import annotations

import asyncio
import random
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from tests.engines.told_changes import ToldChanges
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import Occupancy, PresenceEntry
from tidegate.engines.hub import messages as say
from tidegate.engines.hub import own_presence
from tidegate.engines.hub.occupancy import OccupancyOfRooms
from tidegate.engines.hub.own_presence import OwnPresence
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.engines.hub.rooms import Worker as WorkerOfHub
from tidegate.hub.calls import Calls
from tidegate.hub.frames import HEAD
from tidegate.hub.messages import encode

ROOMS = ("a", "b")
GRACE_S = 10.0
WALKS, STEPS = 1_000, 80


class Told:
    """By room, in order: the changes that a worker told."""

    def __init__(self) -> None:
        self.of: dict[str, list[say.Change]] = defaultdict(list)

    def last(self, room: str) -> bool:
        """Whether it was told to be occupied. Two workers may tell two changes of one moment in either order."""
        return bool(self.of[room]) and max(self.of[room]).occupied


class Line:
    """What the hub says, until the worker takes it."""

    def __init__(self) -> None:
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.begun = False

    def answer(self, payload: bytes) -> None:
        self.down.append(payload)

    send = answer

    def send_frame(self, framed: bytes) -> None:
        self.down.append(framed[HEAD:])

    def abort(self) -> None:
        """The walk ends lines itself."""


class Worker:
    def __init__(self, walk: Walk, node: str) -> None:
        self.node = node
        self.users: set[str] = set()
        """The rooms with its user."""
        self.line: Line | None = None
        self.at_hub: WorkerOfHub | None = None
        self._walk = walk
        self._settles = 0.0
        self.calls = Calls(walk.loop)
        self._answers: dict[int, tuple[str, asyncio.Future[Occupancy]]] = {}
        self._presence = OwnPresence(self.calls, node, lambda: walk.now)
        self._listener = self._presence.occupancy.listener = ToldChanges()  # type: ignore[assignment]  # as far as it is used

    def toggle(self, room: str) -> None:
        """Its user comes or goes."""
        entry = None if room in self.users else PresenceEntry("Ada", 1, "online", 0)
        self.users ^= {room}
        self._presence.set(room, "ada", entry)
        if self.line is not None and self.line.begun:
            said, answer = self._presence.said(room, "ada", entry)
            self._answers[said.id] = room, answer  # type: ignore[assignment]  # a future of Calls
            self.line.up.append(encode(said))

    def connect(self) -> None:
        if self.line is None:
            self.line = Line()
            self.at_hub = self._walk.hub.join(self.line, self.node)  # type: ignore[arg-type]  # as far as it is used

    def lose(self, *, noticed: bool) -> None:
        """`noticed`: also by the hub."""
        if self.line is not None:
            if self.line.begun:
                self._presence.lost()
                self._answers.clear()
            self.line = None
        if noticed and self.at_hub is not None:
            self.at_hub.lost()
            self.at_hub = None

    def send(self) -> bool:
        """The hub gets a message."""
        if self.line is None or self.at_hub is None or not self.line.up:
            return False
        self.at_hub.received(self.line.up.pop(0))
        return True

    def hear(self) -> bool:
        """The worker gets a message."""
        line = self.line
        if line is None or not line.down:
            return False
        if not line.begun:
            line.begun = True
            self._settles = self._walk.now + GRACE_S
            line.up += map(encode, self._presence.said_again())
        message = say.decode_from_hub(line.down.pop(0))
        match message:
            case say.Welcome():
                self._presence.welcome(message)
            case say.Counted():
                self._presence.counted(message)
                answered = self._answers.pop(message.id, None)
                if answered is not None:
                    self._listener.changes.append((answered[0], answered[1].result()))
                self._tell(message.last)
            case say.Changed():
                has = self._presence.changed(message)
                if has is not None:
                    line.up.append(encode(has))
                self._tell(message.change)
        return True

    def _tell(self, change: say.Change | None) -> None:
        """What the application hears, with its number."""
        for room, kind in self._listener.changes:
            if kind is not None:
                assert change is not None
                assert change.occupied == (kind == "occupied")
                assert change.node == self.node
                self._walk.told.of[room].append(change)
        self._listener.changes.clear()

    def tick(self) -> None:
        if self.line is not None and self.line.begun and self._walk.now >= self._settles:
            self._presence.settled()


class Walk:
    def __init__(self, seed: int, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` makes futures, and does not run."""
        self.loop = loop
        self.now = 1.0
        self.told = Told()
        self._chance = chance = random.Random(seed)
        self.hub = self._new_hub(again=False)
        self.workers = [Worker(self, f"worker {number}") for number in range(chance.choice((2, 3)))]
        self._weights = [chance.choice((0.5, 1.0, 4.0)) * usual for usual in (4, 10, 10, 3, 1, 0.5, 1)]
        self._longest = chance.choice((0.2, 4.0, 20.0))
        """Seconds between two steps of time, at most."""

    def play(self) -> None:
        deeds: list[Callable[[Worker], object]] = [
            lambda worker: worker.toggle(self._chance.choice(ROOMS)),
            lambda worker: [worker.send() for _ in range(self._chance.choice((1, 5)))],
            lambda worker: [worker.hear() for _ in range(self._chance.choice((1, 5)))],
            Worker.connect,
            lambda worker: worker.lose(noticed=self._chance.random() < 0.5),
            lambda worker: self._restart_hub(),
            lambda worker: self._tick(self._longest * self._chance.random()),
        ]
        for _ in range(STEPS):
            self._chance.choices(deeds, self._weights)[0](self._chance.choice(self.workers))
        self._settle()

    def wrong(self) -> Iterator[str]:
        """Where what was told is not so, and then again when all have left."""
        yield from self._compared()
        for worker in self.workers:
            for room in list(worker.users):
                worker.toggle(room)
            worker.lose(noticed=True)  # a worker that comes back says what it has
        self._settle()
        yield from self._compared()
        occupancy = self.hub.members.occupancy
        for left in (occupancy._told, occupancy._due, occupancy._claims, occupancy._last):
            if left:
                yield f"left behind: {left}"
        if any(len(worker.calls) for worker in self.workers):
            yield "left behind: calls"

    def _compared(self) -> Iterator[str]:
        for room in ROOMS:
            occupied = any(room in worker.users for worker in self.workers)
            told = self.told.of[room]
            if self.told.last(room) != occupied:
                yield f"{room} has users: {occupied}, and was told: {told}"
            if len(set(told)) < len(told):
                yield f"{room} was told a change twice: {told}"

    def _new_hub(self, *, again: bool) -> RoomsOfHub:
        return RoomsOfHub(Ledger(), "run", lambda: self.now, GRACE_S, began=int(self.now * 1e9), again=again)

    def _restart_hub(self) -> None:
        for worker in self.workers:
            worker.at_hub = None
            worker.lose(noticed=False)
        self.now += 0.001
        self.hub = self._new_hub(again=True)

    def _tick(self, seconds: float) -> None:
        self.now += seconds
        self.hub.tick(self.now)
        for worker in self.workers:
            worker.tick()

    def _settle(self) -> None:
        """Nothing is lost any more."""
        for _ in range(4):
            for worker in self.workers:
                worker.connect()
            while any([worker.send() or worker.hear() for worker in self.workers]):
                pass
            self._tick(GRACE_S)


def first_wrong(walks: int) -> str | None:
    with closing(asyncio.new_event_loop()) as loop:
        for seed in range(walks):
            walk = Walk(seed, loop)
            walk.play()
            for wrong in walk.wrong():
                return f"seed {seed}: {wrong}"
    return None


def test_every_change_is_told_whatever_was_lost() -> None:
    assert first_wrong(WALKS) is None


def what_workers_know_is_not_used(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OccupancyOfRooms, "earlier", lambda *arguments: None)


def what_was_given_counts_as_told(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OccupancyOfRooms, "_was_told", lambda self, change: True)


def what_a_worker_lacks_is_not_given_again(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(OccupancyOfRooms, "back", lambda *arguments: [])


def rooms_that_a_worker_left_are_forgotten(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(own_presence, "REMEMBERED", 0)


FAULTS = (
    what_workers_know_is_not_used,
    what_was_given_counts_as_told,
    what_a_worker_lacks_is_not_given_again,
    rooms_that_a_worker_left_are_forgotten,
)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__.replace("_", " "))
def test_a_seeded_fault_is_found(fault: Callable[[pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch) -> None:
    fault(monkeypatch)
    assert first_wrong(WALKS) is not None
