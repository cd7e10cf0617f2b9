"""The peer of the benchmark: websockets' own asyncio server and `broadcast()`, doing nothing else.

It checks nothing, keeps no presence and knows one room, so that every comparison favours it. A message of type `ping`
is answered to its sender, any other goes to everybody.
"""

from __future__ import annotations

import asyncio

from websockets.asyncio.server import ServerConnection, broadcast, serve

connections: set[ServerConnection] = set()


async def handle(connection: ServerConnection) -> None:
    connections.add(connection)
    try:
        async for message in connection:
            if '"ping"' in message:
                await connection.send(message)
            elif '"message"' in message:
                broadcast(connections, message)
    finally:
        connections.discard(connection)


async def main() -> None:
    async with serve(handle, "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"serving on http://127.0.0.1:{port}", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
