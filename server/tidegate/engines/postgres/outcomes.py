"""What follows from a wish that the database carried out: its caller is answered, and an own message is delivered.

It waits for nothing. Invariant: the caller of a wish has its answer when `came` returns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, cast

from tidegate.engines import texts
from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.postgres.news import News
from tidegate.engines.postgres.rooms import OpenRooms
from tidegate.engines.postgres.wishes import FORGET, MESSAGE, PRESENCE, Wish, conflict
from tidegate_protocol import RoomPosition


def came(
    wish: Wish, outcome: Sequence[str], now: int, rooms: OpenRooms | None, news: News, occupancy: OwnOccupancy
) -> None:
    """`outcome`: the words of the database for `wish`. `now`: its time, in milliseconds."""
    if wish.kind == MESSAGE:
        if outcome[0] == "c":
            wish.fail(conflict())
            return
        position = RoomPosition(epoch=outcome[1], offset=int(outcome[2]))
        if outcome[0] == "m" and rooms is not None and wish.room in rooms:
            text = texts.whole(wish.parts, position.epoch, position.offset, now)
            if rooms.published(wish.room, position.epoch, position.offset, text, news.reads):
                news.wake()
        wish.succeed(position)
    elif wish.kind == PRESENCE:
        change = cast(Literal["occupied", "vacated"], outcome[0]) if outcome[0] in {"occupied", "vacated"} else None
        occupancy.took(wish.room, wish.who, present=wish.parts.size > 0)
        if outcome[0] == "open":
            occupancy.left_open(wish.room)
        occupancy.came(wish.room, change, wish.answer)
    elif wish.kind == FORGET:
        if rooms is not None:
            rooms.forgotten(wish.room, outcome[1])
        wish.succeed(None)
