"""Random histories of members: every follower always shows exactly who is there.

A model says who is present: a user with a connection in the room, or with one that ended less than its grace time ago
and that no later connection has taken the place of.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from msgspec import UNSET

from tests.core.rooms.kit import as_read, members_listed
from tidegate.core import effects as fx
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.identities import VerifiedIdentity
from tidegate.core.protocol import Protocol, SessionLimits
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.ghosts import GRACE_S, RELOAD_GRACE_S
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import Held, RoomRules
from tidegate.core.rows.feed_cursor import FeedCursor
from tidegate.core.session import Session
from tidegate_protocol import (
    JoinRequest,
    LeaveRequest,
    Left,
    Member,
    PresenceDiff,
    PresenceRequest,
    Principal,
    RoomPosition,
)

USERS = "abcd"
GRACE = {None: GRACE_S, 1001: RELOAD_GRACE_S, 1000: 0.0, 1005: 0.0, 4000: 0.0}


class History:
    """One room, its clients, and the model."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        rules = RoomRules("room", access={"join": "anyone", "send": "anyone"})
        self.ledger = Ledger()
        self.protocol = Protocol({}, {"room": rules}.get, FeedCursor("e", 0), SessionLimits(), self.ledger)
        self.now = 0.0
        self.count = 0
        self.inside: dict[Session, dict[str, Any]] = {}
        """The sessions in the room, with what each said."""
        self.ghosts: list[tuple[str, float]] = []
        """The users of connections that ended, and until when each stands for its user."""
        self.seen: dict[Any, dict[str, Member]] = {}
        """What each client shows, by its sink."""
        self.mode: dict[Session, str] = {}
        """How each client follows presence, as of its last `join` that was not refused."""
        self.unanswered: list[tuple[room_fx.JoinReplay, Held]] = []

    def step(self) -> None:
        inside = list(self.inside)
        of_all = [self.join, self.join, self.answer, self.wait]
        action = self.random.choice([*of_all, self.end, self.become, self.say, self.leave])
        if action in of_all:
            action(None)
        elif inside:
            action(self.random.choice(inside))

    def join(self, _: Session | None) -> None:
        again = self.inside and self.random.random() < 0.2
        if again:
            session = self.random.choice(list(self.inside))
        else:
            self.count += 1
            user = self.random.choice(USERS)
            session = Session(f"c{self.count}", f"sink-{self.count}", self.principal(user))
            self.take_ghost(user)
        about = self.about()
        mode: Any = self.random.choice(["full", "diff", "full", "diff", "none"])
        request = JoinRequest(room="room", ref=self.random.choice((1, UNSET)), presence=mode, **about)
        self.inside[session] = {**self.inside.get(session, {}), **about}
        self.carry(self.protocol.receive(session, request, self.now))

    def answer(self, _: Session | None) -> None:
        """The engine answers one of the `join`s that it did not answer at once, or refuses it."""
        if self.unanswered:
            join, held = self.unanswered.pop(self.random.randrange(len(self.unanswered)))
            self.answered(join, held)

    def say(self, session: Session | None) -> None:
        assert session is not None
        about = self.about()
        self.inside[session].update(about)
        self.carry(self.protocol.receive(session, PresenceRequest(room="room", **about), self.now))

    def leave(self, session: Session | None) -> None:
        assert session is not None
        del self.inside[session]
        self.seen.pop(session.sink, None)
        self.carry(self.protocol.receive(session, LeaveRequest(room="room"), self.now))

    def end(self, session: Session | None) -> None:
        assert session is not None
        code = self.random.choice(list(GRACE))
        del self.inside[session]
        self.seen.pop(session.sink, None)
        if GRACE[code]:
            self.ghosts.append((session.user.id, self.now + GRACE[code]))
        self.carry(self.protocol.ended(session, code, self.now))

    def become(self, session: Session | None) -> None:
        assert session is not None
        user = self.random.choice(USERS)
        principal = self.principal(user)
        if user != session.user.id:
            self.take_ghost(user)
        self.carry(self.protocol.identified(session, None, VerifiedIdentity(principal, None), self.now))

    def wait(self, _: Session | None) -> None:
        self.now += self.random.choice([0.05, 0.5, 3.0])
        self.ghosts = [(user, end) for user, end in self.ghosts if end > self.now]
        self.carry(self.protocol.tick(self.now))

    def principal(self, user: str) -> Principal:
        name = f"{user}{self.random.randrange(2)}"
        return Principal(id=user, name=name, roles=[], anonymous=False)

    def about(self) -> dict[str, Any]:
        about: dict[str, Any] = {}
        if self.random.random() < 0.4:
            about["status"] = self.random.choice(["online", "away"])
        if self.random.random() < 0.4:
            about["info"] = {"at": self.count, "n": self.random.randrange(100)}
        return about

    def take_ghost(self, user: str) -> None:
        own = [ghost for ghost in self.ghosts if ghost[0] == user]
        if own:
            self.ghosts.remove(min(own, key=lambda ghost: ghost[1]))

    def carry(self, effects: Any) -> None:
        """What the gateway does, with an engine that answers at once, later or in another order."""
        for effect in effects:
            if isinstance(effect, room_fx.JoinReplay):
                if self.random.random() < 0.4:
                    self.unanswered.append((effect, self.protocol.rooms.hold(effect)))
                else:
                    self.answered(effect, None)
            elif isinstance(effect, fx.Reply):
                self.hear(effect.session.sink, effect.message)
            elif isinstance(effect, room_fx.ListMembers):
                for message in members_listed(effect):
                    self.hear(effect.session.sink, message)
            elif isinstance(effect, fx.Push):
                for sink in effect.sinks:
                    self.hear(sink, effect.message)

    def answered(self, join: room_fx.JoinReplay, held: Held | None) -> None:
        session, room = join.session, join.room
        there = room.goes_on(session, held)
        if self.random.random() < 0.3:
            self.carry(self.protocol.rooms.not_opened(join, held))
            if there and session not in room.sessions:
                del self.inside[session]
                self.seen.pop(session.sink, None)
        elif there:
            self.mode[session] = join.mode
            self.carry(self.protocol.rooms.opened(join, Opened(RoomPosition(epoch="e", offset=0), None), held))

    def hear(self, sink: Any, message: Any) -> None:
        message = as_read(message)
        users = getattr(message, "users", UNSET)
        if users is not UNSET:
            self.seen[sink] = {member.id: member for member in users}
        elif isinstance(message, PresenceDiff):
            members = self.seen[sink]
            for member in message.left:
                assert members.pop(member.id).id == member.id, "who leaves was there"
            for member in message.joined:
                assert member.id not in members, "who joins was not there"
                members[member.id] = member
            for member in message.changed:
                assert members[member.id] != member, "something has changed"
                members[member.id] = member
        assert not isinstance(message, Left)

    def check(self) -> None:
        rooms = self.protocol.rooms._rooms
        members = {member.id: as_read(member) for member in rooms["room"].presence.members()} if rooms else {}
        live = Counter(session.user.id for session in self.inside)
        kept = Counter(user for user, _ in self.ghosts)
        assert {user: member.connections for user, member in members.items()} == dict(live + kept)
        for user, member in members.items():
            said = [about for session, about in self.inside.items() if session.user.id == user]
            if not kept[user]:
                online = any(about.get("status", "online") == "online" for about in said)
                assert member.status == ("online" if online else "away")
                assert (member.info or None) in [None, *(about.get("info") for about in said)]
        waits = bool(rooms and rooms["room"].unlisted)
        for session in self.inside:
            if session in rooms["room"].held:
                continue
            if self.mode[session] == "diff" or (self.mode[session] == "full" and not waits):
                assert self.seen[session.sink] == members


@pytest.mark.parametrize("seed", range(25))
def test_every_follower_shows_who_is_there(seed: int) -> None:
    history = History(seed)
    for _ in range(250):
        history.step()
        history.check()
    for session in list(history.inside):
        history.carry(history.protocol.ended(session, 1000, history.now))
        del history.inside[session]
        history.seen.pop(session.sink, None)
    history.carry(history.protocol.tick(history.now + GRACE_S))
    assert not history.protocol.rooms._rooms
    assert not history.protocol.rooms._memberships._of
    assert history.ledger.total == 0
    assert not history.protocol.rooms.occupants._ghosts._of_user
