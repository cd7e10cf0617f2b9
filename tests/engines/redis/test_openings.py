"""When a session that joins is answered, and with what: nothing may be left out between its head and what is live."""

from __future__ import annotations

import asyncio

from tidegate.core.rooms.ports import Opened
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.redis.followed import FollowedRoom, Opening
from tidegate_protocol import RoomPosition


def at(offset: int, epoch: str = "e") -> RoomPosition:
    return RoomPosition(epoch=epoch, offset=offset)


def opening(since: RoomPosition | None) -> Opening:
    return Opening(since, asyncio.get_running_loop().create_future())


async def test_a_room_that_went_live_after_the_answer_is_read_on_from_the_answer() -> None:
    """A second question overtook the first, whose answer had an older head: no message in between was delivered."""
    room, joining = FollowedRoom(RoomRules("*"), b"c"), opening(at(3))
    room.openings.append(joining)
    joining.take(at(4), [b"4"])
    assert room.settle(at(6), at(6)) == [(joining, at(4))]
    assert not joining.answer.done()
    joining.take(at(6), [b"5", b"6"])
    assert room.settle(at(6), at(6)) == []
    assert joining.answer.result() == Opened(at(6), [b"4", b"5", b"6"])


async def test_a_session_that_cannot_recover_begins_where_the_room_is_live() -> None:
    room, joining = FollowedRoom(RoomRules("*"), b"c"), opening(at(3, "old"))
    room.openings.append(joining)
    joining.take(at(0), None)
    assert room.settle(at(1), at(1)) == []
    assert joining.answer.result() == Opened(at(1), None)


async def test_messages_that_were_delivered_since_the_answer_need_no_reading() -> None:
    room, joining = FollowedRoom(RoomRules("*"), b"c"), opening(at(3))
    room.openings.append(joining)
    joining.take(at(4), [b"4"])
    assert room.settle(at(6), at(4)) == []
    assert joining.answer.result() == Opened(at(4), [b"4"])
