"""The peers of the benchmark: websockets' own asyncio server and `broadcast()`.

`plain` does nothing else: it parses no message, checks nothing and keeps no presence, history or limits, so that every
comparison favours it. `checking` is a server as a developer would write it for a part of Tidegate's work: it parses
each message, validates it with jsonschema-rs against the same schemas, and adds sender, time and offset.
A `join` puts the connection into a room and is echoed, a `ping` is echoed, a `message` goes to all members of the room.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from jsonschema_rs import Draft202012Validator, Validator
from websockets.asyncio.server import ServerConnection, broadcast, serve

BUNDLE = Path(__file__).parents[2] / "generated" / "schema" / "bundle.json"
REQUESTS = {"join": "JoinRequest", "message": "MessageRequest", "ping": "PingRequest"}

rooms: defaultdict[str, set[ServerConnection]] = defaultdict(set)
offsets: defaultdict[str, int] = defaultdict(int)


async def plain(connection: ServerConnection) -> None:
    room: set[ServerConnection] = set()
    try:
        async for message in connection:
            if '"ping"' in message:
                await connection.send(message)
            elif '"join"' in message:
                room = rooms[json.loads(message)["room"]]
                room.add(connection)
                await connection.send(message)
            else:
                broadcast(room, message)
    finally:
        room.discard(connection)


def checking() -> Callable[[ServerConnection], Awaitable[None]]:
    definitions = json.loads(BUNDLE.read_text())["$defs"]

    def validator(title: str) -> Validator:
        return Draft202012Validator({"$ref": f"#/$defs/{title}", "$defs": definitions})

    envelopes = {type_: validator(title) for type_, title in REQUESTS.items()}
    said = validator("App.ChatMessage")

    def answer(user: str, text: str | bytes) -> tuple[dict[str, Any], str]:
        message = json.loads(text)
        envelope = envelopes.get(message["type"])
        if envelope is None or not envelope.is_valid(message):
            return message, json.dumps({"type": "error", "code": "invalid_message"})
        now = int(time.time() * 1000)
        if message["type"] != "message":
            return message, json.dumps({**message, "time": now})
        if not said.is_valid(message["data"]):
            return message, json.dumps({"type": "error", "code": "invalid_data"})
        room = message["room"]
        offsets[room] += 1
        position = {"epoch": "e", "offset": offsets[room]}
        whole = {**message, "from": user, "sender": {"id": user, "name": user}, "position": position, "time": now}
        return message, json.dumps(whole)

    async def handle(connection: ServerConnection) -> None:
        joined: set[str] = set()
        user = str(connection.id)
        try:
            async for text in connection:
                message, reply = answer(user, text)
                if message["type"] == "message" and message["room"] in joined:
                    broadcast(rooms[message["room"]], reply)
                    continue
                if message["type"] == "join":
                    joined.add(message["room"])
                    rooms[message["room"]].add(connection)
                await connection.send(reply)
        finally:
            for room in joined:
                rooms[room].discard(connection)

    return handle


async def main() -> None:
    handle = checking() if "checking" in sys.argv else plain
    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"serving on http://127.0.0.1:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
