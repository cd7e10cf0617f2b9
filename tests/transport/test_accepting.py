"""How connections are accepted: they are counted before they are made, and each has a context of variables."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack
from contextvars import ContextVar
from typing import cast

from tests.support.waiting import until
from tidegate.transport.accepting import IN_A_TURN, Acceptor, listening

NAME: ContextVar[int] = ContextVar("name", default=0)


class Line(asyncio.Protocol):
    """Notes each connection that is made, and how often something was received in its context."""

    made: list[Line]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # no subclass of it with uvloop
        self.heard = 0
        self.made.append(self)

    def data_received(self, data: bytes) -> None:
        NAME.set(NAME.get() + 1)
        self.heard = NAME.get()


async def test_what_is_accepted_in_one_turn_has_its_places_before_it_is_made() -> None:
    made: list[Line] = []
    places, refused = IN_A_TURN - 3, 0

    def has_room(coming: int) -> bool:
        nonlocal refused
        room = len(made) + coming < places
        refused += not room
        return room

    with ExitStack() as closing:
        sockets = listening([(socket.AF_INET, ("127.0.0.1", 0))])
        clients = [
            closing.enter_context(socket.create_connection(sockets[0].getsockname())) for _ in range(IN_A_TURN + 3)
        ]
        acceptor = Acceptor(sockets, type("Kind", (Line,), {"made": made}), has_room)
        closing.callback(acceptor.close)
        await until(lambda: refused and len(made) >= places)
        assert len(made) == places < len(clients)
        for client in clients:
            client.sendall(b"x")
        await until(lambda: all(line.heard for line in made))
        assert [line.heard for line in made] == [1] * places, "what one connection sets, the others do not see"
        for line in made:
            line.transport.close()
        await asyncio.sleep(0)
