"""Faults for the cluster of gateways: each breaks one promise, and simulated histories have to find it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest

from tidegate.core.rooms.room import Room
from tidegate.core.rooms.rooms import Rooms
from tidegate.engines.following import Following
from tidegate.engines.hub.members import MembersOfRooms
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.redis import lua
from tidegate.engines.redis.attendance import Attendance
from tidegate.engines.redis.followed import Opening
from tidegate.engines.redis.nodes import Nodes
from tidegate_protocol import RoomPosition

Patch = pytest.MonkeyPatch


def _changed(patch: Patch, script: lua.Script, old: str, new: str) -> None:
    source = script.source.replace(old.encode(), new.encode())
    assert source != script.source
    patch.setattr(script, "source", source)
    patch.setattr(script, "sha", hashlib.sha1(source, usedforsecurity=False).hexdigest().encode())


def a_gap_is_not_seen(patch: Patch) -> None:
    arrived = Following.arrived

    def deaf(self: Following, room: str, epoch: str, offset: int, text: bytes) -> Any:
        followed = self._rooms.get(room)
        if followed is not None and followed.epoch is not None and offset > followed.offset + 1:
            followed.epoch, followed.offset = epoch, offset - 1
        return arrived(self, room, epoch, offset, text)

    patch.setattr(Following, "arrived", deaf)


def nothing_is_asked_after_a_lost_connection(patch: Patch) -> None:
    patch.setattr(Following, "again", lambda self: [])


def another_server_counts_as_the_same(patch: Patch) -> None:
    for script in (lua.PUBLISH, lua.OPEN):
        _changed(patch, script, "known[3] ~= ARGV[1]", "false")


def a_key_is_forgotten(patch: Patch) -> None:
    _changed(patch, lua.PUBLISH, "elseif ARGV[9] ~= '' then", "elseif false then")


def a_clients_position_counts_as_the_gateways(patch: Patch) -> None:
    _changed(patch, lua.OPEN, "(epoch == ARGV[3] and head < tonumber(ARGV[4]))", "head < tonumber(ARGV[8])")
    _changed(patch, lua.OPEN, "ARGV[7] == epoch and at <= head", "ARGV[7] == epoch")


def a_session_begins_at_the_first_answer(patch: Patch) -> None:
    settle = Opening.settle

    def hasty(self: Opening, position: RoomPosition, began: RoomPosition) -> Any:
        return settle(self, self.head or position, RoomPosition(epoch=began.epoch, offset=0))

    patch.setattr(Opening, "settle", hasty)


def presence_is_not_said_again(patch: Patch) -> None:
    patch.setattr(Attendance, "write_all", lambda self: None)


def changes_without_a_caller_are_told_to_none(patch: Patch) -> None:
    came = OwnOccupancy.came

    def silent(self: OwnOccupancy, room: str, change: Any, answer: Any = None) -> None:
        if answer is not None:
            came(self, room, change, answer)

    patch.setattr(OwnOccupancy, "came", silent)


def the_dead_are_not_buried(patch: Patch) -> None:
    async def nothing(self: Nodes, node: str) -> None:
        del self._burials[node]

    patch.setattr(Nodes, "_bury", nothing)


def a_name_is_kept_where_words_were_lost(patch: Patch) -> None:
    patch.setattr(Nodes, "let_go", lambda self: None)
    patch.setattr(Nodes, "rename", lambda self: self.beat())


def members_of_a_lost_worker_stay(patch: Patch) -> None:
    patch.setattr(MembersOfRooms, "leaving", lambda self, node: None)


def lost_messages_are_not_told(patch: Patch) -> None:
    patch.setattr(Rooms, "restarted", lambda self, name, head: [])


def messages_come_before_the_answer(patch: Patch) -> None:
    patch.setattr(Rooms, "hold", lambda self, join: None)


def an_answer_counts_for_the_next_membership(patch: Patch) -> None:
    patch.setattr(Room, "goes_on", lambda self, session, held: session in self.sessions)


FAULTS: dict[str, Callable[[Patch], None]] = {
    function.__name__.replace("_", " "): function
    for function in (
        a_gap_is_not_seen,
        nothing_is_asked_after_a_lost_connection,
        another_server_counts_as_the_same,
        a_key_is_forgotten,
        a_clients_position_counts_as_the_gateways,
        a_session_begins_at_the_first_answer,
        presence_is_not_said_again,
        changes_without_a_caller_are_told_to_none,
        the_dead_are_not_buried,
        a_name_is_kept_where_words_were_lost,
        members_of_a_lost_worker_stay,
        lost_messages_are_not_told,
        messages_come_before_the_answer,
        an_answer_counts_for_the_next_membership,
    )
}
