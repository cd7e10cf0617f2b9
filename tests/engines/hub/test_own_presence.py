"""What a worker keeps of changes of rooms, and says first to a hub that was away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing

import pytest

from tidegate.core.rooms.ports import Occupancy, PresenceEntry
from tidegate.engines.hub import messages as say
from tidegate.engines.hub import own_presence
from tidegate.engines.hub.own_presence import HUBS, REMEMBERED_S, OwnPresence
from tidegate.hub.calls import Calls

ENTRY = PresenceEntry("Ada", 1, "online", 0)


def own(number: int, *, occupied: bool = True) -> say.Change:
    return say.Change(number, "own", occupied)


def of_other(number: int, *, occupied: bool = True) -> say.Change:
    return say.Change(number, "other", occupied)


class Worker:
    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.now = 0.0
        self.calls = Calls(loop)
        self.presence = OwnPresence(self.calls, "own", lambda: self.now)
        self.presence.welcome(say.Welcome(100))

    def enter(self, room: str, last: say.Change | None, occupancy: Occupancy = None) -> asyncio.Future[Occupancy]:
        return self._says(room, ENTRY, last, occupancy)

    def leave(self, room: str, last: say.Change | None, occupancy: Occupancy = None) -> asyncio.Future[Occupancy]:
        return self._says(room, None, last, occupancy)

    def _says(
        self, room: str, entry: PresenceEntry | None, last: say.Change | None, occupancy: Occupancy
    ) -> asyncio.Future[Occupancy]:
        self.presence.set(room, "ada", entry)
        said, answer = self.presence.said(room, "ada", entry)
        self.presence.counted(say.Counted(said.id, occupancy, last))
        assert isinstance(answer, asyncio.Future)
        return answer

    def earlier(self) -> say.Earlier:
        earlier, *_ = self.presence.said_again()
        assert isinstance(earlier, say.Earlier)
        return earlier

    def known(self) -> list[tuple[str, int]]:
        return [(room, change.number) for room, change in self.earlier().changes]


@pytest.fixture
def worker() -> Iterator[Worker]:
    with closing(asyncio.new_event_loop()) as loop:
        yield Worker(loop)


def test_a_worker_says_what_it_has_of_each_hub(worker: Worker) -> None:
    worker.enter("a", own(101), "occupied")
    worker.enter("b", of_other(150))
    worker.presence.welcome(say.Welcome(100))
    assert worker.earlier().has == [(100, 101)]
    assert worker.presence.said("a", "ada", None)[0].has == 101
    worker.presence.welcome(say.Welcome(200))
    assert worker.presence.changed(say.Changed("a", own(201, occupied=False))) == say.Has(201)
    assert worker.earlier().has == [(100, 101), (200, 201)]
    for number in range(3, HUBS + 2):
        worker.presence.welcome(say.Welcome(100 * number))
    assert worker.earlier().has == [(200, 201), *((100 * n, 100 * n) for n in range(3, HUBS + 2))]


def test_a_worker_knows_the_last_change_and_before_that_of_another_worker_the_one_that_was_told(
    worker: Worker,
) -> None:
    worker.enter("a", own(101), "occupied")
    worker.presence.changed(say.Changed("a", of_other(102, occupied=False)))
    worker.enter("a", of_other(102, occupied=False))
    assert worker.known() == [("a", 101), ("a", 102)]
    worker.enter("a", of_other(103))
    assert worker.known() == [("a", 102), ("a", 103)]
    worker.leave("a", own(104, occupied=False), "vacated")
    assert worker.known() == [("a", 104)]


def test_a_change_that_another_worker_is_given_is_known_of_rooms_that_the_worker_has_or_had_a_user_in(
    worker: Worker,
) -> None:
    worker.enter("has", of_other(101))
    worker.enter("had", of_other(102))
    worker.leave("had", of_other(102))
    for number, room in enumerate(("has", "had", "never"), start=103):
        assert worker.presence.changed(say.Changed(room, of_other(number, occupied=False))) is None
    assert worker.known() == [("had", 102), ("had", 104), ("has", 101), ("has", 103)]
    worker.enter("had", None)
    assert ("had", 104) in worker.known(), "a new hub that knows of no change takes nothing back"


def test_rooms_that_a_worker_left_are_remembered_for_a_while(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    worker.enter("a", own(101), "occupied")
    worker.leave("a", own(102, occupied=False), "vacated")
    worker.now = REMEMBERED_S - 1
    assert worker.known() == [("a", 102)]
    worker.now = REMEMBERED_S
    assert worker.known() == []
    monkeypatch.setattr(own_presence, "REMEMBERED", 2)
    for number, room in enumerate("bcd", start=103):
        worker.enter(room, of_other(number))
        worker.leave(room, of_other(number))
    assert list(worker.presence._lately) == ["c", "d"]


def test_a_room_that_a_worker_left_while_the_hub_was_away_is_forgotten_like_others(worker: Worker) -> None:
    worker.enter("a", own(101), "occupied")
    worker.enter("b", own(102), "occupied")
    worker.presence.set("a", "ada", None)
    worker.presence.settled()
    worker.now = REMEMBERED_S
    assert worker.known() == [("b", 102)]


def test_a_call_ends_with_the_line_and_what_is_said_again_leaves_none(worker: Worker) -> None:
    worker.presence.set("a", "ada", ENTRY)
    said, answer = worker.presence.said("a", "ada", ENTRY)
    worker.presence.lost()
    assert isinstance(answer, asyncio.Future)
    assert (answer.result(), len(worker.calls)) == (None, 0)
    worker.presence.counted(say.Counted(said.id, "occupied", own(101)))
    _, again, everything = worker.presence.said_again()
    assert isinstance(again, say.Present)
    assert (again.has, everything) == (100, say.AllPresent()), "an answer over the lost line says nothing"
    worker.presence.counted(say.Counted(again.id, None, own(101)))
    assert len(worker.calls) == 0
