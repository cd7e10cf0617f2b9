"""python-socketio on uvicorn: rooms of the library, an acknowledgement for `join` and `ping`."""

import socket
from typing import Any

import socketio
import uvicorn

server = socketio.AsyncServer(async_mode="asgi", transports=["websocket"], ping_interval=3600)


@server.event
async def join(client: str, room: str) -> None:
    await server.enter_room(client, room)


@server.event
async def ping(client: str) -> None:
    """The acknowledgement is the answer."""


@server.event
async def message(client: str, room: str, data: dict[str, Any]) -> None:
    await server.emit("message", (room, data), room=room)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"serving on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(
        socketio.ASGIApp(server), log_level="error", ws_ping_interval=None, ws_per_message_deflate=False
    )
    uvicorn.Server(config).run(sockets=[listener])
