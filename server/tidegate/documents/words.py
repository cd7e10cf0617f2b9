"""Realistic values for examples, by the name of a type or a property.

`examples` uses a value only if the schema accepts it.
"""

from __future__ import annotations

from typing import Any

TYPES: dict[str, Any] = {
    "Epoch": "e1",
    "ErrorCode": "invalid_message",
    "CloseCode": 4201,
    "Filters": {},
    "IdempotencyKey": "6f1c",
    "Limits": {
        "max_message": 65536,
        "max_rooms": 100,
        "max_subscriptions": 100,
        "max_page": 1000,
        "max_history": 1000,
        "max_ids": 1000,
    },
    "Member": {
        "id": "anon-7d3f",
        "name": "Guest 7D3F",
        "status": "online",
        "connections": 1,
        "since": 1767225600000,
    },
    "Principal": {"id": "anon-7d3f", "name": "Guest 7D3F", "roles": [], "anonymous": True},
    "Ref": 1,
    "Row": {"id": 7},
    "RowKey": 7,
    "RowKeys": [7],
    "RoomName": "chat-1",
    "ResourceName": "users",
    "Sender": {"id": "anon-7d3f", "name": "Guest 7D3F"},
    "Time": 1767225600000,
    "UserId": "anon-7d3f",
}
"""By the name of a type."""

WORDS: dict[str, Any] = {
    "changed": [],
    "connection": "c1",
    "connections": 1,
    "heartbeat": 25,
    "id": 7,
    "keyword": "additionalProperties",
    "left": [],
    "limit": 20,
    "message": '"staet" is not allowed here',
    "more": False,
    "name": "Ada",
    "offset": 12,
    "pointer": "/filters/staet",
    "reason": "the gateway restarts",
    "recovered": False,
    "replayed": 0,
    "retry_after": 1.5,
    "seq": 42,
    "subscription": "s1",
    "temporary": False,
    "text": "Hello",
    "token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI3In0.c2lnbmF0dXJl",
}
"""By the name of a property."""

SHOWN: dict[str, tuple[str, ...]] = {
    "AuthenticateRequest": ("ref",),
    "CreateRequest": ("key", "ref"),
    "DeleteRequest": ("ref",),
    "ErrorMessage": ("pointer", "keyword", "ref"),
    "GetRequest": ("ref",),
    "Goodbye": ("retry_after",),
    "HistoryRequest": ("limit", "ref"),
    "JoinRequest": ("ref",),
    "LeaveRequest": ("ref",),
    "ListRequest": ("filters", "sort", "limit", "ref"),
    "MessageRequest": ("ref",),
    "PingRequest": ("ref",),
    "PresenceRequest": ("status", "ref"),
    "SubscribeRequest": ("filters", "snapshot", "ref"),
    "UnsubscribeRequest": ("ref",),
    "UpdateRequest": ("ref",),
    **{
        reply: ("ref",)
        for reply in (
            "Authenticated",
            "Joined",
            "Left",
            "Messages",
            "Pong",
            "Rows",
            "Sent",
            "Subscribed",
            "Unsubscribed",
        )
    },
}
"""The optional properties in the example of a message, by the name of its type."""

FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00.000000Z",
    "duration": "PT1H",
    "email": "ada@example.com",
    "hostname": "example.com",
    "int64": "9007199254740993",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "time": "12:00:00Z",
    "uri": "https://example.com/",
    "uri-reference": "/example",
    "uuid": "7d3f2c1e-0b5a-4e8d-9c6f-1a2b3c4d5e6f",
}
"""Strings by their format."""


def at_length(text: str, schema: dict[str, Any]) -> str:
    """`text` with the length that `schema` requires."""
    low, high = schema.get("minLength", 0), schema.get("maxLength")
    longer = text if len(text) >= low else (text + "-" * low)[:low]
    return longer if high is None else longer[: int(high)]
