"""A model of the gateway for histories: rows, a change log, subscriptions, idempotent writes; no sockets, no time.

A connection of it stands where the client's `open_connection` would give a real one. Nothing happens by itself: a test
takes one step after the other, so that a seed decides the order of everything.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tidegate_client.backoff import Ending
from tidegate_client.options import Options

Row = dict[str, Any]
Filter = Callable[[Row], bool]
USER = {"id": "7", "name": "Ann", "roles": [], "anonymous": False}


@dataclass(slots=True)
class Entry:
    """One change of one row."""

    seq: int
    id: int
    old: Row | None
    new: Row | None
    origin: str | None


class Database:
    """The table, its log, and the answers to writes by their idempotency key."""

    def __init__(self) -> None:
        self.log: list[Entry] = []
        self.of_origin: dict[str, list[Entry]] = {}
        self.rows: dict[int, Row] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self.next_id = 1
        self._states: list[dict[int, Row]] = [{}]

    @property
    def head(self) -> int:
        return len(self.log)

    def at(self, seq: int) -> dict[int, Row]:
        """The rows as they were at a position."""
        while len(self._states) <= seq:
            entry, rows = self.log[len(self._states) - 1], dict(self._states[-1])
            rows.pop(entry.id, None)
            self._states.append(rows if entry.new is None else rows | {entry.id: entry.new})
        return self._states[seq]

    def put(self, id: int, new: Row | None, origin: str | None = None) -> None:
        old = self.rows.pop(id, None)
        if new is not None:
            self.rows[id] = new
        self.log.append(Entry(self.head + 1, id, old, new, origin))
        if origin is not None:
            self.of_origin.setdefault(origin, []).append(self.log[-1])

    def insert(self, data: Row, origin: str | None = None) -> Row:
        row = {"done": False, "rank": 0, **data}
        row.setdefault("id", self.next_id)
        self.next_id = max(self.next_id, row["id"]) + 1
        self.put(row["id"], row, origin)
        return row

    def write(self, request: dict[str, Any], refuse: bool) -> dict[str, Any]:
        """Carry a mutation out, once however often it comes. An `error` changes nothing and is not remembered."""
        known = self.answers.get(request["key"])
        if known is not None:
            return known
        ids = request.get("ids", [request["id"]] if "id" in request else [])
        code = "forbidden" if refuse else self._code(request, ids)
        if code:
            return {"type": "error", "code": code, "message": "no", "temporary": False}
        rows = self._carry_out(request, ids)
        answer = {"type": "rows", "rows": rows, "position": {"epoch": "e", "seq": self.head}}
        self.answers[request["key"]] = answer
        return answer

    def _code(self, request: dict[str, Any], ids: list[int]) -> str | None:
        if request["type"] == "create":
            data = request["data"] if isinstance(request["data"], list) else [request["data"]]
            return "conflict" if any(row.get("id") in self.rows for row in data) else None
        if any(id not in self.rows for id in ids):
            return "not_found"
        expected = request.get("if") or {}
        fits = all(self.rows[id].get(name) == value for id in ids for name, value in expected.items())
        return None if fits else "conflict"

    def _carry_out(self, request: dict[str, Any], ids: list[int]) -> list[Row]:
        origin = request["key"]
        if request["type"] == "create":
            data = request["data"] if isinstance(request["data"], list) else [request["data"]]
            return [self.insert(row, origin) for row in data]
        rows = []
        for id in ids:
            new = None if request["type"] == "delete" else {**self.rows[id], **request["data"]}
            self.put(id, new, origin)
            rows.append(new or {"id": id})
        return rows


@dataclass(slots=True, eq=False)
class Copy:
    """A subscription of one connection; `cursor` is None until its snapshot was read."""

    name: str
    matches: Filter
    cursor: int


@dataclass(eq=False)
class ModelConnection:
    """What the client takes for its connection. `requests` and `pushes` wait for steps of the test."""

    database: Database
    filters: Callable[[dict[str, Any] | None], Filter]
    heard_at: float = 0.0
    heard: int = 0
    unanswered_since: float | None = None
    silence_allowed: float = 55.0
    welcome: dict[str, Any] = field(default_factory=lambda: {"type": "welcome", "user": USER, "limits": {}})
    requests: list[dict[str, Any]] = field(default_factory=list)
    pushes: list[dict[str, Any]] = field(default_factory=list)
    copies: dict[str, Copy] = field(default_factory=dict)
    ended: bool = False

    def __post_init__(self) -> None:
        self._inbox: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()

    # What the client calls

    async def send(self, payload: bytes) -> None:
        if not self.ended:
            self.requests.append(json.loads(payload))

    async def messages(self) -> AsyncIterator[dict[str, Any]]:
        while (message := await self._inbox.get()) is not None:
            yield message

    async def close(self) -> None:
        self.ended = True

    def abort(self, reason: str) -> None:
        self.end()

    def ending(self) -> Ending:
        return Ending("the connection broke", 4201, lived=10.0)

    # What a test does

    def end(self) -> None:
        """The connection breaks; what was on its way is lost."""
        if not self.ended:
            self.ended = True
            self._inbox.put_nowait(None)

    def deliver(self) -> None:
        """The client reads the next message."""
        self._inbox.put_nowait(self.pushes.pop(0))

    def process(self, chance: random.Random, refuse: bool) -> None:
        """The gateway takes the next request."""
        request = self.requests.pop(0)
        if request["type"] == "subscribe":
            self._subscribe(request, chance)
        elif request["type"] in ("create", "update", "delete"):
            self._push({**self.database.write(request, refuse), "ref": request["ref"]})

    def _subscribe(self, request: dict[str, Any], chance: random.Random) -> None:
        asked = request.get("filters")
        name = f"s-{json.dumps(asked)}"
        since = request.get("since")
        recovers = since is not None and chance.random() < 0.5
        cursor = since["seq"] if since is not None and recovers else self.database.head
        copy = self.copies[name] = Copy(name, self.filters(asked), cursor)
        mode = "recovered" if recovers else "snapshot"
        position = {"epoch": "e", "seq": cursor}
        about = {"subscription": name, "resource": "tasks", "position": position, "mode": mode}
        self._push({"type": "subscribed", "ref": request["ref"], **about})
        if not recovers:
            self.snapshot(copy, chance)

    def snapshot(self, copy: Copy, chance: random.Random) -> None:
        """All rows again, in one page or two."""
        copy.cursor = self.database.head
        rows = [row for row in self.database.rows.values() if copy.matches(row)]
        cut = chance.randint(0, len(rows))
        about = {"type": "snapshot", "subscription": copy.name}
        if chance.random() < 0.5:
            self._push({**about, "rows": rows[:cut], "reset": True, "done": False})
            self._push({**about, "rows": rows[cut:], "reset": False, "done": True, "position": self._at(copy)})
        else:
            self._push({**about, "rows": rows, "reset": True, "done": True, "position": self._at(copy)})

    def behind(self) -> Iterator[Copy]:
        """The subscriptions that have not got everything."""
        return (copy for copy in self.copies.values() if copy.cursor < self.database.head)

    def dispatch(self, copy: Copy) -> None:
        """The feed brings a subscription its next change."""
        entry = self.database.log[copy.cursor]
        copy.cursor = entry.seq
        before = entry.old is not None and copy.matches(entry.old)
        after = entry.new is not None and copy.matches(entry.new)
        if not before and not after:
            return
        action = "delete" if not after else "update" if before else "create"
        cause = "create" if entry.old is None else "delete" if entry.new is None else "update"
        about = {"resource": "tasks", "action": action, "cause": cause, "position": self._at(copy)}
        data = entry.new if after else {"id": entry.id}
        origin = {} if entry.origin is None else {"origin": entry.origin}
        self._push({"type": "update", "subscription": copy.name, "data": data, **about, **origin})

    def heartbeat(self) -> None:
        """Tell the position, if every subscription is there."""
        if not any(self.behind()):
            self._push({"type": "heartbeat", "time": 1, "position": {"epoch": "e", "seq": self.database.head}})

    def _at(self, copy: Copy) -> dict[str, Any]:
        return {"epoch": "e", "seq": copy.cursor}

    def _push(self, message: dict[str, Any]) -> None:
        self.pushes.append(json.loads(json.dumps(message)))


class StandingClock:
    """No time passes, but a wait of none is over at once."""

    def now(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await asyncio.get_running_loop().create_future()


def opener(connections: list[ModelConnection], make: Callable[[], ModelConnection]) -> Any:
    """What stands in the place of `open_connection`."""

    async def open_connection(options: Options, token: str | None) -> ModelConnection:
        connections.append(make())
        return connections[-1]

    return open_connection
