"""Who is connected, and what each connection costs.

`cost` is time: what the event loop took for the connection's frames, and what threads took for its reads. Of a period
it is known where `figures` was asked at its beginning.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Mapping
from operator import attrgetter, sub
from typing import NamedTuple

import msgspec

from tidegate.gateway.inspection.connected import AnyConnection, Connected, kind_of, session_of

LIMIT = 20


class Figures(NamedTuple):
    """What one connection has cost since it was opened. Times in seconds."""

    loop: float = 0.0
    reads: float = 0.0
    frames_in: int = 0
    bytes_in: int = 0
    frames_out: int = 0
    bytes_out: int = 0


NOTHING = Figures()


class ConnectionView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One connection. Times in seconds; numbers are since it was opened, or of the period that was asked for."""

    id: str
    kind: str
    """websocket, http, or handshake for one that is neither yet."""
    user: str = ""
    anonymous: bool = False
    address: str = ""
    age: float
    idle: float
    """Since the client asked for something."""
    cost: float
    loop: float
    """Of `cost`: time of the event loop."""
    reads: float
    """Of `cost`: time of the threads that read the database."""
    frames_in: int
    bytes_in: int
    frames_out: int
    bytes_out: int
    unsent: int
    """Bytes that wait for the client."""
    held: int
    """Bytes that the account of the client makes the gateway hold, over all its connections."""
    rooms: int
    subscriptions: int
    paused: bool = False
    """Nothing is read from the client at the moment."""
    worker: int = 0


CONNECTION_SORTS: Mapping[str, Callable[[ConnectionView], float]] = {
    name: attrgetter(name)
    for name in (
        "cost", "loop", "reads", "frames_in", "bytes_in", "frames_out", "bytes_out", "unsent", "held", "rooms",
        "subscriptions", "age", "idle",
    )
}  # fmt: skip
"""What connections can be sorted by, the largest first."""


def figures(connected: Connected) -> dict[str, Figures]:
    """What each connection has cost until now, by id."""
    return {connection.id: _figures(connection, connected) for connection in connected}


def connections(
    connected: Connected,
    *,
    sort: str = "cost",
    limit: int = LIMIT,
    user: str | None = None,
    address: str | None = None,
    before: Mapping[str, Figures] | None = None,
) -> list[ConnectionView]:
    """The first `limit` connections by `sort`, one of CONNECTION_SORTS; of one user or address where it is given.

    `before`: what `figures` returned at the beginning of the period to show. One that is new has cost nothing before.
    """
    views = (_view(connection, connected, before) for connection in connected if _wanted(connection, user, address))
    return heapq.nlargest(limit, views, key=CONNECTION_SORTS[sort])


def _wanted(connection: AnyConnection, user: str | None, address: str | None) -> bool:
    if address is not None and connection.peer.address != address:
        return False
    if user is None:
        return True
    session = session_of(connection)
    return session is not None and session.user.id == user


def _figures(connection: AnyConnection, connected: Connected) -> Figures:
    tally = connection.tally
    return Figures(
        tally.seconds,
        connected.spent.of(connection.id),
        tally.frames_in,
        tally.bytes_in,
        tally.frames_out,
        tally.bytes_out,
    )


def _view(connection: AnyConnection, connected: Connected, before: Mapping[str, Figures] | None) -> ConnectionView:
    was = NOTHING if before is None else before.get(connection.id, NOTHING)
    spent = Figures(*map(sub, _figures(connection, connected), was))
    session, protocol = session_of(connection), connected.gateway.sessions.protocol
    write_side = getattr(connection, "write_side", None)
    moment = connected.now()
    return ConnectionView(
        id=connection.id,
        kind=kind_of(connection),
        user="" if session is None else session.user.id,
        anonymous=session is not None and session.user.anonymous,
        address=connection.peer.address,
        age=round(moment - connection.tally.began, 3),
        idle=round(moment - connection.used, 3),
        cost=round(spent.loop + spent.reads, 6),
        loop=round(spent.loop, 6),
        reads=round(spent.reads, 6),
        frames_in=spent.frames_in,
        bytes_in=spent.bytes_in,
        frames_out=spent.frames_out,
        bytes_out=spent.bytes_out,
        unsent=0 if write_side is None else write_side.unsent,
        held=0 if session is None else connected.gateway.ledger.of_account(session.account),
        rooms=0 if session is None else protocol.rooms.occupants.memberships.count(session),
        subscriptions=0 if session is None else len(protocol.rows.subscriptions.of(session)),
        paused=write_side is not None and bool(write_side.paused_by),
    )
