"""What applications write by hand to show changes of a table: `python -m tests.bench.by_hand poll FILE` looks for new
rows every 50 milliseconds, `listen URL` has a trigger that notifies.

Both serve with websockets' own server and `broadcast()`. They see new rows alone (no update and no removal), keep no
permissions and no filters, and a client that was away misses what happened meanwhile.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

from websockets.asyncio.server import ServerConnection, broadcast, serve

from tests.support.driver import psycopg

POLL_S = 0.05
TABLE = "create table if not exists users (id {key}, name text not null, email text not null unique)"
TRIGGER = """
create or replace function tell() returns trigger language plpgsql as $$
begin perform pg_notify('users', row_to_json(new)::text); return new; end $$;
create or replace trigger tell after insert on users for each row execute function tell();
"""
Row = dict[str, Any]

subscribers: set[ServerConnection] = set()


def handler(create: Callable[[Row], Row]) -> Callable[[ServerConnection], Any]:
    async def handle(connection: ServerConnection) -> None:
        await connection.send(json.dumps({"type": "welcome"}))
        try:
            async for text in connection:
                asked = json.loads(text)
                if asked["type"] == "create":
                    row = create(asked["data"])
                    await connection.send(json.dumps({"type": "rows", "rows": [row], "ref": asked["ref"]}))
                else:
                    subscribers.add(connection)
                    await connection.send(json.dumps({"type": "subscribed", "ref": asked["ref"]}))
        finally:
            subscribers.discard(connection)

    return handle


def polled(file: str) -> tuple[Callable[[Row], Row], AsyncIterator[Row]]:
    database = sqlite3.connect(file, isolation_level=None)
    database.row_factory = sqlite3.Row
    database.execute("pragma journal_mode = wal")
    database.execute("pragma synchronous = full")
    database.execute(TABLE.format(key="integer primary key"))

    def create(data: Row) -> Row:
        query = "insert into users (name, email) values (?, ?) returning *"
        return dict(database.execute(query, (data["name"], data["email"])).fetchall()[0])

    async def changes() -> AsyncIterator[Row]:
        last = 0
        while True:
            for row in database.execute("select * from users where id > ? order by id", (last,)).fetchall():
                last = row["id"]
                yield dict(row)
            await asyncio.sleep(POLL_S)

    return create, changes()


def notified(url: str) -> tuple[Callable[[Row], Row], AsyncIterator[Row]]:
    with psycopg.connect(url, autocommit=True) as database:
        database.execute(TABLE.format(key="bigint generated always as identity primary key").encode())
        database.execute(TRIGGER.encode())

    def create(data: Row) -> Row:
        raise NotImplementedError("rows are written by another program")

    async def changes() -> AsyncIterator[Row]:
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
            await connection.execute("listen users")
            async for notification in connection.notifies():
                yield json.loads(notification.payload)

    return create, changes()


async def main(kind: str, where: str) -> None:
    create, changes = polled(where) if kind == "poll" else notified(where)
    async with serve(handler(create), "127.0.0.1", 0, compression=None, ping_interval=None) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        print(f"serving on http://127.0.0.1:{port}", flush=True)
        async for row in changes:
            broadcast(subscribers, json.dumps({"type": "update", "data": row}))


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
