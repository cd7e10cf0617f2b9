"""Those who write while everything breaks: programs beside the gateway, and clients through it that never give up."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import sqlite3
import threading
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.chaos.checker import UNDONE

STATUS = ("active", "inactive")


class ForeignWriter(threading.Thread):
    """A program of its own that knows nothing of Tidegate: the standard library's SQLite, transactions and all."""

    def __init__(self, database: Path, number: int, seed: int, pace: float) -> None:
        super().__init__(name=f"foreign-{number}")
        self._database = database
        self._number = number
        self._chance = random.Random(seed)
        self._pace = pace
        self._ended = threading.Event()
        self.commits = 0
        self.failure: Exception | None = None

    def stop(self) -> None:
        self._ended.set()
        self.join()
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        connection = sqlite3.connect(self._database, timeout=30, isolation_level=None)
        connection.execute("pragma foreign_keys = on")
        try:
            for turn in itertools.count():
                if self._ended.wait(self._pace * self._chance.random()):
                    return
                self._transaction(connection, turn)
        except sqlite3.Error as error:
            self.failure = error
        finally:
            connection.close()

    def _transaction(self, connection: sqlite3.Connection, turn: int) -> None:
        undone = self._chance.random() < 0.1
        connection.execute("begin immediate")
        for step in range(self._chance.choice((1, 1, 1, 3, 40))):
            self._statement(connection, f"f{self._number}-{turn}-{step}", undone)
        connection.execute("rollback" if undone else "commit")
        self.commits += not undone

    def _statement(self, connection: sqlite3.Connection, name: str, undone: bool) -> None:
        chance, some = self._chance, "(select id from {} order by random() limit 1)"
        user, task = some.format("users"), some.format("tasks")
        shown = UNDONE if undone else name
        email = f"{name}@example.com"
        match chance.randrange(9):
            case 0 | 1:
                values = (shown, email, chance.choice(STATUS), "secret" + name)
                connection.execute("insert into users (name, email, status, password) values (?, ?, ?, ?)", values)
            case 2:
                connection.execute(f"update users set status = ? where id = {user}", (chance.choice(STATUS),))
            case 3:
                connection.execute(f"update users set name = ? where id = {user}", (shown,))
            case 4:
                connection.execute(f"update users set password = ? where id = {user}", ("secret" + name,))
            case 5:
                into = "insert or replace into tasks (id, user_id, title, done, priority)"
                connection.execute(
                    f"{into} values ({task}, {user}, ?, ?, ?)", (shown, chance.randrange(2), chance.randint(1, 5))
                )
            case 6:
                sql = f"insert into tasks (user_id, title, done, priority) values ({user}, ?, ?, ?)"
                connection.execute(sql, (shown, chance.randrange(2), chance.randint(1, 5)))
            case 7:
                connection.execute(
                    f"update tasks set done = 1 - done, priority = ? where id = {task}", (chance.randint(1, 5),)
                )
            case _:
                connection.execute(f"delete from tasks where id = {task}")


async def gateway_writer(url: str, number: int, seed: int, token: str, acknowledged: set[str]) -> None:
    """Create users through the gateway, one after another, each until it is acknowledged; ends by being cancelled.

    With a `token`: an idempotency key is its user's own, and a guest comes back as another one.
    """
    chance = random.Random(seed)
    counter = itertools.count()
    headers = {"Authorization": f"Bearer {token}"}
    name = f"g{number}-{next(counter)}"
    while True:
        try:
            async with connect(url, compression=None, open_timeout=5, additional_headers=headers) as line:
                while True:
                    await line.send(json.dumps(_create(name)))
                    reply = await _reply(line, name)
                    assert reply["type"] == "rows", reply
                    acknowledged.add(name)
                    name = f"g{number}-{next(counter)}"
        except (OSError, WebSocketException, TimeoutError):
            await asyncio.sleep(0.05 * chance.random())


def _create(name: str) -> dict[str, Any]:
    """The same request for the same name, however often it is sent: the key makes it one."""
    data = {"name": name, "email": f"{name}@example.com", "status": STATUS[len(name) % 2]}
    return {"type": "create", "resource": "users", "data": data, "key": name, "ref": name}


async def _reply(line: Any, ref: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            message: dict[str, Any] = json.loads(await line.recv())
            if message.get("ref") == ref and not (message["type"] == "error" and message["temporary"]):
                return message
            if message.get("ref") == ref:
                raise TimeoutError(message["code"])
