"""The peer of the benchmark: websockets' own asyncio server and `broadcast()`, doing nothing else.

It checks nothing and keeps no presence, history or limits, so that every comparison favours it. A `join` puts the
connection into a room and is echoed, a `ping` is echoed, anything else goes to everybody in the speaker's room.
"""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict

from websockets.asyncio.server import ServerConnection, broadcast, serve

rooms: defaultdict[str, set[ServerConnection]] = defaultdict(set)


async def handle(connection: ServerConnection) -> None:
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


async def main() -> None:
    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"serving on http://127.0.0.1:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
