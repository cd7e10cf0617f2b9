"""A client that trusts nobody: it applies what it hears to its copy as the protocol says, and writes everything down.

It speaks the plain protocol, so that no cleverness of a client library hides a gap. What it heard is judged later, in
`checker`; what can only be seen at the time (order, an action that does not fit the copy) is noted here.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from contextlib import suppress
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.chaos.wishes import Row, Wish

SMALL_BUFFER, SMALL_SEGMENT = 4096, 536


class Habit(Enum):
    """What a client does besides listening."""

    FAITHFUL = "listens"
    SLOW = "reads nothing for seconds, over a line that holds little"
    FICKLE = "unsubscribes and subscribes again on the same line, at times from nothing"
    NOSTALGIC = "comes back with the copy that it had long ago"


@dataclass
class Run:
    """What was heard from one copy on: `updates` are (seq, action, data)."""

    rows: dict[Any, Row]
    start: int
    """The position of `rows`."""
    unasked_after: int | None = None
    """Where the copy was that a snapshot took the place of which this client had not asked for."""
    updates: list[tuple[int, str, Row]] = field(default_factory=list)
    reached: int = 0
    """Up to which position the copy was complete."""

    def __post_init__(self) -> None:
        self.reached = self.start


class Follower:
    """One client with one subscription, for as long as `follow` runs."""

    def __init__(self, name: str, wish: Wish, chance: random.Random, habit: Habit, token: str | None = None) -> None:
        self.name = name
        self.wish = wish
        self.rows: dict[Any, Row] = {}
        self.runs: list[Run] = []
        self.violations: list[str] = []
        self.connections = self.recoveries = self.returns = 0
        self._calm = asyncio.Event()
        self._epoch = ""
        self._chance = chance
        self._habit = habit
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        self._subscription: str | None = None
        """Set while this line has its subscription: only then positions speak of it."""
        self._scope: Row = {}
        """By which right the copy was seen; to be given back with its position."""
        self._promised: Row | None = None
        """The position of the snapshot that is under way; None for one that nobody asked for."""
        self._pending: dict[Any, Row] = {}
        self._pending_scope: Row = {}
        self._past: tuple[int, dict[Any, Row]] | None = None
        self._line: ClientConnection | None = None

    @property
    def seq(self) -> int:
        return self.runs[-1].reached if self.runs else 0

    async def follow(self, url: str) -> None:
        """Connect again and again; ends by being cancelled."""
        while True:
            try:
                async with connect(
                    url, sock=await self._socket(url), additional_headers=self._headers, **PLAIN
                ) as line:
                    self._line = line
                    self.connections += 1
                    await self._listen(line)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.02 + 0.1 * self._chance.random())

    def cut(self) -> None:
        """The line breaks without a word."""
        if self._line is not None:
            self._line.transport.abort()

    def calm_down(self) -> None:
        """Do nothing but listen from now on."""
        self._calm.set()

    async def caught_up(self, head: int) -> None:
        """Wait until this client knows that it has everything up to `head`."""
        while self.seq < head:
            if self._line is not None:
                try:
                    await self._line.send('{"type":"ping","ref":"p"}')
                except WebSocketException:
                    self._line = None
            await asyncio.sleep(0.05)

    async def _socket(self, url: str) -> socket.socket:
        line = socket.socket()
        try:
            line.setblocking(False)
            if self._habit is Habit.SLOW:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
                # Small segments, or the system gives the gateway's end of the line room for megabytes.
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
            parts = urlsplit(url)
            await asyncio.get_running_loop().sock_connect(line, (parts.hostname, parts.port))
        except BaseException:
            line.close()
            raise
        return line

    async def _listen(self, line: ClientConnection) -> None:
        self._subscription = None
        if self._habit is Habit.NOSTALGIC:
            self._reminisce()
        await self._subscribe(line)
        async for text in line:
            message = json.loads(text)
            self._hear(message)
            if message["type"] == "unsubscribed":
                self.returns += 1
                await self._subscribe(line)
            elif not self._calm.is_set():
                await self._indulge(line)

    async def _subscribe(self, line: ClientConnection) -> None:
        request: Row = {"type": "subscribe", "resource": self.wish.resource, "filters": self.wish.filters, "ref": "s"}
        if self.wish.fields is not None:
            request["fields"] = self.wish.fields
        anew = not self.runs or (self._habit is Habit.FICKLE and self._chance.random() < 0.4)
        since: Row = {"since": {"epoch": self._epoch, "seq": self.seq}, **self._scope}
        await line.send(json.dumps(request | ({"snapshot": True} if anew else since)))

    async def _indulge(self, line: ClientConnection) -> None:
        if self._habit is Habit.SLOW and self._chance.random() < 0.01:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._calm.wait(), 10 * self._chance.random())
        if self._habit is Habit.FICKLE and self._subscription is not None and self._chance.random() < 0.02:
            which: Row = {"resource": self.wish.resource, "filters": self.wish.filters}
            if self._chance.random() < 0.5:
                which = {"subscription": self._subscription}
            await line.send(json.dumps({"type": "unsubscribe", "ref": "u", **which}))

    def _reminisce(self) -> None:
        """Go back to the copy of long ago, or keep the one of now to go back to."""
        if self._calm.is_set() or not self.runs:
            return
        if self._past is None or self._chance.random() < 0.3:
            self._past = self.seq, dict(self.rows)
            return
        seq, rows = self._past
        self.rows = dict(rows)
        self.runs.append(Run(dict(rows), seq))

    def _hear(self, message: Row) -> None:
        match message["type"]:
            case "subscribed":
                self._subscribed(message)
            case "unsubscribed":
                self._subscription = None
            case "snapshot" | "update" if message["subscription"] != self._subscription:
                self._note(f"{message} without such a subscription")
            case "snapshot":
                self._page(message)
            case "update":
                self._update(message)
            case "heartbeat" | "pong" if "position" in message:
                self._reached(message["position"])
            case "error" if message.get("ref") != "u" or message["code"] != "not_found":
                self._note(f"an error: {message}")

    def _subscribed(self, message: Row) -> None:
        self._subscription = message["subscription"]
        self._promised, self._pending = None, {}
        position = message["position"]
        if message["mode"] == "recovered":
            self.recoveries += 1
            if (position["epoch"], position["seq"], _scope(message)) != (self._epoch, self.seq, self._scope):
                self._note(f"recovered from {position}, having asked for {self._epoch}:{self.seq}")
        elif message["mode"] == "snapshot":
            self._promised = position
        else:
            self._note(f"an answer in the mode {message['mode']}")

    def _page(self, page: Row) -> None:
        if page["reset"]:
            self._pending, self._pending_scope = {}, _scope(page)
        for row in page["rows"]:
            if row["id"] in self._pending:
                self._note(f"row {row['id']} twice in a snapshot")
            self._pending[row["id"]] = row
        if page["done"]:
            self.rows, self._pending, self._scope = self._pending, {}, self._pending_scope
            position = page["position"]
            if self._promised is None:
                self.runs.append(Run(dict(self.rows), position["seq"], unasked_after=self.seq))
            else:
                if self._promised != position:
                    self._note(f"a snapshot of {position}, having promised one of {self._promised}")
                self.runs.append(Run(dict(self.rows), position["seq"]))
            self._epoch, self._promised = position["epoch"], None

    def _update(self, update: Row) -> None:
        seq, action, data = update["position"]["seq"], update["action"], update["data"]
        if not self.runs:
            self._note(f"update {seq} before the snapshot was complete")
            return
        if seq <= self.seq:
            self._note(f"update {seq} after {self.seq}")
        known = data["id"] in self.rows
        if known != (action != "create"):
            self._note(f"update {seq}: {action} of row {data['id']}, which {'is' if known else 'is not'} there")
        if action == "delete":
            self.rows.pop(data["id"], None)
        else:
            self.rows[data["id"]] = data
        self.runs[-1].updates.append((seq, action, data))
        self.runs[-1].reached = seq

    def _reached(self, position: Row) -> None:
        if self._subscription is not None and self.runs and position["epoch"] == self._epoch:
            self.runs[-1].reached = max(self.seq, position["seq"])

    def _note(self, what: str) -> None:
        self.violations.append(f"{self.name}: {what}")


def _scope(message: Row) -> Row:
    return {"scope": message["scope"]} if "scope" in message else {}


PLAIN: dict[str, Any] = {"compression": None, "max_size": None, "open_timeout": 5, "close_timeout": 1}
