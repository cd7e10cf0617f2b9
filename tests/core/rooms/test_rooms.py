"""Rooms, as the whole core plays them: join, leave, message, presence, broken lines."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest

from tidegate.core import effects as fx
from tidegate.core.errors import Refused
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.room import FULL_PRESENCE_LIMIT, RoomRules
from tidegate.core.rooms.rooms import GRACE_S
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.session import Session
from tidegate_protocol import (
    HistoryRequest,
    JoinRequest,
    LeaveRequest,
    Left,
    MessageRequest,
    PresenceDiff,
    PresenceList,
    PresenceRequest,
    Principal,
    RoomPosition,
)

OPEN = {"join": "anyone", "send": "anyone"}
RULES = {
    "chat-1": RoomRules("chat-*", access=OPEN),
    "chat-2": RoomRules("chat-*", access=OPEN),
    "quiet": RoomRules("quiet", presence=False, access=OPEN),
    "members": RoomRules("members", access={"join": "authenticated", "send": "role:speaker"}),
}


@pytest.fixture
def protocol() -> Protocol:
    return Protocol({}, RULES.get, FeedCursor("e", 0), SessionLimits(rooms=2))


def client(user: str, anonymous: bool = False) -> Session:
    return Session(f"c-{user}", object(), Principal(id=user, name=f"User {user}", roles=[], anonymous=anonymous))


def join(
    protocol: Protocol, session: Session, room: str = "chat-1", now: float = 0.0, **fields: Any
) -> Sequence[fx.Effect]:
    return protocol.receive(session, JoinRequest(room=room, **fields), now)


def pushed(effects: Iterable[fx.Effect], session: Session) -> list[msgspec.Struct]:
    """The messages among `effects` that reach `session`."""
    reached = []
    for effect in effects:
        if (isinstance(effect, fx.Reply) and effect.session is session) or (
            isinstance(effect, fx.Push) and session.sink in effect.sinks
        ):
            reached.append(effect.message)
    return reached


def refused(protocol: Protocol, session: Session, request: msgspec.Struct) -> Refused:
    with pytest.raises(Refused) as caught:
        protocol.receive(session, request, 0.0)
    return caught.value


def test_joining_asks_for_what_was_missed(protocol: Protocol) -> None:
    ada = client("1")
    since = RoomPosition(epoch="e", offset=4)
    (replay,) = join(protocol, ada, ref="r", since=since)
    assert isinstance(replay, room_fx.JoinReplay)
    assert (replay.ref, replay.since, replay.with_presence, replay.with_users) == ("r", since, True, False)
    (replay,) = join(protocol, ada, "chat-2", presence="diff")
    assert isinstance(replay, room_fx.JoinReplay)
    assert (replay.ref, replay.since, replay.with_presence, replay.with_users) == (None, None, False, True)


def test_others_hear_the_difference_at_once(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    (heard,) = pushed(join(protocol, bob, presence="diff"), ada)
    assert isinstance(heard, PresenceDiff)
    assert [member.id for member in heard.joined] == ["2"]
    (heard,) = pushed(protocol.receive(bob, PresenceRequest(room="chat-1", status="away"), 0.0), ada)
    assert isinstance(heard, PresenceDiff)
    assert [(member.id, member.status) for member in heard.changed] == [("2", "away")]
    (heard,) = pushed(protocol.receive(bob, LeaveRequest(room="chat-1"), 0.0), ada)
    assert isinstance(heard, PresenceDiff)
    assert [member.id for member in heard.left] == ["2"]


def test_the_full_list_is_gathered_for_a_tenth_of_a_second(protocol: Protocol) -> None:
    ada, bob, eve = client("1"), client("2"), client("3")
    join(protocol, ada, now=0.0)
    assert pushed(join(protocol, bob, now=10.0), ada) == []
    assert pushed(join(protocol, eve, now=10.05), ada) == []
    assert list(protocol.tick(10.09)) == []
    (heard,) = pushed(protocol.tick(10.11), ada)
    assert isinstance(heard, PresenceList)
    assert [user.id for user in heard.users] == ["1", "2", "3"]
    assert list(protocol.tick(20.0)) == []


def test_in_a_large_room_the_full_list_is_only_sent_on_request(protocol: Protocol) -> None:
    sessions = [client(str(number)) for number in range(FULL_PRESENCE_LIMIT + 1)]
    for session in sessions:
        join(protocol, session, now=0.0)
    assert list(protocol.tick(60.0)) == []
    effects = protocol.receive(sessions[0], PresenceRequest(room="chat-1", ref=1), 60.0)
    (heard,) = pushed(effects, sessions[0])
    assert isinstance(heard, PresenceList)
    assert len(heard.users) == FULL_PRESENCE_LIMIT + 1


def test_presence_answers_the_one_who_asks(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    (answer,) = pushed(protocol.receive(ada, PresenceRequest(room="chat-1", ref=9, info={"typing": True}), 0.0), ada)
    assert isinstance(answer, PresenceList)
    assert answer.ref == 9
    assert answer.users[0].info == {"typing": True}


def test_a_room_without_presence_tells_nobody(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, "quiet", presence="diff")
    (replay,) = join(protocol, bob, "quiet", presence="diff")
    assert isinstance(replay, room_fx.JoinReplay)
    assert not replay.with_users
    assert refused(protocol, ada, PresenceRequest(room="quiet")).code == "forbidden"
    assert pushed(protocol.receive(bob, LeaveRequest(room="quiet"), 0.0), ada) == []


def test_what_is_said_is_published_in_the_room(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    request = MessageRequest(room="chat-1", data={"text": "hi"}, ref=1)
    (publish,) = protocol.receive(ada, request, 0.0)
    assert isinstance(publish, room_fx.PublishMessage)
    assert (publish.room.name, publish.request) == ("chat-1", request)
    assert list(publish.room.sinks) == [ada.sink]


def test_one_must_be_in_a_room_to_use_it(protocol: Protocol) -> None:
    ada = client("1")
    for request in (
        MessageRequest(room="chat-1", data=1),
        LeaveRequest(room="chat-1"),
        PresenceRequest(room="chat-1"),
        HistoryRequest(room="chat-1"),
    ):
        assert (refused(protocol, ada, request).code, refused(protocol, ada, request).pointer) == (
            "not_joined",
            "/room",
        )


def test_history_is_recalled_for_those_in_the_room(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    (recall,) = protocol.receive(ada, HistoryRequest(room="chat-1", limit=5), 0.0)
    assert isinstance(recall, room_fx.ReadHistory)
    assert recall.room.name == "chat-1"


def test_leaving_is_answered_and_ends_the_room(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    (left,) = pushed(protocol.receive(ada, LeaveRequest(room="chat-1", ref="x"), 0.0), ada)
    assert isinstance(left, Left)
    assert (left.room, left.ref) == ("chat-1", "x")
    assert protocol.rooms.room("chat-1") is None
    assert len(protocol.rooms) == 0


def test_joining_again_changes_how_presence_is_told_and_nothing_else(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="full")
    join(protocol, ada, presence="none")
    assert pushed(join(protocol, bob), ada) == []
    assert list(protocol.tick(60.0)) == []
    room = protocol.rooms.room("chat-1")
    assert room is not None
    assert len(room.sinks) == 2


def test_rooms_that_no_pattern_covers_or_no_rule_allows(protocol: Protocol) -> None:
    assert refused(protocol, client("1"), JoinRequest(room="unknown")).code == "unknown_room"
    assert refused(protocol, client("1", anonymous=True), JoinRequest(room="members")).code == "unauthenticated"
    ada = client("1")
    join(protocol, ada, "members")
    assert refused(protocol, ada, MessageRequest(room="members", data=1)).code == "forbidden"


def test_a_connection_may_be_in_so_many_rooms(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada, "chat-1")
    join(protocol, ada, "chat-2")
    assert refused(protocol, ada, JoinRequest(room="quiet")).code == "limit_reached"
    join(protocol, ada, "chat-2")


def test_a_broken_line_leaves_after_its_grace(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob)
    assert list(protocol.ended(bob, 100.0, clean=False)) == []
    assert list(protocol.tick(100.0 + GRACE_S - 0.1)) == []
    (heard,) = pushed(protocol.tick(100.0 + GRACE_S), ada)
    assert isinstance(heard, PresenceDiff)
    assert [member.id for member in heard.left] == ["2"]


def test_who_comes_back_within_the_grace_never_left(protocol: Protocol) -> None:
    ada, bob, again = client("1"), client("2"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob)
    protocol.ended(bob, 100.0, clean=False)
    assert pushed(join(protocol, again, now=105.0), ada) == []
    assert list(protocol.tick(200.0)) == []
    room = protocol.rooms.room("chat-1")
    assert room is not None
    assert [(member.id, member.connections) for member in room.presence.members()] == [("1", 1), ("2", 1)]


def test_coming_back_to_one_room_leaves_the_others_in_their_grace(protocol: Protocol) -> None:
    bob, again = client("2"), client("2")
    join(protocol, bob, "chat-1")
    join(protocol, bob, "chat-2")
    protocol.ended(bob, 0.0, clean=False)
    join(protocol, again, "chat-1", now=1.0)
    assert protocol.rooms.room("chat-2") is not None
    protocol.tick(GRACE_S)
    assert protocol.rooms.room("chat-2") is None
    assert protocol.rooms.room("chat-1") is not None


def test_two_broken_lines_of_one_user_count_as_one_member(protocol: Protocol) -> None:
    ada, one, two = client("1"), client("2"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, one)
    join(protocol, two)
    protocol.ended(one, 0.0, clean=False)
    protocol.ended(two, 5.0, clean=False)
    (changed,) = pushed(protocol.tick(GRACE_S), ada)
    assert isinstance(changed, PresenceDiff)
    assert [member.connections for member in changed.changed] == [1]
    (gone,) = pushed(protocol.tick(GRACE_S + 5.0), ada)
    assert isinstance(gone, PresenceDiff)
    assert [member.id for member in gone.left] == ["2"]


def test_a_clean_end_leaves_at_once(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob)
    (heard,) = pushed(protocol.ended(bob, 0.0, clean=True), ada)
    assert isinstance(heard, PresenceDiff)
    assert [member.id for member in heard.left] == ["2"]


def test_becoming_another_user_leaves_and_joins(protocol: Protocol) -> None:
    ada, guest = client("1"), client("anon-7", anonymous=True)
    join(protocol, ada, presence="diff")
    join(protocol, guest)
    effects = protocol.identified(
        guest, "a", VerifiedIdentity(Principal(id="2", name="Bob", roles=[], anonymous=False), 99.0), 0.0
    )
    left, joined = pushed(effects, ada)
    assert isinstance(left, PresenceDiff)
    assert isinstance(joined, PresenceDiff)
    assert [member.id for member in left.left] == ["anon-7"]
    assert [member.id for member in joined.joined] == ["2"]
    answer = pushed(effects, guest)[0]
    assert (answer.ref, answer.expires_at) == ("a", 99_000)  # type: ignore[attr-defined]  # Authenticated


def test_a_user_who_may_not_be_in_a_room_any_longer_is_told_so(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada, "members")
    effects = protocol.identified(
        ada, None, VerifiedIdentity(Principal(id="anon-1", name="Guest", roles=[], anonymous=True), None), 0.0
    )
    (left,) = pushed(effects, ada)
    assert isinstance(left, Left)
    assert left.room == "members"
    assert protocol.rooms.rooms_of(ada) == []


def test_being_identified_as_oneself_changes_nothing(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    assert list(protocol.identified(ada, None, VerifiedIdentity(ada.user, None), 0.0)) == []
