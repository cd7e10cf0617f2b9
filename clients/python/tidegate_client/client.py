"""The client as a program sees it: requests, rooms, live queries, resources. `connect` makes one.

It puts the parts together; each ability lives in the module of its name.
Invariant: nothing here waits or sends by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, overload

import msgspec

from tidegate_protocol import (
    REPLIES,
    SERVER_MESSAGES,
    Authenticated,
    AuthenticateRequest,
    CreateRequest,
    DeleteRequest,
    GetRequest,
    HistoryRequest,
    Joined,
    JoinRequest,
    LeaveRequest,
    Left,
    ListRequest,
    MessageRequest,
    Messages,
    PingRequest,
    Pong,
    PresenceList,
    PresenceRequest,
    Sent,
    Subscribed,
    SubscribeRequest,
    Unsubscribed,
    UnsubscribeRequest,
    UpdateRequest,
)
from tidegate_protocol import Rows as RowsReply

from .announcements import Status
from .client_rows import RowsClient
from .errors import TidegateError
from .json_values import plain
from .link import Link
from .models import User
from .options import Options
from .outstanding import WRITES, reading
from .parts import Parts
from .positions import Position, room_position
from .queries import Queries
from .room import Room
from .rooms import Presence, Rooms
from .streams import Overflow, Stream, capacity_of
from .wire import read_as

__all__ = ["Client"]

DataT = TypeVar("DataT")
RowsRequest = ListRequest | GetRequest | CreateRequest | UpdateRequest | DeleteRequest


class Client(RowsClient):
    """A client of one gateway, connected until `close`. `connect` makes it."""

    def __init__(self, options: Options) -> None:
        self._link = Link(options)
        self._rooms = Rooms(self._link)
        self._queries = Queries(self._link)
        self._link.parts = (self._rooms, self._queries)
        self._options = options

    @property
    def user(self) -> User:
        """The user that the gateway takes this client for."""
        return self._link.identity.user

    @property
    def identity(self) -> str | None:
        """What makes an anonymous client the same user again, with `connect(identity=...)`. Keep it like a password."""
        return self._link.identity.anonymous

    @property
    def status(self) -> Status:
        """ "connecting", "open", "reconnecting" or "closed"."""
        return self._link.announcements.status

    @property
    def welcome(self) -> Mapping[str, Any]:
        """The present (or last) connection's `welcome`: connection, limits, contract, heartbeat."""
        return self._link.welcome

    def statuses(self) -> Stream[Status]:
        """What `status` becomes, from now on.

        Example:
            async for status in client.statuses():
                print("the connection is", status)
        """
        return self._link.announcements.statuses()

    def pushes(self, kind: str) -> Stream[dict[str, Any]]:
        """Messages of one type that answer no request: those of the application, or "error" without a ref."""
        return self._link.announcements.pushes(kind)

    @overload
    async def request(self, message: Mapping[str, Any], *, repeat: bool | None = None) -> dict[str, Any]: ...
    @overload
    async def request(self, message: AuthenticateRequest, *, repeat: bool | None = None) -> Authenticated: ...
    @overload
    async def request(self, message: JoinRequest, *, repeat: bool | None = None) -> Joined: ...
    @overload
    async def request(self, message: LeaveRequest, *, repeat: bool | None = None) -> Left: ...
    @overload
    async def request(self, message: MessageRequest, *, repeat: bool | None = None) -> Sent: ...
    @overload
    async def request(self, message: PresenceRequest, *, repeat: bool | None = None) -> PresenceList: ...
    @overload
    async def request(self, message: HistoryRequest, *, repeat: bool | None = None) -> Messages: ...
    @overload
    async def request(self, message: SubscribeRequest, *, repeat: bool | None = None) -> Subscribed: ...
    @overload
    async def request(self, message: UnsubscribeRequest, *, repeat: bool | None = None) -> Unsubscribed: ...
    @overload
    async def request(self, message: RowsRequest, *, repeat: bool | None = None) -> RowsReply: ...
    @overload
    async def request(self, message: PingRequest, *, repeat: bool | None = None) -> Pong: ...
    @overload
    async def request(self, message: msgspec.Struct, *, repeat: bool | None = None) -> Any: ...
    async def request(self, message: Mapping[str, Any] | msgspec.Struct, *, repeat: bool | None = None) -> Any:
        """Send one message and return its reply: a dict for a dict, the generated reply Struct for a request Struct.

        A mutation gets an idempotency `key` if it has none. While the connection is broken, requests wait for the next
        one. A request that may be sent twice (a read, or a mutation by its key) is sent again; any other that was under
        way raises a retryable ConnectionLost. `repeat` overrides that for messages of the application.
        Raises RequestRefused, RequestTimeout, ConnectionLost, ConnectionRefused, ClientClosed.

        Example:
            reply = await client.request({"type": "list", "resource": "users"})
        """
        wire = _wire(message)
        wire.pop("ref", None)
        kind = wire["type"]
        if kind in WRITES:
            wire.setdefault("key", uuid.uuid4().hex)
        reply = await self._link.request(wire, repeat=repeat)
        model = SERVER_MESSAGES.get(REPLIES.get(kind, ""))
        return reply if model is None or isinstance(message, Mapping) else read_as(reply, model)

    @overload
    def stream(self, message: Mapping[str, Any] | msgspec.Struct, *, model: type[DataT]) -> Parts[DataT]: ...
    @overload
    def stream(self, message: Mapping[str, Any] | msgspec.Struct, *, model: None = None) -> Parts[Any]: ...
    def stream(self, message: Mapping[str, Any] | msgspec.Struct, *, model: Any = None) -> Parts[Any]:
        """Send one message of the application whose answer comes in parts, and iterate over them.

        `model`: a Struct to convert the parts to. `await stream.reply()` is what follows the last part. When the
        connection breaks, it raises a retryable ConnectionLost.

        Example:
            async for part in client.stream({"type": "export"}):
                print(part["line"])
        """
        self._link.check()
        wire = _wire(message)
        wire.pop("ref", None)
        return Parts(self._link.requests, wire, model, self._options.buffer)

    def send(self, message: Mapping[str, Any] | msgspec.Struct) -> None:
        """Send one message and wait for nothing; it waits for the connection to open. Raises what ended the client."""
        self._link.send(_wire(message))

    @overload
    async def join(
        self,
        room: str,
        *,
        model: type[DataT],
        presence: Presence = "diff",
        since: Position | None = None,
        status: Literal["online", "away"] | None = None,
        info: Any = None,
        buffer: int | None = None,
        overflow: Overflow = "error",
    ) -> Room[DataT]: ...
    @overload
    async def join(
        self,
        room: str,
        *,
        model: None = None,
        presence: Presence = "diff",
        since: Position | None = None,
        status: Literal["online", "away"] | None = None,
        info: Any = None,
        buffer: int | None = None,
        overflow: Overflow = "error",
    ) -> Room[Any]: ...
    async def join(
        self,
        room: str,
        *,
        model: Any = None,
        presence: Presence = "diff",
        since: Position | None = None,
        status: Literal["online", "away"] | None = None,
        info: Any = None,
        buffer: int | None = None,
        overflow: Overflow = "error",
    ) -> Room[Any]:
        """Enter a room, and stay in it across reconnects until `leave`.

        `presence`: how the gateway reports members; `since`: a position of this room to replay messages from;
        `status`, `info`: what other members see; `model`: a Struct to convert messages to; `buffer`, `overflow`: how
        many unread messages are kept, and what happens to more.
        Raises RequestRefused (`forbidden`, `unknown_room`, ...), RequestTimeout, ConnectionRefused.

        Example:
            room = await client.join("chat-1", presence="diff")
        """
        self._link.check()
        given = (("status", status), ("info", plain(info)))
        about = {name: value for name, value in given if value is not None}
        capacity = capacity_of(buffer or self._options.buffer, overflow)
        session = self._rooms.session(room, presence=presence, about=about, since=room_position(since))
        return await Room(self._rooms, session, model, capacity, overflow).opened(about)

    async def ping(self) -> int:
        """The gateway's time in milliseconds."""
        reply = await self.request({"type": "ping"})
        with reading("the reply to 'ping'"):
            return int(reply["time"])

    async def authenticate(self, token: str) -> User:
        """Become the user that `token` names, now and later. RequestRefused `unauthenticated` for an invalid token."""
        return await self._link.authenticate(token)

    async def close(self) -> None:
        """Close the connection for good; everything that waits raises ClientClosed, iterations end. Idempotent."""
        await self._link.close()

    async def start(self) -> Self:
        """Connect; `connect` does it."""
        await self._link.start()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def _wire(message: Mapping[str, Any] | msgspec.Struct) -> dict[str, Any]:
    wire: Any = plain(dict(message) if isinstance(message, Mapping) else message)
    if not (isinstance(wire, dict) and isinstance(wire.get("type"), str)):
        raise TidegateError("invalid_message", "a message is an object with a text `type`")
    return wire
