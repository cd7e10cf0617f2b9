"""The rooms of one of several gateways: what it shares, and what its clients show."""

from __future__ import annotations

import itertools
from typing import Any

from tests.core.rooms.kit import as_read, members_listed, raw
from tidegate.core import effects as fx
from tidegate.core.budgets.ledger import Ledger
from tidegate.core.effects import Effect
from tidegate.core.rooms import effects as room_fx
from tidegate.core.rooms.entries import PresenceEntry, RemoteMember
from tidegate.core.rooms.limits import RoomLimits
from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import RoomRules
from tidegate.core.rooms.rooms import Rooms
from tidegate.core.session import Session
from tidegate_protocol import (
    Joined,
    JoinRequest,
    Member,
    PresenceDiff,
    Principal,
    RoomPosition,
)

OPEN = RoomRules("chat-*", access={"join": "anyone", "send": "anyone"})
SILENT = RoomRules("silent-*", presence=False, access={"join": "anyone", "send": "anyone"})
HEAD = RoomPosition(epoch="e", offset=0)


def rules(name: str) -> RoomRules:
    return SILENT if name.startswith("silent") else OPEN


def info_of(member: Member | None) -> Any:
    assert member is not None
    return member.info


def entry(
    connections: int = 1, status: Any = "online", since: int = 100, info: Any = None, version: int = 1
) -> PresenceEntry:
    return PresenceEntry("Remote", connections, status, since, None if info is None else raw(info), version)


class Gateway:
    """The rooms of one gateway, with what each client shows and what the gateway shares."""

    def __init__(self, ledger: Ledger | None = None) -> None:
        self.ledger = ledger or Ledger()
        self.rooms = Rooms(rules, RoomLimits(), self.ledger)
        self.now = 10.0
        self.shared: list[tuple[str, str, PresenceEntry | None]] = []
        self.closed: list[str] = []
        self.shown: dict[Any, dict[str, Member]] = {}
        """By sink."""
        self.diffs: list[PresenceDiff] = []
        self._count = itertools.count(1)

    def client(self, user: str) -> Session:
        name = f"c{next(self._count)}"
        return Session(name, f"sink {name}", Principal(id=user, name=f"User {user}", roles=[], anonymous=False))

    def join(self, user: str, room: str = "chat-1", mode: Any = "diff", **fields: Any) -> Session:
        session = self.client(user)
        self.run(self.rooms.join(session, JoinRequest(room=room, ref=1, presence=mode, **fields), self.now))
        return session

    def elsewhere(self, user: str, said: PresenceEntry | None, node: str = "n2", room: str = "chat-1") -> None:
        occupants = self.rooms.occupants
        if said is None:
            self.run(occupants.absent_elsewhere(room, node, user, self.now))
        else:
            self.run(occupants.present_elsewhere(room, RemoteMember(node, user, said), self.now))

    def members(self, *members: RemoteMember, room: str = "chat-1") -> None:
        self.run(self.rooms.occupants.members_elsewhere(room, members, self.now))

    def stands(self, standing: Any, node: str = "n2") -> None:
        self.run(self.rooms.occupants.gateway(node, standing, self.now))

    def present(self, room: str = "chat-1") -> dict[str, int]:
        """The members as a new list has them, with their connections."""
        found, _ = self.rooms._rooms[room].presence_list()
        return {member.id: member.connections for member in as_read(found).users}

    def run(self, effects: Any) -> None:
        for effect in list(effects):
            self._carry(effect)

    def _carry(self, effect: Effect) -> None:
        if isinstance(effect, room_fx.SharePresence):
            self.shared.append((effect.room, effect.user, effect.entry))
        elif isinstance(effect, room_fx.CloseRoom):
            self.closed.append(effect.room)
        elif isinstance(effect, room_fx.JoinReplay):
            self.run(self.rooms.opened(effect, Opened(HEAD, None)))
        elif isinstance(effect, fx.Reply) and isinstance(effect.message, Joined):
            users = as_read(effect.message).users
            if isinstance(users, list):
                self.shown[effect.session.sink] = {member.id: member for member in users}
        elif isinstance(effect, room_fx.ListMembers):
            for message in members_listed(effect):
                self._see(effect.session.sink, as_read(message))
        elif isinstance(effect, fx.Push):
            for sink in effect.sinks:
                self._see(sink, as_read(effect.message))

    def _see(self, sink: Any, message: Any) -> None:
        if not isinstance(message, PresenceDiff):
            self.shown[sink] = {member.id: member for member in message.users}
            return
        self.diffs.append(message)
        shown = self.shown.setdefault(sink, {})
        for member in (*message.joined, *message.changed):
            assert (member.id in shown) == (member in message.changed)
            shown[member.id] = member
        for member in message.left:
            del shown[member.id]

    def changes(self) -> list[tuple[str, str, int]]:
        """What followers were told since the last call."""
        diffs, self.diffs = self.diffs, []
        return [
            (what, member.id, member.connections)
            for diff in diffs
            for what in ("joined", "left", "changed")
            for member in getattr(diff, what)
        ]
