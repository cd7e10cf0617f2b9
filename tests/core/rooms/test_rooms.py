"""Rooms within the whole core: join, leave, message, presence, broken connections, answers of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tests.core.rooms.kit import as_read, pushed
from tidegate.core import effects as fx
from tidegate.core.errors import Refused
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import FULL_PRESENCE_LIMIT, RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.session import Session
from tidegate_protocol import (
    HistoryRequest,
    Joined,
    JoinRequest,
    LeaveRequest,
    Left,
    Member,
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
    "watched": RoomRules("watched", access={"join": "anyone", "presence": "authenticated"}),
    "members": RoomRules("members", access={"join": "authenticated", "send": "role:speaker"}),
}


@pytest.fixture
def protocol() -> Protocol:
    return Protocol({}, RULES.get, FeedCursor("e", 0), SessionLimits(rooms=2, history=30))


def client(user: str, anonymous: bool = False) -> Session:
    return Session(f"c-{user}", object(), Principal(id=user, name=f"User {user}", roles=[], anonymous=anonymous))


def join(
    protocol: Protocol, session: Session, room: str = "chat-1", now: float = 0.0, **fields: Any
) -> Sequence[fx.Effect]:
    return protocol.receive(session, JoinRequest(room=room, **fields), now)


def replay_of(effects: Iterable[fx.Effect]) -> room_fx.JoinReplay:
    """The question to the engine among the effects of a `join`."""
    (replay,) = [effect for effect in effects if isinstance(effect, room_fx.JoinReplay)]
    return replay


def answered(protocol: Protocol, replay: room_fx.JoinReplay) -> Sequence[fx.Effect]:
    """What follows from the engine's answer to a `join`."""
    return protocol.rooms.opened(replay, Opened(RoomPosition(epoch="e", offset=0), None))


def visible(effects: Iterable[fx.Effect]) -> list[fx.Effect]:
    """Those of `effects` that some client gets."""
    return [
        effect for effect in effects if isinstance(effect, fx.Reply | fx.Push | fx.SendEncoded | room_fx.ListMembers)
    ]


def refused(protocol: Protocol, session: Session, request: msgspec.Struct) -> Refused:
    with pytest.raises(Refused) as caught:
        protocol.receive(session, request, 0.0)
    return caught.value


def test_joining_asks_for_what_was_missed(protocol: Protocol) -> None:
    ada = client("1")
    since = RoomPosition(epoch="e", offset=4)
    replay = replay_of(join(protocol, ada, ref="r", since=since))
    assert (replay.ref, replay.since, replay.mode) == ("r", since, "full")
    replay = replay_of(join(protocol, ada, "chat-2", presence="diff"))
    assert (replay.ref, replay.since, replay.mode) == (None, None, "diff")


def test_followers_of_differences_get_each_difference_at_once(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    (told,) = pushed(join(protocol, bob, presence="diff"), ada)
    assert isinstance(told, PresenceDiff)
    assert [member.id for member in told.joined] == ["2"]
    (told,) = pushed(protocol.receive(bob, PresenceRequest(room="chat-1", status="away"), 0.0), ada)
    assert isinstance(told, PresenceDiff)
    assert [(member.id, member.status) for member in told.changed] == [("2", "away")]
    (told,) = pushed(protocol.receive(bob, LeaveRequest(room="chat-1"), 0.0), ada)
    assert isinstance(told, PresenceDiff)
    assert [member.id for member in told.left] == ["2"]


def test_the_full_list_is_gathered_for_a_tenth_of_a_second(protocol: Protocol) -> None:
    ada, bob, eve = client("1"), client("2"), client("3")
    join(protocol, ada, now=0.0)
    assert pushed(join(protocol, bob, now=10.0), ada) == []
    assert pushed(join(protocol, eve, now=10.05), ada) == []
    assert list(protocol.tick(10.09)) == []
    (told,) = pushed(protocol.tick(10.11), ada)
    assert isinstance(told, PresenceList)
    assert [user.id for user in told.users] == ["1", "2", "3"]
    assert list(protocol.tick(20.0)) == []


def test_the_full_list_comes_after_the_clock_was_set_back(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, now=3600.0)
    join(protocol, bob, now=3610.0)
    protocol.rooms.shift(-3600.0)
    assert list(protocol.tick(10.09)) == []
    (told,) = pushed(protocol.tick(10.11), ada)
    assert isinstance(told, PresenceList)


def members_of(known: dict[str, Member], messages: Iterable[msgspec.Struct]) -> dict[str, Member]:
    """What a client shows: the members that it knows, after these messages."""
    for message in messages:
        if isinstance(message, PresenceList):
            known = {member.id: member for member in message.users}
        elif isinstance(message, PresenceDiff):
            gone = {member.id for member in message.left}
            known = {user: member for user, member in known.items() if user not in gone}
            known |= {member.id: member for member in (*message.joined, *message.changed)}
    return known


def test_a_follower_of_the_full_list_sees_every_member_of_a_room_of_any_size(protocol: Protocol) -> None:
    ada, now = client("ada"), 0.0
    join(protocol, ada)
    room = protocol.rooms.rooms_of(ada)[0]
    seen = members_of({}, [as_read(room.presence_list()[0])])
    sessions = [client(str(number)) for number in range(FULL_PRESENCE_LIMIT + 60)]

    def step(effects: Sequence[fx.Effect], seconds: float) -> None:
        nonlocal now, seen
        now += seconds
        told = pushed([*effects, *protocol.tick(now)], ada)
        for message in told:
            if isinstance(message, PresenceList):
                assert len(message.users) <= FULL_PRESENCE_LIMIT, "a large list is never pushed"
        seen = members_of(seen, told)
        if not room.unlisted:
            assert seen == {member.id: member for member in room.presence.members()}

    for session in sessions:
        step(join(protocol, session, now=now), 0.01)
    assert len(seen) == FULL_PRESENCE_LIMIT + 61, "up to date without a further change"
    step(protocol.receive(sessions[0], PresenceRequest(room="chat-1", status="away"), now), 0.0)
    assert seen["0"].status == "away"
    for session in sessions[:70]:
        step(protocol.ended(session, 1000, now), 0.01)
    for _ in range(3):
        step([], 1.0)
        for session in sessions[70:72]:
            step(protocol.ended(session, 1000, now), 0.01)
        step(join(protocol, sessions[70], now=now), 0.01)
        step(join(protocol, sessions[71], now=now), 0.01)
    step([], 2.0)
    assert len(seen) == FULL_PRESENCE_LIMIT + 61 - 70
    assert not room.unlisted


def test_in_a_large_room_a_list_is_sent_on_request_and_changes_otherwise(protocol: Protocol) -> None:
    sessions = [client(str(number)) for number in range(FULL_PRESENCE_LIMIT + 1)]
    for session in sessions:
        join(protocol, session, now=0.0)
    assert list(protocol.tick(60.0)) == []
    effects = protocol.receive(sessions[0], PresenceRequest(room="chat-1", ref=1, status="away"), 60.0)
    (told,) = pushed(effects, sessions[0])
    assert isinstance(told, PresenceList)
    assert len(told.users) == FULL_PRESENCE_LIMIT + 1
    (told,) = pushed(effects, sessions[1])
    assert isinstance(told, PresenceDiff)
    assert [member.id for member in told.changed] == ["0"]


def test_a_presence_request_is_answered_with_the_list(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    (answer,) = pushed(protocol.receive(ada, PresenceRequest(room="chat-1", ref=9, info={"typing": True}), 0.0), ada)
    assert isinstance(answer, PresenceList)
    assert answer.ref == 9
    assert answer.users[0].info == {"typing": True}


def test_a_room_without_presence_pushes_no_presence(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, "quiet", presence="diff")
    replay = replay_of(join(protocol, bob, "quiet", ref=1, presence="diff"))
    (joined,) = pushed(answered(protocol, replay), bob)
    assert isinstance(joined, Joined)
    assert joined.users is UNSET
    assert refused(protocol, ada, PresenceRequest(room="quiet")).code == "forbidden"
    assert pushed(protocol.receive(bob, LeaveRequest(room="quiet"), 0.0), ada) == []


def test_a_message_is_published_in_its_room(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    request = MessageRequest(room="chat-1", data={"text": "hi"}, ref=1)
    (publish,) = protocol.receive(ada, request, 0.0)
    assert isinstance(publish, room_fx.PublishMessage)
    assert publish.ref == 1
    assert (publish.room.name, publish.request) == ("chat-1", request)
    assert list(publish.room.sinks) == [ada.sink]


def test_a_session_outside_of_a_room_may_not_use_it(protocol: Protocol) -> None:
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


def test_history_is_read_for_a_session_in_the_room(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    (read,) = protocol.receive(ada, HistoryRequest(room="chat-1", limit=5, before=9, ref=1), 0.0)
    assert isinstance(read, room_fx.ReadHistory)
    assert (read.room.name, read.before, read.limit, read.ref) == ("chat-1", 9, 5, 1)
    (read,) = protocol.receive(ada, HistoryRequest(room="chat-1", ref=2), 0.0)
    assert isinstance(read, room_fx.ReadHistory)
    assert (read.before, read.limit) == (None, 30), "the gateway's own limit"
    assert list(protocol.receive(ada, HistoryRequest(room="chat-1"), 0.0)) == [], "no reply is wanted"


def test_leaving_is_answered_and_ends_the_room(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    (left,) = pushed(protocol.receive(ada, LeaveRequest(room="chat-1", ref="x"), 0.0), ada)
    assert isinstance(left, Left)
    assert (left.room, left.ref) == ("chat-1", "x")
    assert protocol.rooms._rooms.get("chat-1") is None
    assert len(protocol.rooms._rooms) == 0


def test_joining_again_says_status_and_info_again(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob, status="away", info={"colour": "red"})
    assert pushed(join(protocol, bob), ada) == []
    (diff,) = pushed(join(protocol, bob, info={"colour": "blue"}), ada)
    assert isinstance(diff, PresenceDiff)
    assert [(member.status, member.info) for member in diff.changed] == [("away", {"colour": "blue"})]


def test_joining_again_changes_only_how_presence_is_pushed(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="full")
    answered(protocol, replay_of(join(protocol, ada, presence="none")))
    assert pushed(join(protocol, bob), ada) == []
    assert pushed(protocol.tick(60.0), ada) == []
    room = protocol.rooms._rooms.get("chat-1")
    assert room is not None
    assert len(room.sinks) == 2


def test_a_user_that_may_not_see_who_is_present_is_not_shown_it_after_authenticate(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, "watched", presence="diff")
    guest = Principal(id="guest", name="Guest", roles=[], anonymous=True)
    assert pushed(protocol.identified(ada, None, VerifiedIdentity(guest, None), 0.0), ada) == []
    assert pushed(join(protocol, bob, "watched"), ada) == []
    assert pushed(protocol.receive(bob, LeaveRequest(room="watched"), 0.0), ada) == []


def test_rooms_that_no_pattern_covers_or_no_rule_allows(protocol: Protocol) -> None:
    assert refused(protocol, client("1"), JoinRequest(room="unknown")).code == "unknown_room"
    assert refused(protocol, client("1", anonymous=True), JoinRequest(room="members")).code == "unauthenticated"
    ada = client("1")
    join(protocol, ada, "members")
    assert refused(protocol, ada, MessageRequest(room="members", data=1)).code == "forbidden"


def test_a_connection_may_be_in_a_limited_number_of_rooms(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada, "chat-1")
    join(protocol, ada, "chat-2")
    assert refused(protocol, ada, JoinRequest(room="quiet")).code == "limit_reached"
    join(protocol, ada, "chat-2")


def test_a_broken_connection_leaves_after_its_grace_time(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob)
    assert visible(protocol.ended(bob, None, 100.0)) == []
    assert list(protocol.tick(100.0 + GRACE_S - 0.1)) == []
    (told,) = pushed(protocol.tick(100.0 + GRACE_S), ada)
    assert isinstance(told, PresenceDiff)
    assert [member.id for member in told.left] == ["2"]


def test_a_user_who_comes_back_within_the_grace_time_never_left(protocol: Protocol) -> None:
    ada, bob, again = client("1"), client("2"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob)
    protocol.ended(bob, None, 100.0)
    assert pushed(join(protocol, again, now=105.0), ada) == []
    assert list(protocol.tick(200.0)) == []
    room = protocol.rooms._rooms.get("chat-1")
    assert room is not None
    assert [(member.id, member.connections) for member in room.presence.members()] == [("1", 1), ("2", 1)]


def test_coming_back_to_one_room_leaves_the_others_in_their_grace(protocol: Protocol) -> None:
    bob, again = client("2"), client("2")
    join(protocol, bob, "chat-1")
    join(protocol, bob, "chat-2")
    protocol.ended(bob, None, 0.0)
    join(protocol, again, "chat-1", now=1.0)
    assert protocol.rooms._rooms.get("chat-2") is not None
    protocol.tick(GRACE_S)
    assert protocol.rooms._rooms.get("chat-2") is None
    assert protocol.rooms._rooms.get("chat-1") is not None


def test_two_pages_that_load_again_change_nothing(protocol: Protocol) -> None:
    ada, pages = client("1"), [client("2"), client("2")]
    join(protocol, ada, presence="diff")
    for page in pages:
        join(protocol, page)
    effects: list[fx.Effect] = []
    for page in pages:
        effects += protocol.ended(page, 1001, 10.0)
    for again in (client("2"), client("2")):
        effects += join(protocol, again, now=10.5)
    effects += protocol.tick(30.0)
    assert pushed(effects, ada) == []


def test_the_page_of_a_closed_tab_leaves_a_second_later(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob)
    assert pushed(protocol.ended(bob, 1001, 10.0), ada) == []
    assert told(protocol.tick(11.0), ada) == [("left", "2")]


def test_two_broken_connections_of_one_user_count_as_one_member(protocol: Protocol) -> None:
    ada, one, two = client("1"), client("2"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, one)
    join(protocol, two)
    protocol.ended(one, None, 0.0)
    protocol.ended(two, None, 5.0)
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
    (told,) = pushed(protocol.ended(bob, 1000, 0.0), ada)
    assert isinstance(told, PresenceDiff)
    assert [member.id for member in told.left] == ["2"]


def become(protocol: Protocol, session: Session, user: str, now: float = 0.0, **about: Any) -> Sequence[fx.Effect]:
    principal = Principal(**{"id": user, "name": f"User {user}", "roles": [], "anonymous": False, **about})
    return protocol.identified(session, "a", VerifiedIdentity(principal, 99.0), now)


def told(effects: Iterable[fx.Effect], session: Session) -> list[tuple[str, str]]:
    """The differences that `session` gets, as (word, user)."""
    return [
        (word, member.id)
        for message in pushed(effects, session)
        if isinstance(message, PresenceDiff)
        for word in ("left", "joined", "changed")
        for member in getattr(message, word)
    ]


def test_a_session_that_becomes_another_user_leaves_and_joins_for_all_and_for_itself(protocol: Protocol) -> None:
    ada, guest = client("1"), client("anon-7", anonymous=True)
    join(protocol, ada, presence="diff")
    join(protocol, guest, presence="diff", status="away", info={"colour": "red"})
    effects = become(protocol, guest, "2")
    for session in (ada, guest):
        assert told(effects, session) == [("left", "anon-7"), ("joined", "2")]
    answer = pushed(effects, guest)[0]
    assert (answer.ref, answer.expires_at) == ("a", 99_000)  # type: ignore[attr-defined]  # Authenticated
    room = protocol.rooms.rooms_of(guest)[0]
    assert [(member.id, member.status, member.info) for member in map(as_read, room.presence.members())] == [
        ("1", "online", UNSET),
        ("2", "away", {"colour": "red"}),
    ]


def test_a_session_that_becomes_another_user_gets_the_new_list(protocol: Protocol) -> None:
    guest = client("anon-7", anonymous=True)
    join(protocol, guest)
    assert told(become(protocol, guest, "2", now=5.0), guest) == []
    (listed,) = pushed(protocol.tick(5.1), guest)
    assert isinstance(listed, PresenceList)
    assert [member.id for member in listed.users] == ["2"]


def test_a_user_with_another_name_has_changed(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, presence="diff")
    join(protocol, bob, presence="diff", status="away", info={"colour": "red"})
    effects = become(protocol, bob, "2", name="Robert")
    for session in (ada, bob):
        assert told(effects, session) == [("changed", "2")]
    (diff,) = pushed(effects, ada)
    assert isinstance(diff, PresenceDiff)
    (member,) = diff.changed
    assert (member.name, member.status, member.info) == ("Robert", "away", {"colour": "red"})
    assert told(become(protocol, bob, "2", name="Robert", roles=["speaker"]), ada) == [], "roles are not shown"


def test_one_of_several_connections_becomes_another_user(protocol: Protocol) -> None:
    ada, guest, tab, bob = client("1"), client("anon-7", anonymous=True), client("anon-7", anonymous=True), client("2")
    for session in (ada, guest, tab, bob):
        join(protocol, session, presence="diff")
    effects = become(protocol, guest, "2")
    assert told(effects, ada) == told(effects, guest) == [("changed", "anon-7"), ("changed", "2")]
    effects = become(protocol, tab, "2")
    assert told(effects, ada) == told(effects, tab) == [("left", "anon-7"), ("changed", "2")]
    room = protocol.rooms.rooms_of(ada)[0]
    assert [(member.id, member.connections) for member in room.presence.members()] == [("1", 1), ("2", 3)]
    for session in (guest, tab, bob):
        protocol.ended(session, 1000, 1.0)
    assert [member.id for member in room.presence.members()] == ["1"], "the former user has left"


def test_a_session_that_becomes_a_user_whose_connection_broke_takes_its_place(protocol: Protocol) -> None:
    ada, bob, guest = client("1"), client("2"), client("anon-7", anonymous=True)
    join(protocol, ada, presence="diff")
    join(protocol, bob)
    join(protocol, guest)
    protocol.ended(bob, None, 0.0)
    assert told(become(protocol, guest, "2", now=1.0), ada) == [("left", "anon-7")]
    assert told(protocol.tick(GRACE_S), ada) == []
    assert told(protocol.ended(guest, 1000, 20.0), ada) == [("left", "2")]


def test_a_user_who_may_no_longer_be_in_a_room_is_told_left(protocol: Protocol) -> None:
    ada, bob = client("1"), client("2")
    join(protocol, ada, "members", presence="diff")
    join(protocol, bob, "members", presence="diff")
    effects = become(protocol, ada, "anon-1", anonymous=True)
    _, left = pushed(effects, ada)
    assert isinstance(left, Left)
    assert (left.room, left.reason, left.ref) == ("members", "forbidden", UNSET)
    assert told(effects, bob) == [("left", "1")]
    assert protocol.rooms.rooms_of(ada) == []


def test_a_session_that_becomes_another_user_stays_in_a_room_without_presence(protocol: Protocol) -> None:
    guest = client("anon-7", anonymous=True)
    join(protocol, guest, "quiet")
    user = Principal(id="2", name="Bob", roles=[], anonymous=False)
    assert visible(protocol.identified(guest, None, VerifiedIdentity(user, None), 0.0)) == []
    assert [room.name for room in protocol.rooms.rooms_of(guest)] == ["quiet"]


def test_authenticating_as_the_same_user_changes_nothing(protocol: Protocol) -> None:
    ada = client("1")
    join(protocol, ada)
    assert list(protocol.identified(ada, None, VerifiedIdentity(ada.user, None), 0.0)) == []
