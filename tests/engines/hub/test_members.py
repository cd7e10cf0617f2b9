"""Which worker the hub gives a change of a room that no answer brings, and when."""

from __future__ import annotations

import msgspec

from tests.engines.hub.test_lost_changes import Line
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.rooms.ports import PresenceEntry
from tidegate.engines.hub import messages as say
from tidegate.engines.hub.rooms import RoomsOfHub
from tidegate.engines.hub.rooms import Worker as WorkerOfHub
from tidegate.hub.messages import encode

BEGAN, GRACE_S = 100, 10.0
ENTRY = say.Entry.of(PresenceEntry("Ada", 1, "online", 0))
EARLIER = say.Change(55, "one", occupied=True)


class Hub:
    def __init__(self, *, again: bool = False) -> None:
        self.rooms = RoomsOfHub(Ledger(), "run", lambda: 0.0, GRACE_S, began=BEGAN, again=again)
        self.rooms.tick(0.0)

    def worker(self, node: str, *changes: say.Change, has: int = 60) -> Worker:
        """One that remembers `changes` of room a from an earlier hub, and says that it has no user."""
        worker = Worker(self.rooms, node)
        worker.says(say.Earlier([(50, has)], [("a", change) for change in changes]), say.AllPresent())
        return worker


class Worker:
    def __init__(self, rooms: RoomsOfHub, node: str) -> None:
        self._line = Line()
        self._at_hub: WorkerOfHub = rooms.join(self._line, node)  # type: ignore[arg-type]  # as far as it is used

    def says(self, *messages: msgspec.Struct) -> None:
        for message in messages:
            self._at_hub.received(encode(message))

    def present(self, room: str, entry: say.Entry | None, has: int = BEGAN) -> None:
        self.says(say.Present(1, room, "ada", entry, has))

    def heard(self) -> list[say.Change | None]:
        """The changes that it was told since the last call, apart from those that it asked about and did not cause."""
        heard, self._line.down[:] = [say.decode_from_hub(each) for each in self._line.down], []
        return [
            message.change if isinstance(message, say.Changed) else message.last
            for message in heard
            if isinstance(message, say.Changed) or (isinstance(message, say.Counted) and message.occupancy is not None)
        ]

    def lost(self) -> None:
        self._at_hub.lost()


def change(number: int, node: str, *, occupied: bool) -> say.Change:
    return say.Change(BEGAN + number, node, occupied)


def test_the_first_hub_waits_for_no_worker() -> None:
    hub = Hub()
    one = Worker(hub.rooms, "one")
    one.present("a", ENTRY)
    one.present("a", None)
    assert one.heard() == [change(1, "one", occupied=True), change(2, "one", occupied=False)]


def test_no_room_is_vacated_before_every_worker_is_back_at_a_new_hub() -> None:
    hub = Hub(again=True)
    one = hub.worker("one", EARLIER)
    hub.rooms.tick(GRACE_S - 0.1)
    assert one.heard() == []
    late = Worker(hub.rooms, "late")
    hub.rooms.tick(GRACE_S)
    assert one.heard() == [], "a worker that is back has not said its users"
    late.says(say.AllPresent())
    vacated = change(1, "one", occupied=False)
    assert (one.heard(), late.heard()) == ([vacated], [vacated]), "at once, and the others learn it"


def test_what_a_worker_remembers_counts_once_at_each_hub() -> None:
    hub = Hub(again=True)
    one = hub.worker("one", EARLIER)
    hub.rooms.tick(GRACE_S)
    one.says(say.Has(BEGAN + 1))
    one.lost()
    again = hub.worker("one", EARLIER)
    hub.rooms.tick(GRACE_S + 1)
    assert again.heard() == []
    again.lost()
    hub.rooms.tick(GRACE_S + 2)
    hub.rooms.tick(2 * GRACE_S + 2)
    assert not hub.rooms.members._met, "of workers that are gone nothing is kept"


def test_a_worker_that_comes_back_is_given_what_it_lacks() -> None:
    for has, lacks in (([(50, 60), (BEGAN, BEGAN + 1)], False), ([(50, 60), (BEGAN, BEGAN)], True), ([], True)):
        hub = Hub()
        one = hub.worker("one")
        one.present("a", ENTRY)
        one.lost()
        again = Worker(hub.rooms, "one")
        again.says(say.Earlier(has, []))
        assert again.heard() == [change(1, "one", occupied=True)] * lacks


def test_what_a_worker_says_that_it_has_is_not_kept_for_it() -> None:
    hub = Hub()
    one = hub.worker("one")
    one.present("a", ENTRY)
    one.present("a", ENTRY, has=BEGAN + 1)
    assert not hub.rooms.members.occupancy._given
    one.present("a", None, has=BEGAN + 1)
    one.says(say.Has(BEGAN + 2))
    assert not hub.rooms.members.occupancy._given


def test_a_change_is_given_to_a_worker_that_stays_and_rather_to_one_with_users_in_the_room() -> None:
    """The last worker to come back knows that the room was vacated: it has to be told to be occupied again."""
    hub = Hub(again=True)
    leaves, empty, with_users = hub.worker("leaves", EARLIER), hub.worker("empty"), hub.worker("with users")
    leaves.present("a", ENTRY)
    with_users.present("a", ENTRY)
    last = hub.worker("last", say.Change(56, "last", occupied=False))
    leaves.says(say.Leave())
    hub.rooms.tick(GRACE_S)
    given = change(1, "with users", occupied=True)
    assert [each.heard() for each in (leaves, empty, with_users, last)] == [[given]] * 4


def test_a_worker_that_is_gone_before_it_said_all_is_waited_for_no_longer() -> None:
    hub = Hub()
    one = hub.worker("one")
    two = hub.worker("two")
    two.present("a", ENTRY)
    two.lost()
    again = Worker(hub.rooms, "two")
    again.lost()
    hub.rooms.tick(1.0)
    hub.rooms.tick(1.0 + GRACE_S)
    assert one.heard() == [change(2, "one", occupied=False)]
    assert "two" in hub.rooms.members.occupancy._gone, "it may come back, and lacks what it was given"


def test_a_worker_is_told_the_standing_of_the_others_alone() -> None:
    hub = Hub()
    hub.worker("one")
    two = Worker(hub.rooms, "two")
    assert [say.decode_from_hub(each) for each in two._line.down] == [
        say.Welcome(BEGAN),
        say.NodeStands("one", "present"),
    ]
