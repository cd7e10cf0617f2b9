"""The writers of a history: programs without a gateway, and clients of a gateway that repeat failed requests.

Transactions of the programs overlap, stay open, are rolled back completely or in part, and change one row or many.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import threading
from collections.abc import Sequence
from typing import Any

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.chaos.places import Place
from tests.chaos.programs import Program

LONG = 1500
"""The repetitions in a long text. A few such texts fill the connection of a slow reader."""
STATUS = ("active", "inactive")
OWNERS = ("ada", "bob", "nobody")
UNDONE = "undone"
"""The name of rows whose transaction, or savepoint, was rolled back."""
USER, TASK, LETTER = (f"(select id from {table} order by random() limit 1)" for table in ("users", "tasks", "letters"))
SOME_USERS = "(select id from users order by random() limit 5)"


class ForeignWriter(threading.Thread):
    """A program that does not know Tidegate. The keys of writer `number` are unique."""

    def __init__(self, place: Place, number: int, seed: int, pace: float) -> None:
        super().__init__(name=f"foreign-{number}")
        self._place = place
        self._number = number
        self._chance = random.Random(seed)
        self._pace = pace
        self._ended = threading.Event()
        self._keys = itertools.count(1000 + number, 100)
        self.failure: Exception | None = None

    def stop(self) -> None:
        self._ended.set()
        self.join()
        if self.failure is not None:
            raise self.failure

    def run(self) -> None:
        try:
            program = self._place.program(self._number)
            try:
                self._work(program)
            finally:
                program.close()
        except Exception as error:
            self.failure = error

    def _work(self, program: Program) -> None:
        for turn in itertools.count():
            if self._ended.wait(self._pace * self._chance.random()):
                return
            try:
                self._transaction(program, f"f{self._number}-{turn}")
            except self._place.passing:
                program.recover()

    def _transaction(self, program: Program, name: str) -> None:
        chance = self._chance
        undone = chance.random() < 0.1
        program.execute(self._place.begin)
        for step in range(chance.choice((1, 1, 1, 3, 40))):
            in_part = chance.random() < 0.05
            if in_part:
                program.execute("savepoint part")
            self._step(program, f"{name}-{step}", undone or in_part)
            if in_part:
                program.execute("rollback to part")
        if chance.random() < 0.2:
            self._ended.wait(self._place.long_s * chance.random())
        program.execute("rollback" if undone else "commit")

    def _step(self, program: Program, name: str, undone: bool) -> None:
        subject = self._chance.choice((self._users, self._users, self._tasks, self._tasks, self._letters))
        subject(program, name, UNDONE if undone else name)

    def _users(self, program: Program, name: str, shown: str) -> None:
        status = self._chance.choice(STATUS)
        match self._chance.randrange(7):
            case 0 | 1 | 2:
                values = (shown, f"{name}@example.com", status, "secret" + name)
                program.execute("insert into users (name, email, status, password) values (?, ?, ?, ?)", *values)
            case 3:
                program.execute(f"update users set status = ? where id = {USER}", status)
            case 4:
                program.execute(f"update users set name = ? where id = {USER}", shown)
            case 5:
                program.execute(f"update users set password = ? where id = {USER}", "secret" + name)
            case _:
                program.execute(f"update users set status = ?, name = name || '+' where id in {SOME_USERS}", status)

    def _tasks(self, program: Program, name: str, shown: str) -> None:
        chance = self._chance
        key, done, priority = next(self._keys), chance.random() < 0.5, chance.randint(1, 5)
        match chance.randrange(10):
            case 0 | 1 | 2:
                notes = chance.choice((None, "n", LONG * shown))
                into = "insert into tasks (id, user_id, title, done, priority, notes)"
                program.execute(f"{into} values (?, {USER}, ?, ?, ?, ?)", key, shown, done, priority, notes)
            case 3:
                program.execute(
                    "insert into tasks (id, user_id, title, done, priority) "
                    f"values (coalesce({TASK}, {key}), {USER}, ?, ?, ?) on conflict (id) do update "
                    "set title = excluded.title, priority = excluded.priority",
                    shown,
                    done,
                    priority,
                )
            case 4:
                program.execute(f"update tasks set done = not done, priority = ? where id = {TASK}", priority)
            case 5:
                program.execute(f"update tasks set id = ?, title = ? where id = {TASK}", key, shown)
            case 6:
                program.execute(f"update tasks set priority = 6 - priority where user_id in {SOME_USERS}")
            case 7:
                program.execute(f"update tasks set notes = ? where id = {TASK}", chance.choice((None, shown)))
            case 8:
                known = [number for (number,) in program.execute("select id from tasks order by random() limit 2")]
                program.replace_tasks([(number, 1, shown, done, priority) for number in (*known, key)])
            case _:
                program.execute(f"delete from tasks where id = {TASK}")

    def _letters(self, program: Program, name: str, shown: str) -> None:
        chance = self._chance
        owner, starred = chance.choice(OWNERS), chance.random() < 0.5
        match chance.randrange(6):
            case 0 | 1:
                into = "insert into letters (id, owner, text, starred)"
                program.execute(f"{into} values (?, ?, ?, ?)", next(self._keys), owner, shown, starred)
            case 2:
                program.execute(f"update letters set owner = ?, text = ? where id = {LETTER}", owner, shown)
            case 3:
                program.execute(f"update letters set text = ?, starred = not starred where id = {LETTER}", shown)
            case 4:
                program.execute(f"update letters set id = ?, owner = ? where id = {LETTER}", next(self._keys), owner)
            case _:
                program.execute(f"delete from letters where id = {LETTER}")


async def gateway_writer(urls: Sequence[str], number: int, seed: int, token: str, acknowledged: set[str]) -> None:
    """Create users through the gateways, one after another, and repeat each until it is acknowledged. Runs until
    cancelled.

    It needs a `token`: an idempotency key belongs to its user, and a guest reconnects as a different user.
    """
    chance = random.Random(seed)
    counter = itertools.count()
    headers = {"Authorization": f"Bearer {token}"}
    name = f"g{number}-{next(counter)}"
    while True:
        try:
            async with connect(
                chance.choice(urls), compression=None, open_timeout=5, proxy=None, additional_headers=headers
            ) as line:
                while True:
                    await line.send(json.dumps(_create(name)))
                    reply = await _reply(line, name)
                    assert reply["type"] == "rows", reply
                    acknowledged.add(name)
                    name = f"g{number}-{next(counter)}"
        except (OSError, WebSocketException, TimeoutError):
            await asyncio.sleep(0.05 * chance.random())


def _create(name: str) -> dict[str, Any]:
    """The request for this name, with the same idempotency key at each repetition."""
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
