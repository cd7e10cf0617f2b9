"""A client that trusts nobody: it applies what it hears to its copy as the protocol says, and writes everything down.

It speaks the plain protocol, so that no cleverness of a client library hides a gap. What it heard is judged later, in
`checker`; what can only be seen at the time (order, an action that does not fit the copy) is noted here.
"""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.chaos.wishes import Row, Wish


@dataclass
class Run:
    """What was heard from one snapshot on: `start` is its position, `updates` are (seq, action, key)."""

    start: int
    updates: list[tuple[int, str, Any]] = field(default_factory=list)
    reached: int = 0
    """Up to which position the copy was complete."""


class Follower:
    """One client with one subscription, for as long as `follow` runs."""

    def __init__(self, name: str, wish: Wish, chance: random.Random, slow: bool) -> None:
        self.name = name
        self.wish = wish
        self.rows: dict[Any, Row] = {}
        self.runs: list[Run] = []
        self.violations: list[str] = []
        self.epoch = ""
        self.connections = 0
        self.recoveries = 0
        self._chance = chance
        self._slow = slow
        self._answered = False
        """This line has its subscription: from here on its positions speak of it."""
        self._pending: dict[Any, Row] = {}
        self._snapshot_at = 0
        self._line: ClientConnection | None = None

    @property
    def seq(self) -> int:
        return self.runs[-1].reached if self.runs else 0

    async def follow(self, url: str) -> None:
        """Connect again and again; ends by being cancelled."""
        while True:
            try:
                async with connect(url, compression=None, max_size=None, open_timeout=5) as line:
                    self._line = line
                    self.connections += 1
                    await self._listen(line)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.02 + 0.1 * self._chance.random())

    def cut(self) -> None:
        """The line breaks without a word."""
        if self._line is not None:
            self._line.transport.abort()

    async def _listen(self, line: ClientConnection) -> None:
        self._answered = False
        how: Row = {"since": {"epoch": self.epoch, "seq": self.seq}} if self.runs else {"snapshot": True}
        request = {"type": "subscribe", "resource": self.wish.resource, "filters": self.wish.filters, "ref": "s", **how}
        await line.send(json.dumps(request))
        async for text in line:
            self._hear(json.loads(text))
            if self._slow and self._chance.random() < 0.002:
                await asyncio.sleep(2 * self._chance.random())

    def _hear(self, message: Row) -> None:
        match message["type"]:
            case "subscribed":
                self._subscribed(message)
            case "snapshot":
                self._page(message)
            case "update":
                self._update(message)
            case "heartbeat" | "pong" if "position" in message:
                self._reached(message["position"])
            case "error":
                self._note(f"an error: {message}")

    def _subscribed(self, message: Row) -> None:
        self._answered = True
        position = message["position"]
        if message["mode"] == "recovered":
            self.recoveries += 1
            if (position["epoch"], position["seq"]) != (self.epoch, self.seq):
                self._note(f"recovered from {position}, having asked for {self.epoch}:{self.seq}")
        elif message["mode"] == "snapshot":
            self.epoch, self._snapshot_at = position["epoch"], position["seq"]
        else:
            self._note(f"an answer in the mode {message['mode']}")

    def _page(self, page: Row) -> None:
        if page["reset"]:
            self._pending = {}
        for row in page["rows"]:
            if row["id"] in self._pending:
                self._note(f"row {row['id']} twice in a snapshot")
            self._pending[row["id"]] = row
        if page["done"]:
            self.rows = self._pending
            self.runs.append(Run(self._snapshot_at, reached=self._snapshot_at))

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
        self.runs[-1].updates.append((seq, action, data["id"]))
        self.runs[-1].reached = seq

    def _reached(self, position: Row) -> None:
        if self._answered and self.runs and position["epoch"] == self.epoch:
            self.runs[-1].reached = max(self.seq, position["seq"])

    async def caught_up(self, head: int) -> None:
        """Wait until this client knows that it has everything up to `head`."""
        while self.seq < head:
            if self._line is not None:
                try:
                    await self._line.send('{"type":"ping","ref":"p"}')
                except WebSocketException:
                    self._line = None
            await asyncio.sleep(0.05)

    def _note(self, what: str) -> None:
        self.violations.append(f"{self.name}: {what}")
