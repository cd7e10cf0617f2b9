"""Who joins and leaves a room is told to the listener, in the moment, and by name of the session."""

from __future__ import annotations

from typing import Any

from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.membership_listener import MembershipListener, NoListener
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import Room, RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.session import Session
from tidegate_protocol import JoinRequest, LeaveRequest, Principal, RoomPosition

RULES = {
    "chat-1": RoomRules("chat-*", access={"join": "anyone"}),
    "members": RoomRules("members", presence=False, access={"join": "authenticated"}),
}
OPENED = Opened(RoomPosition(epoch="e", offset=0), None)


class Told:
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, str]] = []

    def joined(self, session: Session, room: Room) -> None:
        self.told.append(("joined", session.user.id, room.name))

    def left(self, session: Session, room: Room) -> None:
        self.told.append(("left", session.user.id, room.name))


def client(user: str) -> Session:
    return Session(f"c-{user}", object(), Principal(id=user, name=user, roles=[], anonymous=False))


def join(protocol: Protocol, session: Session, room: str) -> room_fx.JoinReplay:
    effects = protocol.receive(session, JoinRequest(room=room), 0.0)
    (replay,) = [effect for effect in effects if isinstance(effect, room_fx.JoinReplay)]
    return replay


def watched() -> tuple[Protocol, Told]:
    told: Any = Told()
    protocol = Protocol({}, RULES.get, FeedCursor("e", 0), SessionLimits())
    protocol.rooms.occupants.listener = told
    return protocol, told


def test_a_session_has_joined_when_the_engine_has_answered_and_left_at_its_leave() -> None:
    protocol, listener = watched()
    ada = client("ada")
    replay = join(protocol, ada, "chat-1")
    assert listener.told == []
    protocol.rooms.opened(replay, OPENED)
    assert listener.told == [("joined", "ada", "chat-1")]
    protocol.receive(ada, LeaveRequest(room="chat-1"), 1.0)
    assert listener.told[1:] == [("left", "ada", "chat-1")]


def test_a_session_that_ends_or_is_not_let_in_leaves() -> None:
    protocol, listener = watched()
    ada, bob = client("ada"), client("bob")
    for room in RULES:
        protocol.rooms.opened(join(protocol, ada, room), OPENED)
    listener.told.clear()
    protocol.ended(ada, None, 1.0)
    assert sorted(listener.told) == [("left", "ada", "chat-1"), ("left", "ada", "members")], "at once, before the grace"
    listener.told.clear()
    protocol.rooms.not_opened(join(protocol, bob, "chat-1"))
    assert listener.told == [("left", "bob", "chat-1")]


def test_a_user_that_may_not_stay_leaves_as_it_was() -> None:
    protocol, listener = watched()
    ada = client("ada")
    protocol.rooms.opened(join(protocol, ada, "members"), OPENED)
    protocol.rooms.change_user(ada, Principal(id="anon-1", name="x", roles=[], anonymous=True), {}, 1.0)
    assert listener.told[1:] == [("left", "ada", "members")]


def test_without_a_watch_nothing_is_told() -> None:
    listener: MembershipListener = NoListener()
    room = Room("chat-1", RULES["chat-1"])
    listener.joined(client("ada"), room)
    listener.left(client("ada"), room)
