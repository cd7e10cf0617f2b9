"""What members that may do less than others get of a room: who is present in it, and what was said before."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.rooms.kit import pushed
from tidegate.core.access.room_rules import RoomAccess
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import Effect
from tidegate.core.rooms.effects import JoinReplay
from tidegate.core.rooms.limits import RoomLimits
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.rooms import Rooms
from tidegate.core.session import Session
from tidegate_protocol import JoinRequest, LeaveRequest, PresenceDiff, Principal, RoomPosition

SEES = RoomAccess({"join": "anyone"}, hooks={"presence": lambda user, claims, room: claims["sees"] is True})
RULES = {
    "watched": RoomRules("watched", access={"join": "anyone", "presence": "authenticated"}),
    "by-claim": RoomRules("by-claim", bound=SEES),
    "archive": RoomRules("archive", history_size=9, access={"join": "anyone", "history": "authenticated"}),
}


@pytest.fixture
def rooms() -> Rooms:
    return Rooms(RULES.get, RoomLimits(), Ledger())


def client(user: str, anonymous: bool = False) -> Session:
    session = Session(f"c-{user}", object(), Principal(id=user, name=user, roles=[], anonymous=anonymous))
    session.claims = {"sees": True}
    return session


def join(rooms: Rooms, session: Session, room: str, **fields: Any) -> list[Effect]:
    return rooms.join(session, JoinRequest(room=room, presence="diff", **fields), 0.0)


def test_a_client_that_may_not_see_who_is_present_is_shown_nothing_before_its_join_is_answered(rooms: Rooms) -> None:
    guest = client("guest", anonymous=True)
    join(rooms, guest, "watched")
    assert pushed(join(rooms, client("bob"), "watched"), guest) == []


def test_other_claims_hide_the_members_only_where_they_do_not_let_the_user_see_them(rooms: Rooms) -> None:
    ada, bob = client("ada"), client("bob")
    join(rooms, ada, "by-claim")
    assert rooms.change_claims(ada, {"sees": True, "more": 1}, 0.0) == []
    (told,) = pushed(join(rooms, bob, "by-claim"), ada)
    assert isinstance(told, PresenceDiff)
    assert [member.id for member in told.joined] == ["bob"]
    assert rooms.change_claims(ada, {"sees": False}, 0.0) == []
    assert pushed(rooms.leave(bob, LeaveRequest(room="by-claim"), 0.0), ada) == []


def test_a_client_that_may_not_read_the_history_is_not_replayed_it(rooms: Rooms) -> None:
    since = RoomPosition(epoch="e", offset=4)
    for session, asked in ((client("guest", anonymous=True), None), (client("ada"), since)):
        *_, replay = join(rooms, session, "archive", since=since)
        assert isinstance(replay, JoinReplay)
        assert replay.since == asked
