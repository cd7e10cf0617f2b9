"""The Python client of Tidegate: rooms, presence and live database rows over one WebSocket that reconnects by itself.

    async with connect("ws://127.0.0.1:8787/ws") as client:
        room = await client.join("chat-1")
        await room.send({"text": "Hello"})

        async with await client.subscribe("users", {"status": "active"}) as live:
            async for change in live:
                print(change.action, change.key, change.row)

The guide is docs/reference/python-client.md.
"""

from .announcements import Status
from .client import Client
from .connecting import Connecting, connect
from .errors import (
    ClientClosed,
    ConnectionClosed,
    ConnectionLost,
    ConnectionRefused,
    InvalidOption,
    ModelMismatch,
    RequestRefused,
    RequestTimeout,
    StreamOverflow,
    TidegateError,
    Unreachable,
    Violation,
)
from .live import LiveQuery
from .models import Change, Gap, History, Member, Message, PresenceChange, Rows, Sender, User
from .options import Clock, Token
from .ordering import Sort
from .parts import Parts
from .positions import Position
from .resource import Filters, Resource
from .room import Room
from .room_events import RoomEvents, RoomStatus, RoomStatusChange
from .since import Since
from .streams import Stream
from .subscription import LiveStatus

__all__ = [
    "Change",
    "Client",
    "ClientClosed",
    "Clock",
    "Connecting",
    "ConnectionClosed",
    "ConnectionLost",
    "ConnectionRefused",
    "Filters",
    "Gap",
    "History",
    "InvalidOption",
    "LiveQuery",
    "LiveStatus",
    "Member",
    "Message",
    "ModelMismatch",
    "Parts",
    "Position",
    "PresenceChange",
    "RequestRefused",
    "RequestTimeout",
    "Resource",
    "Room",
    "RoomEvents",
    "RoomStatus",
    "RoomStatusChange",
    "Rows",
    "Sender",
    "Since",
    "Sort",
    "Status",
    "Stream",
    "StreamOverflow",
    "TidegateError",
    "Token",
    "Unreachable",
    "User",
    "Violation",
    "connect",
]
