"""The client for scripts and notebooks: the same words without `await`.

    from tidegate_client.sync import connect, timeout

    with connect("ws://127.0.0.1:8787/ws") as client:
        for user in client.resource("users").list({"status": "active"}):
            print(user["name"])

`blocking` does the work. `sync.pyi` has the types, made by `python -m tests.clients.sync_stub` from the asyncio client.
"""

from .blocking import Client, LiveQuery, Parts, Resource, Room, RoomEvents, Stream, connect, timeout

__all__ = ["Client", "LiveQuery", "Parts", "Resource", "Room", "RoomEvents", "Stream", "connect", "timeout"]
