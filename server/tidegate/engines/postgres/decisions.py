"""Asks what is to be told about rooms after the database lost everything, once gateways have said what they know.

Several gateways may ask about a room; the database gives what is to be told to one of them.
Invariant: each room of `OwnOccupancy.to_decide` is asked for until the database has answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice
from typing import Literal, cast

from tidegate.engines.occupancy import OwnOccupancy
from tidegate.engines.postgres.wishes import DECIDE, Wish

UNANSWERED = 256
"""Questions that are under way at a time."""
WAIT = "w"
"""Other gateways may still say something: the room is asked for again."""


class Decisions:
    """Of one gateway."""

    def __init__(self, occupancy: OwnOccupancy, say: Callable[[Wish], None]) -> None:
        self._occupancy = occupancy
        self._say = say
        self._under_way: set[str] = set()

    def ask(self) -> None:
        """To be called every now and then."""
        rooms = (room for room in self._occupancy.to_decide() if room not in self._under_way)
        for room in islice(rooms, UNANSWERED - len(self._under_way)):
            wish = Wish(DECIDE, room)
            answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(partial(self._answered, room))
            wish.answer = answer
            self._under_way.add(room)
            self._say(wish)

    def came(self, wish: Wish, outcome: Sequence[str]) -> None:
        """`outcome`: the words of the database."""
        word = outcome[0]
        if word != WAIT:
            change = cast(Literal["occupied", "vacated"], word) if word in {"occupied", "vacated"} else None
            self._occupancy.decided(wish.room, change)
        wish.succeed(None)

    def _answered(self, room: str, answer: asyncio.Future[None]) -> None:
        self._under_way.discard(room)
        if not answer.cancelled():
            answer.exception()  # it is asked again
