"""What the rules of rooms make of an engine's answers and reports, at once or later."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec
import pytest
from msgspec import UNSET

from tests.core.rooms.kit import as_read, members_listed, pushed, raw
from tidegate.core import effects as fx
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.errors import Refused
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms import room as of_room
from tidegate.core.rooms.limits import RoomLimits
from tidegate.core.rooms.ports import HistoryPage, Opened
from tidegate.core.rooms.room import REPLAY_BYTES, Held, Room, RoomRules
from tidegate.core.rooms.rooms import Rooms
from tidegate.core.session import Session
from tidegate_protocol import (
    HistoryRequest,
    Joined,
    JoinRequest,
    LeaveRequest,
    MessageRequest,
    Messages,
    PresenceDiff,
    PresenceList,
    PresenceRequest,
    Principal,
    RoomPosition,
    Sent,
)

OPEN = RoomRules("chat-*", access={"join": "anyone", "send": "anyone"})
HEAD = RoomPosition(epoch="e", offset=5)


@pytest.fixture
def rooms() -> Rooms:
    return Rooms({"chat": OPEN}.get, RoomLimits(rooms=10, history=30), Ledger())


def at(offset: int) -> RoomPosition:
    return RoomPosition(epoch=HEAD.epoch, offset=offset)


def client(user: str) -> Session:
    return Session(f"c-{user}", f"sink-{user}", Principal(id=user, name=f"User {user}", roles=[], anonymous=False))


def join(rooms: Rooms, session: Session, **fields: Any) -> room_fx.JoinReplay:
    """Join, up to the question to the engine."""
    *_, replay = rooms.join(session, JoinRequest(room="chat", **fields), 0.0)
    assert isinstance(replay, room_fx.JoinReplay)
    return replay


def held(rooms: Rooms, replay: room_fx.JoinReplay) -> tuple[room_fx.JoinReplay, Held]:
    """A `join` that the engine does not answer at once."""
    return replay, rooms.hold(replay)


def sent(effects: Iterable[fx.Effect]) -> list[msgspec.Struct | bytes]:
    """What the session gets, in its order."""
    messages: list[msgspec.Struct | bytes] = []
    for effect in effects:
        if isinstance(effect, fx.SendEncoded):
            messages += effect.texts
        elif isinstance(effect, room_fx.ListMembers):
            messages += members_listed(effect)
        else:
            assert isinstance(effect, fx.Reply)
            messages.append(as_read(effect.message))
    return messages


def listed(effects: Iterable[fx.Effect]) -> list[str]:
    """The members that the only list, or `joined` with a list, names, each with its status."""
    read = [as_read(message) for message in sent(effects) if isinstance(message, Joined | PresenceList)]
    named = [message.users for message in read if isinstance(message.users, list)]
    assert len(named) <= 1
    return [f"{member.id} {member.status}" for users in named for member in users]


def sinks(room: Room | None) -> list[Any]:
    return [] if room is None else list(room.sinks)


def types(effects: Sequence[fx.Effect]) -> list[type[fx.Effect]]:
    return [type(effect) for effect in effects]


def test_the_reply_comes_first_then_the_missed_messages_then_who_is_present(rooms: Rooms) -> None:
    ada = client("1")
    replay = join(rooms, ada, ref="r", since=RoomPosition(epoch="e", offset=3))
    joined, *missed, present = sent(rooms.opened(replay, Opened(HEAD, [b"4", b"5"])))
    assert joined == Joined(room="chat", position=HEAD, recovered=True, replayed=2, ref="r")
    assert missed == [b"4", b"5"]
    assert isinstance(present, PresenceList)


def test_the_reply_names_members_for_a_session_that_follows_differences(rooms: Rooms) -> None:
    (joined,) = sent(rooms.opened(join(rooms, client("1"), ref="r", presence="diff"), Opened(HEAD, None)))
    assert isinstance(joined, Joined)
    assert (joined.recovered, joined.replayed) == (False, 0)
    assert [member.id for member in joined.users] == ["1"]  # type: ignore[union-attr]  # it is set


def test_without_a_ref_there_is_no_reply(rooms: Rooms) -> None:
    assert sent(rooms.opened(join(rooms, client("1"), presence="none"), Opened(HEAD, [b"5"]))) == [b"5"]


def test_a_session_is_delivered_nothing_before_the_reply_to_its_join(rooms: Rooms) -> None:
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, ada), Opened(HEAD, None))
    replay = join(rooms, bob, ref="r", since=RoomPosition(epoch="e", offset=4), presence="none")
    rooms.hold(replay)
    for offset in (5, 6, 7):
        assert sinks(rooms.delivered("chat", offset, b"%d" % offset)) == [ada.sink]
    joined, *texts = sent(rooms.opened(replay, Opened(HEAD, [b"5"])))
    assert isinstance(joined, Joined)
    assert texts == [b"5", b"6", b"7"], "each message once, in order"
    assert sinks(rooms.delivered("chat", 8, b"8")) == [ada.sink, bob.sink]


def test_a_session_whose_second_join_is_answered_first_is_delivered_nothing_before_that(rooms: Rooms) -> None:
    """The room lost its messages, so that nothing is recovered; what came meanwhile is said by the position."""
    ada = client("1")
    first = join(rooms, ada, ref="1", presence="none")
    second = join(rooms, ada, ref="2", presence="none")
    for each in (first, second):
        rooms.hold(each)
    rooms.delivered("chat", 5, b"5")
    (joined,) = sent(rooms.opened(second, Opened(HEAD, None)))
    assert joined == Joined(room="chat", position=HEAD, recovered=False, replayed=0, ref="2")
    rooms.delivered("chat", 6, b"6")
    later = RoomPosition(epoch="e", offset=6)
    text, joined = sent(rooms.opened(first, Opened(later, None)))
    assert text == b"6", "the session is in the room by now"
    assert joined == Joined(room="chat", position=later, recovered=False, replayed=0, ref="1")


def test_a_held_session_is_pushed_no_presence(rooms: Rooms) -> None:
    ada, bob = client("1"), client("2")
    rooms.hold(join(rooms, ada, presence="diff"))
    effects = rooms.join(bob, JoinRequest(room="chat"), 0.0)
    assert types(effects) == [room_fx.SharePresence, room_fx.JoinReplay]


def test_joining_again_while_the_first_join_is_unanswered_keeps_the_session_held(rooms: Rooms) -> None:
    ada = client("1")
    first = join(rooms, ada, presence="diff", ref=1)
    rooms.hold(first)
    second = join(rooms, ada, presence="none", ref=2)
    rooms.hold(second)
    assert sinks(rooms.delivered("chat", 6, b"6")) == []
    (joined,) = sent(rooms.opened(first, Opened(HEAD, None)))
    assert joined.ref == 1  # type: ignore[union-attr]  # a Joined
    assert sinks(rooms.delivered("chat", 7, b"7")) == []
    joined, *texts = sent(rooms.opened(second, Opened(HEAD, None)))
    assert (joined.ref, texts) == (2, [b"6", b"7"])  # type: ignore[union-attr]  # a Joined
    assert sinks(rooms.delivered("chat", 8, b"8")) == [ada.sink]


def test_a_room_that_begins_again_before_an_older_answer_is_joined_where_it_began(rooms: Rooms) -> None:
    ada = client("1")
    replay = join(rooms, ada, presence="none", ref=1)
    rooms.hold(replay)
    began = RoomPosition(epoch="again", offset=2)
    assert [push.sinks for push in rooms.restarted("chat", began) if push.sinks] == []
    assert sinks(rooms.delivered("chat", 3, b"3")) == []
    joined, text = sent(rooms.opened(replay, Opened(HEAD, [b"old"])))
    assert isinstance(joined, Joined)
    assert (joined.position, joined.recovered, joined.replayed, text) == (began, False, 0, b"3")


def test_a_join_that_is_answered_after_the_session_left_is_refused(rooms: Rooms) -> None:
    ada = client("1")
    replay = join(rooms, ada)
    rooms.hold(replay)
    rooms.leave(ada, LeaveRequest(room="chat"), 0.0)
    with pytest.raises(Refused) as refused:
        rooms.opened(replay, Opened(HEAD, None))
    assert refused.value.code == "not_joined"
    assert list(rooms.not_opened(replay)) == []
    assert len(rooms._rooms) == 0


def test_a_refused_join_leaves_no_trace(rooms: Rooms) -> None:
    ada = client("1")
    replay = join(rooms, ada)
    rooms.hold(replay)
    assert types(rooms.not_opened(replay)) == [room_fx.SharePresence, room_fx.CloseRoom]
    assert (len(rooms._rooms), rooms.rooms_of(ada)) == (0, [])


def test_a_refused_second_join_leaves_the_session_in_the_room(rooms: Rooms) -> None:
    ada = client("1")
    rooms.opened(join(rooms, ada, presence="none"), Opened(HEAD, None))
    assert list(rooms.not_opened(join(rooms, ada, presence="none"))) == []
    assert sinks(rooms.delivered("chat", 6, b"6")) == [ada.sink]


@pytest.mark.parametrize("mode", ["full", "diff"])
def test_a_session_that_a_refused_join_held_is_told_who_is_present(rooms: Rooms, mode: str) -> None:
    """Its other `join` named bob, who left before this one was refused; held sessions are told no difference."""
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, bob), Opened(HEAD, None))
    first, waited = held(rooms, join(rooms, ada, ref=1, presence=mode))
    second, _ = held(rooms, join(rooms, ada, ref=2, presence=mode))
    assert listed(rooms.opened(second, Opened(HEAD, None), waited)) == ["2 online", "1 online"]
    rooms.leave(bob, LeaveRequest(room="chat"), 0.0)
    assert listed(rooms.not_opened(first, waited)) == ["1 online"]


@pytest.mark.parametrize("mode", ["full", "diff"])
def test_a_session_is_told_what_its_refused_join_said_of_its_user(rooms: Rooms, mode: str) -> None:
    """The difference goes to the others: the session itself waits for the list."""
    ada = client("1")
    rooms.opened(join(rooms, ada, presence=mode), Opened(HEAD, None))
    assert listed(rooms.not_opened(join(rooms, ada, presence=mode, status="away"))) == ["1 away"]


@pytest.mark.parametrize("at_once", [True, False])
def test_a_refused_join_does_not_change_how_a_session_follows_presence(rooms: Rooms, at_once: bool) -> None:
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, ada, presence="diff"), Opened(HEAD, None))
    again = join(rooms, ada, presence="none")
    assert listed(rooms.not_opened(again, None if at_once else rooms.hold(again))) == ["1 online"]
    assert pushed(rooms.join(bob, JoinRequest(room="chat"), 0.0), ada) != []


def test_a_session_that_asked_for_no_answer_is_told_who_is_present(rooms: Rooms) -> None:
    """It gets differences from here on, and while it was held it got none."""
    ada = client("1")
    replay, waited = held(rooms, join(rooms, ada, presence="diff"))
    assert listed(rooms.opened(replay, Opened(HEAD, None), waited)) == ["1 online"]


def test_the_first_join_of_a_session_may_be_answered_last(rooms: Rooms) -> None:
    """Then that answer says how the session follows presence, and who left in between is not shown."""
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, bob), Opened(HEAD, None))
    first, waited = held(rooms, join(rooms, ada, presence="full", ref=1))
    second, _ = held(rooms, join(rooms, ada, presence="none", ref=2))
    assert listed(rooms.opened(second, Opened(HEAD, None), waited)) == []
    rooms.leave(bob, LeaveRequest(room="chat"), 0.0)
    assert listed(rooms.opened(first, Opened(HEAD, None), waited)) == ["1 online"]


def test_members_for_which_a_reply_has_no_room_follow_it(rooms: Rooms, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_room, "LIST_BYTES", 10)
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, bob, presence="none"), Opened(HEAD, None))
    joined, further = sent(rooms.opened(join(rooms, ada, presence="diff", ref=1), Opened(HEAD, None)))
    assert isinstance(joined, Joined)
    assert isinstance(further, PresenceDiff)
    assert isinstance(joined.users, list)
    assert ([member.id for member in joined.users], joined.more) == (["2"], True)
    assert [member.id for member in as_read(further).joined] == ["1"]


@pytest.mark.parametrize("ref", [UNSET, 1])
def test_a_session_is_told_who_is_present_when_it_has_what_it_missed(rooms: Rooms, ref: Any) -> None:
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, bob), Opened(HEAD, None))
    *_, replay = rooms.opened(join(rooms, ada, ref=ref, presence="diff"), Opened(HEAD, [b"5" * (REPLAY_BYTES + 1)]))
    assert isinstance(replay, room_fx.ReplayMessages)
    rooms.leave(bob, LeaveRequest(room="chat"), 0.0)
    assert listed(rooms.replayed(replay)) == ["1 online"]


def test_a_join_names_no_members_to_a_session_that_may_not_see_them_by_then() -> None:
    rules = RoomRules("chat", access={"join": "anyone", "presence": "authenticated"})
    rooms, ada = Rooms({"chat": rules}.get, RoomLimits(), Ledger()), client("1")
    replay, waited = held(rooms, join(rooms, ada, presence="diff", ref=1))
    guest = Principal(id="guest", name="Guest", roles=[], anonymous=True)
    rooms.change_user(ada, guest, {}, 0.0)
    ada.user = guest
    assert listed(rooms.opened(replay, Opened(HEAD, None), waited)) == []
    assert pushed(rooms.join(client("2"), JoinRequest(room="chat"), 0.0), ada) == []


def test_a_refused_first_join_leaves_a_session_that_the_second_one_let_in(rooms: Rooms) -> None:
    ada = client("1")
    first, waited = held(rooms, join(rooms, ada, ref="1", presence="none"))
    second, other = held(rooms, join(rooms, ada, ref="2", presence="none"))
    (joined,) = sent(rooms.opened(second, Opened(HEAD, None), other))
    assert isinstance(joined, Joined)
    rooms.delivered("chat", 6, b"6")
    assert sent(rooms.not_opened(first, waited)) == [b"6"]
    assert sinks(rooms.delivered("chat", 7, b"7")) == [ada.sink]
    assert [room.name for room in rooms.rooms_of(ada)] == ["chat"]


def test_a_refused_first_join_leaves_a_session_that_was_let_in_at_once_by_the_second(rooms: Rooms) -> None:
    ada = client("1")
    first, waited = held(rooms, join(rooms, ada, presence="none"))
    rooms.opened(join(rooms, ada, presence="none"), Opened(HEAD, None))
    assert list(rooms.not_opened(first, waited)) == []
    assert sinks(rooms.delivered("chat", 6, b"6")) == [ada.sink]


def test_a_session_is_in_the_room_until_the_last_of_its_joins_is_refused(rooms: Rooms) -> None:
    ada = client("1")
    joins = [held(rooms, join(rooms, ada)) for _ in range(3)]
    ends = [types(rooms.not_opened(*each)) for each in joins]
    assert ends == [[], [], [room_fx.SharePresence, room_fx.CloseRoom]]
    assert rooms.rooms_of(ada) == []


def test_a_refused_first_join_does_not_end_the_replay_of_the_second(rooms: Rooms) -> None:
    ada = client("1")
    first, waited = held(rooms, join(rooms, ada, presence="none"))
    second, other = held(rooms, join(rooms, ada, since=RoomPosition(epoch="e", offset=4), presence="none"))
    (replay,) = rooms.opened(second, Opened(HEAD, [b"5" * (REPLAY_BYTES + 1)]), other)
    assert isinstance(replay, room_fx.ReplayMessages)
    assert list(rooms.not_opened(first, waited)) == []
    rooms.delivered("chat", 6, b"6")
    assert sent(rooms.replayed(replay)) == [b"6"]


def test_a_join_during_a_replay_is_refused_and_says_nothing_of_its_user(rooms: Rooms) -> None:
    ada = client("1")
    (replay,) = rooms.opened(join(rooms, ada, presence="none"), Opened(HEAD, [b"5" * (REPLAY_BYTES + 1)]))
    assert isinstance(replay, room_fx.ReplayMessages)
    with pytest.raises(Refused) as refused:
        join(rooms, ada, status="away")
    assert (refused.value.code, refused.value.pointer) == ("limit_reached", "/room")
    assert [member.status for member in map(as_read, replay.join.room.presence.members())] == ["online"]


def test_a_session_that_a_refused_join_held_is_told_that_the_room_began_again(rooms: Rooms) -> None:
    ada = client("1")
    rooms.opened(join(rooms, ada, presence="none"), Opened(HEAD, None))
    again, waited = held(rooms, join(rooms, ada, presence="none"))
    rooms.restarted("chat", at(6))
    rooms.delivered("chat", 7, b"7")
    began = Joined(room="chat", position=at(6), recovered=False, replayed=0)
    assert sent(rooms.not_opened(again, waited)) == [began, b"7"]


@pytest.mark.parametrize("waits", [True, False])
def test_the_answer_to_an_earlier_join_changes_nothing_for_a_session_that_came_back(rooms: Rooms, waits: bool) -> None:
    """`waits`: the join with which it came back is not answered yet. Bob keeps the room open meanwhile."""
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, bob, presence="none"), Opened(HEAD, None))
    answered, waited = held(rooms, join(rooms, ada, since=HEAD, presence="none"))
    refused, _ = held(rooms, join(rooms, ada, since=HEAD, presence="none"))
    rooms.leave(ada, LeaveRequest(room="chat"), 0.0)
    again = join(rooms, ada, presence="none")
    if waits:
        rooms.hold(again)
    else:
        rooms.opened(again, Opened(HEAD, None))
    with pytest.raises(Refused, match="left the room") as error:
        rooms.opened(answered, Opened(RoomPosition(epoch="e", offset=6), [b"6"]), waited)
    assert error.value.code == "not_joined"
    assert list(rooms.not_opened(refused, waited)) == []
    assert [room.name for room in rooms.rooms_of(ada)] == ["chat"]
    assert sinks(rooms.delivered("chat", 6, b"6")) == ([bob.sink] if waits else [bob.sink, ada.sink])


def test_nothing_is_delivered_in_a_room_without_sessions(rooms: Rooms) -> None:
    assert sinks(rooms.delivered("chat", 1, b"1")) == []
    assert list(rooms.restarted("chat", HEAD)) == []


def test_sessions_are_told_when_the_engine_lost_messages(rooms: Rooms) -> None:
    ada, bob = client("1"), client("2")
    rooms.opened(join(rooms, ada), Opened(HEAD, None))
    replay = join(rooms, bob, presence="none")
    rooms.hold(replay)
    rooms.delivered("chat", 6, b"of the old epoch")
    head = RoomPosition(epoch="another", offset=2)
    (push,) = rooms.restarted("chat", head)
    assert list(push.sinks) == [ada.sink]
    assert push.message == Joined(room="chat", position=head, recovered=False, replayed=0)
    assert sent(rooms.opened(replay, Opened(head, None))) == []


def began_while_held(rooms: Rooms, **fields: Any) -> tuple[room_fx.JoinReplay, Held]:
    """A session has 5 and is in the room; the room lost 6 and began again while another `join` is not answered."""
    ada = client("1")
    rooms.opened(join(rooms, ada, presence="none"), Opened(HEAD, None))
    again, waited = held(rooms, join(rooms, ada, presence="none", **fields))
    rooms.restarted("chat", at(6))
    rooms.delivered("chat", 7, b"7")
    return again, waited


def test_a_session_learns_that_messages_are_lost_before_it_is_sent_those_after_them(rooms: Rooms) -> None:
    again, waited = began_while_held(rooms, ref="again", since=HEAD)
    lost, text, joined = sent(rooms.opened(again, Opened(at(7), None), waited))
    assert lost == Joined(room="chat", position=at(6), recovered=False, replayed=0)
    assert text == b"7"
    assert joined == Joined(room="chat", position=at(7), recovered=False, replayed=0, ref="again")


def test_a_session_that_asked_for_no_answer_learns_that_messages_are_lost(rooms: Rooms) -> None:
    again, waited = began_while_held(rooms)
    lost, text = sent(rooms.opened(again, Opened(at(6), None), waited))
    assert lost == Joined(room="chat", position=at(6), recovered=False, replayed=0)
    assert text == b"7"


def test_a_session_is_told_once_that_its_room_began_again(rooms: Rooms) -> None:
    """By the answer to one `join`; the refusal of the other one does not send it back to where the room began."""
    again, waited = began_while_held(rooms, ref="again")
    other, _ = held(rooms, join(rooms, again.session, presence="none"))
    *_, joined = sent(rooms.opened(again, Opened(at(7), None), waited))
    assert joined == Joined(room="chat", position=at(7), recovered=False, replayed=0, ref="again")
    rooms.delivered("chat", 8, b"8")
    assert sent(rooms.not_opened(other, waited)) == [b"8"]


def test_a_session_that_is_replayed_its_room_is_not_told_afterwards_that_it_began_again_before(rooms: Rooms) -> None:
    again, waited = began_while_held(rooms, ref="again", since=at(6))
    joined, replay = rooms.opened(again, Opened(at(7), [b"7" * (REPLAY_BYTES + 1)]), waited)
    assert isinstance(joined, fx.Reply)
    assert isinstance(replay, room_fx.ReplayMessages)
    rooms.delivered("chat", 8, b"8")
    assert sent(rooms.replayed(replay)) == [b"8"]


def test_a_session_that_was_told_at_the_end_of_a_replay_is_not_told_again_by_a_refusal(rooms: Rooms) -> None:
    """The room began again during the replay, and another `join` is not answered until it has ended."""
    again, waited = held(rooms, join(rooms, client("1"), ref="again", since=at(1), presence="none"))
    other, _ = held(rooms, join(rooms, again.session, presence="none"))
    _, replay = rooms.opened(again, Opened(HEAD, [b"5" * (REPLAY_BYTES + 1)]), waited)
    assert isinstance(replay, room_fx.ReplayMessages)
    rooms.restarted("chat", at(6))
    assert sent(rooms.replayed(replay)) == [Joined(room="chat", position=at(6), recovered=False, replayed=0)]
    rooms.delivered("chat", 7, b"7")
    assert sent(rooms.not_opened(other, waited)) == [b"7"]


def test_an_answer_from_before_another_one_does_not_send_the_session_back(rooms: Rooms) -> None:
    """6 came between both answers. The session was sent the later one first, so that 6 is not held any more."""
    ada = client("1")
    first, waited = held(rooms, join(rooms, ada, ref="1", since=HEAD, presence="none"))
    rooms.delivered("chat", 6, b"6")
    rooms.opened(join(rooms, ada, ref="2", presence="none"), Opened(at(6), None))
    rooms.delivered("chat", 7, b"7")
    joined, text = sent(rooms.opened(first, Opened(HEAD, []), waited))
    assert joined == Joined(room="chat", position=at(6), recovered=False, replayed=0, ref="1")
    assert text == b"7"


def test_a_message_is_answered_with_its_position_where_a_reply_is_wanted(rooms: Rooms) -> None:
    ada = client("1")
    join(rooms, ada)
    for ref, reply in ((7, Sent(room="chat", position=HEAD, ref=7)), (msgspec.UNSET, None)):
        (publish,) = rooms.message(ada, MessageRequest(room="chat", data=1, ref=ref), 0.0)
        assert isinstance(publish, room_fx.PublishMessage)
        assert publish.reply(HEAD) == reply
        assert publish.ref == (7 if reply else None)


def test_a_page_of_history_is_sent_as_it_was_encoded(rooms: Rooms) -> None:
    ada = client("1")
    join(rooms, ada)
    (read,) = rooms.history(ada, HistoryRequest(room="chat", ref=1), 0.0)
    assert isinstance(read, room_fx.ReadHistory)
    reply = read.reply(HistoryPage([b'{"a": 1}'], more=True))
    assert isinstance(reply, Messages)
    assert (reply.room, reply.more, reply.ref) == ("chat", True, 1)
    assert b'{"a": 1}' in msgspec.json.encode(reply)


def test_other_gateways_are_told_each_change_of_presence(rooms: Rooms) -> None:
    ada = client("1")
    share, _ = rooms.join(ada, JoinRequest(room="chat", info={"typing": True}), 1.0)
    assert isinstance(share, room_fx.SharePresence)
    assert share.entry is not None
    assert (share.room, share.user, share.entry.connections, share.entry.since) == ("chat", "1", 1, 1000)
    assert (share.entry.name, share.entry.status, share.entry.info) == ("User 1", "online", raw({"typing": True}))
    _, share = rooms.presence(ada, PresenceRequest(room="chat", status="away"), 0.0)
    assert isinstance(share, room_fx.SharePresence)
    assert share.entry is not None
    assert share.entry.status == "away"
    share, close = rooms.leave(ada, LeaveRequest(room="chat"), 9.0)
    assert share == room_fx.SharePresence("chat", "1", None)
    assert close == room_fx.CloseRoom("chat", 9.0)
