"""A page of a room's history."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Sequence

from tidegate.core.rooms.history import PAGE_BYTES
from tidegate.core.rooms.ports import Answer, HistoryPage, Ready
from tidegate.core.rooms.room import RoomRules
from tidegate.engines.postgres import values
from tidegate.engines.postgres.link import Link
from tidegate.engines.postgres.open_room import kept, milliseconds
from tidegate.engines.postgres.values import Row
from tidegate.engines.postgres.wishes import unavailable


def page(
    link: Link, statement: str, room: str, rules: RoomRules, before: int | None, limit: int
) -> Answer[HistoryPage]:
    """As `Engine.history`."""
    if not kept(rules):
        return Ready(HistoryPage((), False))
    answer: Future[HistoryPage] = get_running_loop().create_future()

    def done(rows: Sequence[Row] | Exception) -> None:
        if answer.done():
            return
        if isinstance(rows, Exception):
            answer.set_exception(unavailable())
            return
        found = [body or b"" for body, _ in reversed(rows)]
        answer.set_result(HistoryPage(found, bool(rows) and rows[0][1] == values.TRUE))

    limits = [
        values.int8(kept(rules)),
        values.int8(milliseconds(rules)),
        None if before is None else values.int8(before),
        values.int8(limit),
        values.int8(PAGE_BYTES),
    ]
    link.ask(statement, [room.encode(), *limits], done)
    return answer
