"""`python -m tests.clients.reconnects.run`: both clients on lines that break while rows and messages change.

A relay breaks each client's connection hundreds of times, between two frames or within one. An unbroken connection
hears everything; `checker` holds each client's history against it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import sys
import tempfile
import threading
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path

from tests.clients.reconnects.checker import Judgement, judge
from tests.clients.reconnects.history import Change, History, Reference
from tests.clients.reconnects.python_client import LAST, watch
from tests.clients.relay import Relay
from tests.store.program import Program
from tests.support.deadlines import DEADLINE_S
from tests.support.gateway import ROOT, GatewayProcess
from tests.support.wire import Wire, wire

TYPESCRIPT = ROOT / "clients/typescript"
ROOM = "chat-reconnects"
PACE_S = 0.01
"""Between two changes, and between two messages: slower than the room's history of 100 messages forgets."""


async def play(
    folder: Path,
    node: str,
    reconnects: int,
    clients: int,
    seed: int,
    disturb: Callable[[GatewayProcess], Coroutine[None, None, None]] | None = None,
    environment: dict[str, str] | None = None,
) -> dict[str, Judgement]:
    """Break the connections of `clients` of each language until they had `reconnects` together, and judge each.

    `disturb` is called too, when every client is connected; the end comes after it. `environment`: of the gateway.
    """
    chance = random.Random(seed)
    gateway = GatewayProcess(folder, "--dev", environment=environment)
    gateway.migrate(seed=True)
    gateway.start()
    try:
        async with AsyncExitStack() as stack:
            ear = await stack.enter_async_context(wire(gateway.url))
            mouth = await stack.enter_async_context(wire(gateway.url))
            reference = Reference()
            hearing = asyncio.create_task(_hear(ear, reference))
            histories: dict[str, History] = {}
            watching = []
            breaking = []
            for number in range(clients):
                for language in ("Python", "TypeScript"):
                    relay = await stack.enter_async_context(Relay(gateway.port))
                    history = histories[f"{language} {number}"] = History()
                    start = (
                        _python(relay.url, history, chance) if language == "Python" else _node(node, relay.url, history)
                    )
                    watching.append(asyncio.create_task(start))
                    breaking.append(asyncio.create_task(_break(relay, history, reconnects // clients, chance.random())))
            load = _Load(gateway, chance.random())
            speaking = asyncio.create_task(_speak(mouth, chance.random()))
            await asyncio.to_thread(load.start)
            if disturb is not None:
                await asyncio.gather(*(history.opened.acquire() for history in histories.values()))
                breaking.append(asyncio.create_task(disturb(gateway)))
            await _finished(breaking, watching)
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)
            await asyncio.to_thread(load.finish)
            await mouth.ask({"type": "message", "room": ROOM, "data": {"text": LAST}})
            async with asyncio.timeout(DEADLINE_S):
                await asyncio.gather(*watching, hearing)
            return {name: judge(reference, history.entries) for name, history in histories.items()}
    finally:
        gateway.stop()


async def _finished(breaking: list[asyncio.Task[None]], watching: list[asyncio.Task[None]]) -> None:
    """Wait until all connections were broken often enough. Raises what ended a client before."""
    waiting = set(breaking)
    while waiting:
        done, _ = await asyncio.wait({*waiting, *watching}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
        assert done.isdisjoint(watching), "a client ended before the end"
        waiting -= done


async def _python(url: str, history: History, chance: random.Random) -> None:
    await watch(url, ROOM, history, lambda: 0.02 * chance.random())


async def _node(node: str, url: str, history: History) -> None:
    # The script imports the built client, as an application does.
    script = (Path(__file__).parent / "typescript_client.mjs").read_text(encoding="utf-8")
    process = await asyncio.create_subprocess_exec(
        *(node, "--input-type=module", "--eval", script, "--", url, ROOM),
        cwd=TYPESCRIPT,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            history.see(json.loads(line))
        assert await process.wait() == 0, "the program of the TypeScript client failed"
    finally:
        if process.returncode is None:
            process.kill()


async def _break(relay: Relay, history: History, times: int, seed: float) -> None:
    """Break the connection each time the client is back, after a moment."""
    chance = random.Random(seed)
    for _ in range(times):
        await history.opened.acquire()
        await asyncio.sleep(chance.uniform(0, 0.15))
        if chance.random() < 0.3:
            relay.chunk = chance.randrange(1, 200)
            await asyncio.sleep(0.01)
        relay.cut()
        relay.chunk = None


async def _hear(ear: Wire, reference: Reference) -> None:
    await ear.say({"type": "join", "room": ROOM, "presence": "none", "ref": "join"})
    await ear.say({"type": "subscribe", "resource": "tasks", "filters": {"done": False}, "snapshot": True, "ref": "s"})
    rows_end = messages_end = False
    while not (rows_end and messages_end):
        message = json.loads(await ear.connection.recv())
        if message["type"] == "snapshot":
            reference.rows |= {str(row["id"]): row["title"] for row in message["rows"]}
            if message["done"]:
                reference.seq = message["position"]["seq"]
        elif message["type"] == "update":
            title = None if message["action"] == "delete" else message["data"]["title"]
            change = Change(message["position"]["seq"], message["action"], message["data"]["id"], title)
            reference.changes.append(change)
            rows_end = title == LAST
        elif message["type"] == "message":
            reference.messages[message["position"]["offset"]] = message["data"]["text"]
            messages_end = message["data"]["text"] == LAST


async def _speak(mouth: Wire, seed: float) -> None:
    chance = random.Random(seed)
    await mouth.ask({"type": "join", "room": ROOM, "presence": "none"})
    number = 0
    while True:
        await mouth.ask({"type": "message", "room": ROOM, "data": {"text": f"message {number}"}})
        number += 1
        await asyncio.sleep(2 * PACE_S * chance.random())


class _Load(threading.Thread):
    """Another program that writes rows."""

    def __init__(self, gateway: GatewayProcess, seed: float) -> None:
        super().__init__(daemon=True)
        self._chance = random.Random(seed)
        self._program = Program(gateway.database_file)
        self._over = threading.Event()

    def run(self) -> None:
        number = 0
        while not self._over.wait(2 * PACE_S * self._chance.random()):
            number += 1
            self._write(number)

    def finish(self) -> None:
        """Stop, and write the last row."""
        self._over.set()
        self.join()
        self._program.execute("insert into tasks (user_id, title) values (1, ?)", (LAST,))
        self._program.close()

    def _write(self, number: int) -> None:
        title = f"task {number}"
        match self._chance.choices(("create", "update", "done", "delete"), (3, 5, 2, 1))[0]:
            case "create":
                self._program.execute("insert into tasks (user_id, title) values (1, ?)", (title,))
            case "update":
                self._at_one(f"update tasks set title = '{title}' where id = ?")
            case "done":
                self._at_one(f"update tasks set done = not done, title = '{title}' where id = ?")
            case "delete":
                self._at_one("delete from tasks where id = ?")

    def _at_one(self, statement: str) -> None:
        found = self._program.execute("select id from tasks order by random() limit 1").fetchone()
        if found:
            self._program.execute(statement, found)


def report(found: dict[str, Judgement]) -> str:
    """One line for each client, and all violations."""
    lines = []
    for name, seen in found.items():
        lines.append(
            f"{name}: {seen.opens - 1} reconnects, {seen.changes} changes and {seen.resets} resets, rows compared "
            f"{seen.checked_rows} times, {seen.messages} messages, {seen.gaps} gaps told, "
            f"{len(seen.violations)} violations"
        )
        lines += [f"    {violation}" for violation in seen.violations[:10]]
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reconnects", type=int, default=500, help="of each language (default: 500)")
    parser.add_argument("--clients", type=int, default=4, help="of each language (default: 4)")
    parser.add_argument("--seed", type=int, default=None, help="make the same choices again")
    args = parser.parse_args()
    seed = args.seed if args.seed is not None else random.SystemRandom().randrange(1 << 32)
    print(f"seed {seed}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        node = os.environ.get("NODE", "node")
        found = asyncio.run(play(Path(folder), node, args.reconnects, args.clients, seed))
    print(report(found))
    return 1 if any(seen.violations for seen in found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
