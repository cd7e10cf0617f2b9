"""The streams of events (SSE) of this gateway, and the messages that clients send for them in requests.

A stream is a connection with a session like that of a WebSocket: `connected`, `received` and all else go to the same
handler. Here is what only streams have: an id, by which a request finds its stream. An id is a secret of 128 bits, but
it stands in paths, which proxies write into logs: it is good only with a token of the user who has the session.
A page that is left may end its stream after its browser has cut the connection, so the last moments are kept in mind.
Invariant: a stream is here from before its first event until its connection has ended, and as a dropped one only while
its session stands for its user in a room.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from tidegate.core.errors import Refused
from tidegate.core.rooms.ghosts import GRACE_S
from tidegate.core.session import Session
from tidegate.gateway.http.proofs import token_of
from tidegate.gateway.sessions import SessionHandler
from tidegate.transport import Connection, ConnectionContext, EventStream, Exchange, Response, Sink
from tidegate_protocol import Goodbye

EVENTS = Response(
    200,
    {
        "Content-Type": "text/event-stream",
        "Cache-Control": "no-store",
        "X-Accel-Buffering": "no",  # nginx would gather the events
    },
)
GOODBYE = b'{"type":"goodbye",'
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode

StreamOutcome = Literal["taken", "full", "ended", "foreign"]
"""Of what a client asks of its stream. `ended`: there is no such stream; `foreign`: it is another user's."""


class _Open:
    """A stream."""

    __slots__ = ("connection", "opener")

    def __init__(self, connection: EventStream, opener: str) -> None:
        self.connection = connection
        self.opener = opener
        """The id of the user who opened it. It may `authenticate` as another one later."""


class Streams:
    """Implements `transport.ConnectionHandler` for streams. `node`: names this gateway among others."""

    def __init__(self, handler: SessionHandler, node: Callable[[], str]) -> None:
        self._handler = handler
        self._node = node
        self._open: dict[str, _Open] = {}
        self._dropped: dict[str, tuple[Session, str]] = {}
        """The sessions of streams whose connection broke, while their client may come back, and who opened them."""

    def __len__(self) -> int:
        return len(self._open)

    def open(self, exchange: Exchange) -> None:
        """Make the connection of a request a stream."""
        identifier = f"{self._node()}.{secrets.token_hex(16)}"

        def make(context: ConnectionContext) -> EventStream:
            stream = EventStream(context, self, exchange.id, identifier, _retry_after)
            self._open[identifier] = _Open(stream, "")
            return stream

        refused = exchange.hand_over(EVENTS, token_of(exchange), make)
        if refused is not None:
            exchange.respond(refused)
        else:
            exchange.sink = self.sink(identifier)

    def has(self, identifier: str) -> bool:
        """Whether the stream is one of this gateway."""
        return identifier in self._open

    def sink(self, identifier: str) -> Sink | None:
        """Where the answers to messages of a stream go."""
        opened = self._open.get(identifier)
        return None if opened is None else opened.connection.write_side

    def deliver(self, identifier: str, user: str, messages: Sequence[bytes]) -> StreamOutcome:
        """What `user` says on a stream."""
        found = self._found(identifier, user)
        return found if isinstance(found, str) else found.deliver(messages)

    def leave(self, identifier: str, user: str) -> StreamOutcome:
        """`user` ends a stream."""
        if identifier in self._dropped:
            return self._leave_late(identifier, user)
        found = self._found(identifier, user)
        return found if isinstance(found, str) else found.leave()

    def _leave_late(self, identifier: str, user: str) -> StreamOutcome:
        """As `leave`, of a stream whose connection is gone."""
        session, opener = self._dropped[identifier]
        if user not in {opener, session.user.id}:
            return "foreign"
        del self._dropped[identifier]
        self._handler.done(session)
        return "taken"

    def _found(self, identifier: str, user: str) -> EventStream | Literal["ended", "foreign"]:
        opened = self._open.get(identifier)
        session: Session | None = None if opened is None else opened.connection.session
        if opened is None or session is None:
            return "ended"
        return opened.connection if user in {opened.opener, session.user.id} else "foreign"

    # -- transport.ConnectionHandler --------------------------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        self._handler.connected(connection)
        assert isinstance(connection, EventStream)
        self._open[connection.identifier].opener = connection.session.user.id

    def received(self, connection: Connection, payload: bytes) -> None:
        self._handler.received(connection, payload)

    def received_binary(self, connection: Connection) -> None:
        """A stream carries text alone."""

    def anonymous(self, connection: Connection) -> bool:
        return self._handler.anonymous(connection)

    async def settled(self, deadline: float) -> None:
        await self._handler.settled(deadline)

    def disconnected(self, connection: Connection, code: int | None) -> None:
        assert isinstance(connection, EventStream)
        opened = self._open.pop(connection.identifier, None)
        self._handler.disconnected(connection, code)
        if opened is not None and self._handler.stands(connection.session):
            self._dropped[connection.identifier] = connection.session, opened.opener
            asyncio.get_running_loop().call_later(GRACE_S, self._dropped.pop, connection.identifier, None)


def messages_in(body: bytes) -> Sequence[bytes]:
    """The messages in the body of a request: one, or several in an array. Raises Refused(invalid_json)."""
    try:
        if not body.isascii():
            body.decode()
        if not body.lstrip(b" \t\r\n").startswith(b"["):
            return [body]
        return [bytes(each) for each in _split(body)]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("invalid_json", f"not JSON: {error}") from None


def _retry_after(frame: bytes) -> Mapping[str, float] | None:
    """The seconds after which the frame of a `goodbye` asks its client to come back."""
    at = frame.find(GOODBYE, 0, 12 + len(GOODBYE))
    if at < 0:
        return None
    seconds = msgspec.json.decode(frame[at:], type=Goodbye).retry_after
    return None if seconds is msgspec.UNSET else {"retry_after": seconds}
