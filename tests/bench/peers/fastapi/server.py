"""FastAPI on uvicorn: a connection manager as its guide shows it, which sends to one member after the other."""

import json
import socket
from collections import defaultdict

import uvicorn
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()
rooms: defaultdict[str, set[WebSocket]] = defaultdict(set)


@app.websocket("/ws")
async def serve(connection: WebSocket) -> None:
    await connection.accept()
    room = ""
    try:
        while True:
            text = await connection.receive_text()
            asked = json.loads(text)
            if asked["type"] == "ping":
                await connection.send_text(json.dumps({"type": "pong", "ref": asked["ref"]}))
            elif asked["type"] == "join":
                room = asked["room"]
                rooms[room].add(connection)
                await connection.send_text(json.dumps({"type": "joined", "ref": asked["ref"]}))
            else:
                for member in list(rooms[asked["room"]]):
                    await member.send_text(text)
    except WebSocketDisconnect:
        pass
    finally:
        rooms[room].discard(connection)


if __name__ == "__main__":
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    print(f"serving on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(app, log_level="error", ws_ping_interval=None, ws_per_message_deflate=False)
    uvicorn.Server(config).run(sockets=[listener])
