"""Random histories of own writes, foreign writes, refusals and broken connections.

After each step every live query shows a prefix of the change feed, with exactly the own writes on top that are under
way and not in it, in order. In the end it shows what the table has. `TIDEGATE_HISTORIES` says how many are played;
a failing one names its seed, and `TIDEGATE_HISTORY` plays that one alone.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from tests.clients.model import Database, ModelConnection, Row, StandingClock, opener
from tidegate_client import Client, LiveQuery, RequestRefused, connect, link

HISTORIES = int(os.environ.get("TIDEGATE_HISTORIES", "600"))
SEED = os.environ.get("TIDEGATE_HISTORY")
STEPS = 20
DONE, OPEN = {"done": True}, {"done": False}


def filter_of(asked: dict[str, Any] | None) -> Any:
    return (lambda row: True) if asked is None else (lambda row: row["done"] is asked["done"])


@dataclass(eq=False)
class Write:
    """An own write, as the program made it."""

    request: dict[str, Any]
    task: asyncio.Task[Any]

    @property
    def failed(self) -> bool:
        return self.task.done() and self.task.exception() is not None


class History:
    """One client, one gateway, and one seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.database = Database()
        self.connections: list[ModelConnection] = []
        self.writes: list[Write] = []
        self.queries: list[LiveQuery[Row]] = []
        self.seen: list[int] = []
        self.replicas: list[dict[Any, Row]] = []
        self.breaks = 0
        self.client: Client

    @property
    def line(self) -> ModelConnection:
        return self.connections[-1]

    async def play(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for _ in range(self.chance.randint(0, 4)):
            self.database.insert(self.row())
        make = opener(self.connections, lambda: ModelConnection(self.database, filter_of))
        monkeypatch.setattr(link, "open_connection", make)
        options: dict[str, Any] = {"clock": StandingClock(), "random": lambda: 0.0, "optimistic": True}
        self.client = await connect("ws://model/ws", **options)
        try:
            await self.subscribe()
            for _ in range(STEPS):
                await self.step()
            await self.finish()
        finally:
            await self.client.close()
            await asyncio.gather(*(write.task for write in self.writes), return_exceptions=True)

    async def subscribe(self) -> None:
        ways: list[dict[str, Any]] = [
            {"sort": ["rank", "-title"], "limit": 3},
            {"filters": OPEN},
            {"filters": DONE, "sort": ["title"], "limit": 2},
        ]
        asking = [asyncio.ensure_future(self.client.subscribe("tasks", **way)) for way in ways]
        while not all(task.done() for task in asking):
            await self.settle()
            while self.line.requests:
                self.line.process(self.chance, False)
            while any(push["type"] == "subscribed" for push in self.line.pushes):
                self.line.deliver()
        self.queries = [await task for task in asking]
        self.seen = [0] * len(ways)
        self.replicas = [{} for _ in ways]

    async def settle(self) -> None:
        """Run the client until nothing in it is ready to run."""
        ready = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]  # of asyncio's own loops
        await asyncio.sleep(0)
        while ready:  # noqa: ASYNC110  # there is no event for it
            await asyncio.sleep(0)

    async def step(self) -> None:
        """One thing happens: in the gateway, which the client does not notice, or to the client."""
        line, chance = self.line, self.chance
        behind = list(line.behind())
        inside: list[Any] = [self.foreign, line.heartbeat]
        inside += [lambda: line.process(chance, chance.random() < 0.2)] * 3 if line.requests else []
        inside += [lambda: line.dispatch(chance.choice(behind))] * 3 if behind else []
        inside += [lambda: line.snapshot(chance.choice(list(line.copies.values())), chance)] if line.copies else []
        outside: list[Any] = [self.write, self.write]
        outside += [line.deliver] * 4 if line.pushes else []
        outside += [self.cut] if self.breaks < 4 else []
        step = chance.choice(inside + outside)
        step()
        if step in outside:
            await self.settle()
            self.judge()

    def cut(self) -> None:
        """The gateway may have taken some of the requests that are lost on their way back."""
        self.breaks += 1
        for _ in range(self.chance.randint(0, len(self.line.requests))):
            self.line.process(self.chance, False)
        self.line.end()

    # Writes

    def row(self) -> Row:
        chance = self.chance
        return {"title": chance.choice("abcd"), "rank": chance.randint(0, 3), "done": chance.random() < 0.5}

    def some_id(self) -> int:
        return self.chance.choice([*self.database.rows, self.database.next_id])

    def change(self) -> Row:
        row = self.row()
        return {name: row[name] for name in self.chance.sample(sorted(row), self.chance.randint(1, 2))}

    def foreign(self) -> None:
        kind, id = self.chance.choice(["create", "update", "delete"]), self.some_id()
        if kind == "create" or id not in self.database.rows:
            self.database.insert(self.row())
        else:
            self.database.put(id, None if kind == "delete" else {**self.database.rows[id], **self.change()})

    def write(self) -> None:
        tasks, chance, key = self.client.resource("tasks"), self.chance, f"w{len(self.writes)}"
        kind = chance.choice(
            ["create", "create with a key", "create_many", "update", "update", "update_many", "delete"]
        )
        ids = list(dict.fromkeys([self.some_id(), self.some_id()]))
        request: dict[str, Any] = {"type": kind.split()[0].split("_")[0], "key": key}
        work: Any
        if kind.startswith("create"):
            named = {"id": 1000 + len(self.writes)} if "key" in kind else {}
            data = [{**self.row(), **named} for _ in range(2 if kind == "create_many" else 1)]
            request["data"] = data
            work = tasks.create_many(data, key=key) if len(data) == 2 else tasks.create(data[0], key=key)
        elif kind == "update_many":
            request |= {"ids": ids, "data": self.change()}
            work = tasks.update_many(ids, request["data"], key=key)
        elif kind == "update":
            expect = {"rank": chance.randint(0, 3)} if chance.random() < 0.3 else None
            request |= {"ids": ids[:1], "data": self.change(), "if": expect}
            work = tasks.update(ids[0], request["data"], expect=expect, key=key)
        else:
            request |= {"ids": ids[:1]}
            work = tasks.delete(ids[0], key=key)
        self.writes.append(Write(request, asyncio.ensure_future(work)))

    # What must be so

    def judge(self) -> None:
        compared: set[Any] = set()
        for number, query in enumerate(self.queries):
            position = query.position
            self.seen[number] = self.seen[number] if position is None else position["seq"]
            self.follow(number, query)
            if not query.ready:
                assert not query.rows
            elif query.session not in compared:
                compared.add(query.session)
                self.compare(query, self.seen[number])
            self.compare_window(query)

    def follow(self, number: int, query: LiveQuery[Row]) -> None:
        """A program that only iterates has the same rows."""
        while query.stream.unread:
            change = query.stream._items.popleft()
            replica = self.replicas[number]
            if change.action == "reset":
                replica = self.replicas[number] = dict(query.rows)
            elif change.action == "delete":
                assert change.key in replica or change.old is not None
                replica.pop(change.key, None)
            else:
                assert change.row is not None
                replica[change.key] = change.row
        if query.ready:
            assert self.replicas[number] == query.rows

    def compare(self, query: LiveQuery[Row], seq: int) -> None:
        below = self.database.at(seq)
        rows, invented = self.on_top(dict(below), seq)
        matches = filter_of(query.session.asked.get("filters"))
        wanted = {id: row for id, row in rows.items() if matches(row)}
        shown = dict(query.session.shown.rows)
        for id in self.elsewhere(below, seq, matches):
            # The copy gets no updates of such a row: the client may not know that others changed it.
            wanted.pop(id, None)
            row = shown.pop(id, None)
            assert row is None or matches(row)
        created = [row for id, row in shown.items() if isinstance(id, int) and id < 0]
        assert [bare(row) for row in created] == [bare(row) for row in invented if matches(row)]
        assert {id: row for id, row in shown.items() if id >= 0} == wanted

    def elsewhere(self, below: dict[int, Row], seq: int, matches: Any) -> set[int]:
        """The rows outside the filter: those that are there, and those that an own write moved there once."""
        moved = (entry for entry in self.database.log[:seq] if entry.origin and entry.old and matches(entry.old))
        return {entry.id for entry in moved if entry.id not in below} | {id for id in below if not matches(below[id])}

    def compare_window(self, query: LiveQuery[Row]) -> None:
        shown: Mapping[Any, Row] = query.session.shown.rows
        window = query._window
        if window._ordering is not None:
            ways: dict[str, Any] = {
                "rank,-title": lambda row: (row["rank"], -ord(row["title"])),
                "-rank": lambda row: -row["rank"],
            }
            terms = window._ordering._terms[:-1]
            name = ",".join(("-" if down else "") + name for name, down in terms)
            way = ways.get(name) or (lambda row: row["title"])
            shown = dict(sorted(shown.items(), key=lambda entry: (way(entry[1]), entry[0])))
        limit = window._limit or len(shown)
        assert list(query.rows.items()) == list(shown.items())[:limit]
        assert query.has_more == (len(shown) > limit)

    def on_top(self, rows: dict[int, Row], seq: int) -> tuple[dict[int, Row], list[Row]]:
        """The rows with the own writes that are under way, and the new rows among them without a key."""
        invented: list[Row] = []
        for write in self.writes:
            if write.failed:
                continue
            entries = self.database.of_origin.get(write.request["key"], [])
            if write.request["type"] == "create":
                invented += self.create(write, entries, rows, seq)
            else:
                self.alter(write, entries, rows, seq)
        return rows, invented

    def create(self, write: Write, entries: list[Any], rows: dict[int, Row], seq: int) -> list[Row]:
        nameless = []
        for number, data in enumerate(write.request["data"]):
            entry = entries[number] if entries else None
            if entry is not None and entry.seq <= seq:
                continue
            if entry is not None and write.task.done():
                rows.setdefault(entry.id, entry.new)
            elif "id" in data:
                rows.setdefault(data["id"], data)
            else:
                nameless.append(data)
        return nameless

    def alter(self, write: Write, entries: list[Any], rows: dict[int, Row], seq: int) -> None:
        request = write.request
        past = {entry.id for entry in entries if entry.seq <= seq}
        ids = [id for id in request["ids"] if id not in past and id in rows]
        if any(rows[id][name] != value for id in ids for name, value in (request.get("if") or {}).items()):
            return
        for id in ids:
            if request["type"] == "delete":
                del rows[id]
            else:
                rows[id] = {**rows[id], **request["data"]}

    async def finish(self) -> None:
        while self.line.requests or self.line.pushes or any(self.line.behind()):
            for copy in list(self.line.behind()):
                self.line.dispatch(copy)
            while self.line.requests:
                self.line.process(self.chance, False)
            await self.settle()
            while self.line.pushes:
                self.line.deliver()
                await self.settle()
                self.judge()
        self.line.heartbeat()
        self.line.deliver()
        await self.settle()
        for write in self.writes:
            assert write.task.done()
            assert isinstance(write.task.exception(), RequestRefused | None)
        for query in self.queries:
            assert query.status == "live"
            assert query.session.shown._writes == []  # type: ignore[attr-defined]  # of an overlay
            matches = filter_of(query.session.asked.get("filters"))
            assert query.session.shown.rows == {id: row for id, row in self.database.rows.items() if matches(row)}


def bare(row: Row) -> Row:
    return {name: value for name, value in row.items() if name != "id"}


async def play(seeds: range | list[int]) -> None:
    for seed in seeds:
        with pytest.MonkeyPatch.context() as monkeypatch:
            try:
                await History(seed).play(monkeypatch)
            except BaseException as error:
                error.add_note(f"TIDEGATE_HISTORY={seed}")
                raise


@pytest.mark.slow
@pytest.mark.timeout(60 + HISTORIES // 10)
def test_live_queries_show_what_a_serial_order_explains() -> None:
    with asyncio.Runner(debug=False, loop_factory=asyncio.SelectorEventLoop) as runner:
        runner.run(play(range(HISTORIES) if SEED is None else [int(SEED)]))
