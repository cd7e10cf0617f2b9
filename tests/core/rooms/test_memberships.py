"""What being in rooms costs: the memory that the ledger counts, the size of an info, and how many rooms are opened."""

from __future__ import annotations

import gc
import tracemalloc
from typing import Any

import pytest

from tests.core.rooms.kit import pushed
from tests.core.rooms.test_object_sizes import is_counted_well
from tidegate.core.budgets.ledger import SHARE, Ledger
from tidegate.core.errors import Refused
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms import room as of_room
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.rooms.room import INFO_COPIES, MEMBER_BYTES, ROOM_BYTES, RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.session import Session
from tidegate_protocol import JoinRequest, LeaveRequest, PresenceDiff, PresenceRequest, Principal

OPEN = RoomRules("*", access={"join": "anyone", "send": "anyone"})
NO_PRESENCE = RoomRules("cursor-*", presence=False, access={"join": "anyone", "send": "anyone"})
INFO = {"colour": "red"}
INFO_BYTES = INFO_COPIES * len(b'{"colour":"red"}')


def client(user: str, *, address: str | None = None, number: int = 1) -> Session:
    who = Principal(id=user, name=user, roles=[], anonymous=address is not None)
    return Session(f"c-{user}-{number}", f"sink-{user}-{number}", who, address)


class House:
    """The rooms of a gateway, and its ledger."""

    def __init__(self, limit: int = 0, **limits: Any) -> None:
        self.ledger = Ledger(limit)
        rules = lambda name: NO_PRESENCE if name.startswith("cursor") else OPEN  # noqa: E731
        self.protocol = Protocol({}, rules, FeedCursor("e", 0), SessionLimits(**limits), self.ledger)

    def join(self, session: Session, room: str = "a", now: float = 0.0, **about: Any) -> Any:
        return self.protocol.receive(session, JoinRequest(room=room, **about), now)

    def leave(self, session: Session, room: str = "a") -> None:
        self.protocol.receive(session, LeaveRequest(room=room), 0.0)

    def says(self, session: Session, room: str = "a", **about: Any) -> None:
        self.protocol.receive(session, PresenceRequest(room=room, **about), 0.0)

    def held(self, account: str) -> tuple[int, int]:
        return self.ledger.of_account(account, "rooms"), self.ledger.of_account(account, "presence")


def test_rooms_and_members_are_counted_until_they_are_gone() -> None:
    house, ada, bob = House(), client("1"), client("2")
    house.join(ada, info=INFO)
    house.join(bob)
    house.join(bob)
    assert house.held("user 1") == (ROOM_BYTES + MEMBER_BYTES, INFO_BYTES)
    assert house.held("user 2") == (MEMBER_BYTES, 0)
    house.leave(ada)
    assert house.held("user 1") == (ROOM_BYTES, 0), "the room is still there"
    house.leave(bob)
    assert house.ledger.total == 0


def test_an_info_is_counted_as_it_is_now() -> None:
    house, ada = House(), client("1")
    house.join(ada)
    for info in (INFO, {}, INFO, {"colour": "red", "typing": True}):
        house.says(ada, info=info)
        house.says(ada, status="away")
    longer = INFO_COPIES * len(b'{"colour":"red","typing":true}')
    assert house.held("user 1") == (ROOM_BYTES + MEMBER_BYTES, longer)
    house.join(ada, info={})
    assert house.held("user 1")[1] == INFO_COPIES * 2


def test_an_info_goes_with_its_membership_and_not_a_second_time() -> None:
    house, ada = House(), client("1")
    house.join(ada, info=INFO)
    house.join(ada, "b", info=INFO)
    for _ in range(2):
        house.leave(ada)
        assert house.held("user 1") == (ROOM_BYTES + MEMBER_BYTES, INFO_BYTES), "of the other room"
        house.join(ada)
    house.leave(ada)
    house.leave(ada, "b")
    assert house.ledger.total == 0
    assert not house.protocol.rooms._memberships._infos, "nothing is kept of a session that is gone"


def test_a_room_without_presence_keeps_no_info() -> None:
    house, ada = House(), client("1")
    house.join(ada, "cursor-1", info=INFO)
    assert house.held("user 1") == (ROOM_BYTES + MEMBER_BYTES, 0)
    house.protocol.ended(ada, None, 0.0)
    house.join(client("2"), "cursor-1")
    house.protocol.tick(GRACE_S)
    assert house.held("user 1") == (ROOM_BYTES, 0), "the ghost had the room open"


def test_a_ghost_holds_what_its_session_held() -> None:
    house, ada = House(), client("1")
    house.join(ada, info=INFO)
    before = house.held("user 1")
    house.protocol.ended(ada, None, 0.0)
    assert house.held("user 1") == before
    house.join(back := client("1", number=2))
    assert house.held("user 1") == (ROOM_BYTES + MEMBER_BYTES, 0), "the client is back, and said no info"
    house.protocol.ended(back, None, 0.0)
    house.protocol.tick(GRACE_S)
    assert house.ledger.total == 0


def test_a_client_may_say_after_its_connection_broke_that_it_is_done() -> None:
    house, ada, bob = House(), client("1"), client("2")
    house.join(ada, info=INFO)
    house.join(bob, presence="diff")
    assert list(house.protocol.done(ada, 1.0)) == [], "it is connected"
    house.protocol.ended(ada, None, 1.0)
    (told,) = pushed(house.protocol.done(ada, 2.0), bob)
    assert isinstance(told, PresenceDiff)
    assert [member.id for member in told.left] == ["1"]
    for gone in (ada, client("1")):
        assert list(house.protocol.done(gone, 3.0)) == []
    house.leave(bob)
    assert house.ledger.total == 0


def test_what_a_session_holds_goes_with_it_to_another_user() -> None:
    house, guest = House(), client("anon-1", address="192.0.2.7")
    house.join(guest, info=INFO)
    house.join(guest, "b")
    size = (2 * (ROOM_BYTES + MEMBER_BYTES), INFO_BYTES)
    assert house.held("address 192.0.2.7") == size
    house.protocol.identified(guest, None, VerifiedIdentity(client("1").user, None), 0.0)
    assert house.held("user 1") == (2 * MEMBER_BYTES, INFO_BYTES)
    assert house.held("address 192.0.2.7") == (2 * ROOM_BYTES, 0)
    house.protocol.identified(
        guest, None, VerifiedIdentity(Principal(id="1", name="Ada", roles=[], anonymous=False), None), 0.0
    )
    house.protocol.ended(guest, 1000, 0.0)
    assert house.ledger.total == 0


@pytest.mark.parametrize("info", [None, {"a": "x" * 900}])
def test_a_join_that_finds_no_memory_is_refused_and_leaves_nothing(info: Any) -> None:
    room_for_one = ROOM_BYTES + MEMBER_BYTES + INFO_BYTES
    more = (MEMBER_BYTES + ROOM_BYTES) // 2 * (1 if info is None else 2)
    house, ada = House(SHARE * (room_for_one + more)), client("1")
    house.join(ada, info=INFO)
    before = house.ledger.total
    with pytest.raises(Refused) as refused:
        house.join(ada, "b", 0.0, **({} if info is None else {"info": info}))
    assert refused.value.code == "limit_reached"
    assert refused.value.retry_after
    assert (house.ledger.total, len(house.protocol.rooms._rooms)) == (before, 1)
    house.join(client("2"), "b")


def test_an_info_that_finds_no_memory_is_refused_and_the_old_one_stays() -> None:
    house, ada = House(SHARE * (ROOM_BYTES + MEMBER_BYTES + 100)), client("1")
    house.join(ada, info=INFO)
    for ask in (house.says, house.join):
        with pytest.raises(Refused):
            ask(ada, info={"a": "x" * 100})
    assert house.held("user 1")[1] == INFO_BYTES
    assert house.protocol.rooms.rooms_of(ada)[0].presence.members()[0].status == "online"


# -- the size of an info ----------------------------------------------------------------------------------------------


def test_a_large_info_is_refused_with_its_place() -> None:
    house, ada, bob = House(), client("1"), client("2")
    fits = {"a": "x" * (1024 - len(b'{"a":""}'))}
    house.join(ada, info=fits)
    for ask in (lambda info: house.says(ada, info=info), lambda info: house.join(bob, "b", info=info)):
        with pytest.raises(Refused) as refused:
            ask({"a": fits["a"] + "x"})
        assert (refused.value.code, refused.value.pointer) == ("too_large", "/info")
    assert len(house.protocol.rooms._rooms) == 1


def test_without_a_limit_any_info_is_taken() -> None:
    house = House(info=0)
    house.join(client("1"), info={"a": "x" * 60_000})
    assert house.held("user 1")[1] > 2 * 60_000


# -- lists of members -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("most", [1000, of_room.LIST_BYTES])
def test_a_list_has_a_limit_in_bytes_and_further_members_follow(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_room, "LIST_BYTES", most)
    house = House()
    for number in range(30):
        house.join(client(f"{number:02}"), info=INFO, presence="none")
    ada = client("99")
    house.join(ada, presence="none")
    first, *rest = pushed(house.protocol.receive(ada, PresenceRequest(room="a", ref=1), 0.0), ada)
    listed = [user.id for user in first.users]  # type: ignore[attr-defined]  # PresenceList
    pages = [[member.id for member in page.joined] for page in rest]  # type: ignore[attr-defined]  # PresenceDiff
    assert [*listed, *(user for page in pages for user in page)] == [*(f"{n:02}" for n in range(30)), "99"]
    if most == 1000:
        assert first.more is True  # type: ignore[attr-defined]  # PresenceList
        assert len(pages) == 2
        assert max(map(len, [listed, *pages])) < 15
    else:
        assert (len(listed), pages) == (31, [])


def test_a_member_larger_than_a_list_is_listed_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_room, "LIST_BYTES", 10)
    house, ada = House(), client("1")
    house.join(client("0"))
    house.join(ada)
    first, second = pushed(house.protocol.receive(ada, PresenceRequest(room="a"), 0.0), ada)
    assert len(first.users) == len(second.joined) == 1  # type: ignore[attr-defined]  # PresenceList, PresenceDiff


def test_a_member_is_encoded_once_for_all_lists() -> None:
    house, ada = House(), client("1")
    house.join(ada, info=INFO)
    room = house.protocol.rooms.rooms_of(ada)[0]
    (present,) = room.presence._present.values()
    room.presence_list()
    text = present.text
    assert text is not None
    room.presence_list()
    assert present.text is text
    house.says(ada, status="away")
    assert present.text is not text


# -- rooms that are opened --------------------------------------------------------------------------------------------


def test_an_address_opens_so_many_rooms_a_minute() -> None:
    house = House(new_rooms=60)
    guests = [client(f"anon-{number}", address="192.0.2.7") for number in range(61)]
    for number, guest in enumerate(guests[:60]):
        house.join(guest, f"room-{number}")
    with pytest.raises(Refused) as refused:
        house.join(guests[60], "room-60")
    assert (refused.value.code, refused.value.pointer) == ("limit_reached", "/room")
    assert 0 < (refused.value.retry_after or 0) <= 1.0
    house.join(guests[60], "room-1")
    house.join(client("anon-far", address="192.0.2.8"), "room-60")
    house.join(guests[60], "room-61", now=1.0)


def test_leaving_gives_no_new_room_before_time_does() -> None:
    house, guest = House(new_rooms=10), client("anon-1", address="192.0.2.7")
    for number in range(10):
        house.join(guest, f"room-{number}")
        house.leave(guest, f"room-{number}")
    with pytest.raises(Refused):
        house.join(guest, "room-0")
    assert house.ledger.total == 0


def test_a_user_is_limited_whatever_the_address_and_a_local_guest_is_not() -> None:
    house = House(new_rooms=10, rooms=100)
    local = Session("c", "sink", Principal(id="anon-1", name="G", roles=[], anonymous=True))
    for number in range(50):
        house.join(local, f"local-{number}")
    ada = client("1")
    for number in range(10):
        house.join(ada, f"room-{number}")
    with pytest.raises(Refused):
        house.join(client("1", number=2), "room-10")


def test_without_a_limit_any_number_of_rooms_is_opened() -> None:
    house = House(new_rooms=0, rooms=10_000)
    guest = client("anon-1", address="192.0.2.7")
    for number in range(2000):
        house.join(guest, f"room-{number}")


# -- what the objects take --------------------------------------------------------------------------------------------


def measured(make: Any, count: int) -> float:
    gc.collect()
    tracemalloc.start()
    try:
        kept = make()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()
        del kept


def test_a_room_and_its_member_are_counted_with_what_they_take() -> None:
    house = House(new_rooms=0, rooms=1000)
    sessions = [client(f"{number}") for number in range(100)]

    def rooms() -> None:
        for session in sessions:
            for number in range(10):
                house.join(session, f"room-{session.id}-{number}")

    assert is_counted_well(ROOM_BYTES + MEMBER_BYTES, measured(rooms, 1000))


def test_a_member_is_counted_with_what_it_takes() -> None:
    house = House()
    sessions = [client(f"{number}") for number in range(1000)]

    def members() -> None:
        for session in sessions:
            house.join(session, "one", presence="diff")
        room = house.protocol.rooms.rooms_of(sessions[0])[0]
        room.presence_list()

    assert is_counted_well(MEMBER_BYTES, measured(members, 1000))
