"""A client that reconnects again and again, to any gateway, with several habits.

It uses the plain protocol, so that no client library hides a gap. It passes received messages to its `Copy`.
"""

from __future__ import annotations

import asyncio
import json
import random
import socket
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from tests.chaos.copies import Copy, Rows, Run
from tests.chaos.queries import Query, Row
from tests.chaos.users import SIGNED_IN, USERS, User, token

SMALL_BUFFER, SMALL_SEGMENT = 4096, 536
AGAIN_S = 0.1
"""How long to wait after an answer that is temporary."""


class Habit(Enum):
    """The actions of a client besides receiving."""

    FAITHFUL = "listens"
    SLOW = "reads nothing for seconds, over a line that holds little"
    FICKLE = "unsubscribes and subscribes again on the same line, at times from nothing"
    NOSTALGIC = "comes back with the copy that it had long ago"


class Follower:
    """One client with one subscription, as long as `follow` runs. A `restless` client changes its user, on the open
    connection and when it reconnects.
    """

    def __init__(self, name: str, query: Query, chance: random.Random, habit: Habit, restless: bool = False) -> None:
        self.name = name
        self.query = query
        self.copy = Copy(query, USERS[query.user])
        self.connections = self.returns = self.moves = self.changes_of_user = self.unavailable = 0
        self._user = USERS[query.user]
        """The user at the next connect."""
        self._chance = chance
        self._habit = habit
        self._restless = restless
        self._calm = asyncio.Event()
        self._past: tuple[Run, int, Rows] | None = None
        self._url = ""
        self._line: ClientConnection | None = None
        self._asked = self._answered = 0
        """Requests for the subscription on this connection."""
        self._becoming: deque[tuple[User, int]] = deque()
        """The users it has requested, each with the number of subscription requests until then."""

    async def follow(self, urls: Sequence[str]) -> None:
        """Connect again and again, until cancelled."""
        while True:
            url = self._chance.choice(urls)
            self.moves += self._url not in {"", url}
            self._url = url
            if self._restless and not self._calm.is_set() and self._chance.random() < 0.3:
                self._user = self._chance.choice(SIGNED_IN)
            proof = token(self._user)
            headers = {} if proof is None else {"Authorization": f"Bearer {proof}"}
            try:
                async with connect(url, sock=await self._socket(url), additional_headers=headers, **PLAIN) as line:
                    self._line = line
                    self.connections += 1
                    await self._listen(line)
            except (OSError, WebSocketException, TimeoutError):
                await asyncio.sleep(0.02 + 0.1 * self._chance.random())

    def cut(self) -> None:
        """Break the connection without a close frame."""
        if self._line is not None:
            self._line.transport.abort()

    def calm_down(self) -> None:
        """Only receive from now on."""
        self._calm.set()

    def has_all(self, head: int) -> bool:
        return self.copy.whole and self.copy.seq >= head

    async def caught_up(self, head: int) -> None:
        """Wait until this client is known to have everything up to `head`."""
        while not self.has_all(head):
            if self._line is not None:
                try:
                    await self._line.send(PING)
                except WebSocketException:
                    self._line = None
            await asyncio.sleep(0.05)

    async def _socket(self, url: str) -> socket.socket:
        line = socket.socket()
        try:
            line.setblocking(False)
            if self._habit is Habit.SLOW:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
                # Small segments. Otherwise the system buffers megabytes at the gateway's end of the connection.
                line.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, SMALL_SEGMENT)
            parts = urlsplit(url)
            await asyncio.get_running_loop().sock_connect(line, (parts.hostname, parts.port))
        except BaseException:
            line.close()
            raise
        return line

    async def _listen(self, line: ClientConnection) -> None:
        self.copy.connected(self._user)
        self._asked = self._answered = 0
        self._becoming.clear()
        if self._habit is Habit.NOSTALGIC:
            self._reminisce()
        await self._subscribe(line)
        if self._restless and not self._calm.is_set() and self._chance.random() < 0.2:
            await self._become_another(line)
        async for text in line:
            await self._hear(line, json.loads(text))
            if not self._calm.is_set():
                await self._indulge(line)

    async def _subscribe(self, line: ClientConnection) -> None:
        request: Row = {"type": "subscribe", "resource": self.query.resource, "filters": self.query.filters, "ref": "s"}
        if self.query.fields is not None:
            request["fields"] = self.query.fields
        anew = not self.copy.runs or (self._habit is Habit.FICKLE and self._chance.random() < 0.4)
        self._asked += 1
        await line.send(json.dumps(request | (self.copy.anew() if anew else self.copy.since())))

    async def _hear(self, line: ClientConnection, message: Row) -> None:
        match message:
            case {"type": "authenticated"}:
                await self._authenticated(line, message)
            case {"type": "error"}:
                await self._refused(line, message)
            case {"type": "unsubscribed"}:
                self.copy.hear(message)
                self.returns += 1
                await self._come_back(line)
            case _:
                self._answered += message["type"] == "subscribed"
                self.copy.hear(message)

    async def _authenticated(self, line: ClientConnection, message: Row) -> None:
        user, asked = self._becoming.popleft()
        if message["user"]["id"] != user.id or message["user"]["roles"] != list(user.roles):
            self.copy.note(f"{message} for the token of {user.name}")
        self.changes_of_user += user != self.copy.user
        self._user = user
        self.copy.authenticated(user, self.copy.subscription is not None or self._answered < asked)
        if self.copy.subscription is None and self._asked == self._answered:
            await self._subscribe(line)

    async def _refused(self, line: ClientConnection, error: Row) -> None:
        match error.get("ref"), error["code"]:
            case "u", "not_found":
                return
            case "s", "forbidden" if self.copy.user.refused(self.query.resource):
                self._answered += 1
                await self._come_back(line)
            case "s", "unavailable":
                self._answered += 1
                self.unavailable += 1
                self.copy.not_subscribed()
                await asyncio.sleep(AGAIN_S)
                await self._subscribe(line)
            case _:
                self.copy.note(f"an error: {error}")

    async def _come_back(self, line: ClientConnection) -> None:
        """Subscribe once more, first as a user with permission."""
        if self.copy.user.refused(self.query.resource):
            await self._become(line, USERS["ada"])
        else:
            await self._subscribe(line)

    async def _indulge(self, line: ClientConnection) -> None:
        if self._habit is Habit.SLOW and self._chance.random() < 0.01:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._calm.wait(), 10 * self._chance.random())
        if self._habit is Habit.FICKLE and self.copy.subscription is not None and self._chance.random() < 0.02:
            which: Row = {"resource": self.query.resource, "filters": self.query.filters}
            if self._chance.random() < 0.5:
                which = {"subscription": self.copy.subscription}
            await line.send(json.dumps({"type": "unsubscribe", "ref": "u", **which}))
        if self._restless and self._chance.random() < 0.05:
            await self._become_another(line)

    async def _become_another(self, line: ClientConnection) -> None:
        """Authenticate as another user, or as the same one, which changes nothing; sometimes twice at once."""
        for _ in range(self._chance.choice((1, 1, 1, 2))):
            # The answer has the position up to which the former user's rows must be complete.
            await line.send(PING)
            await self._become(line, self._chance.choice(SIGNED_IN))

    async def _become(self, line: ClientConnection, user: User) -> None:
        self._becoming.append((user, self._asked))
        await line.send(json.dumps({"type": "authenticate", "token": token(user), "ref": "a"}))

    def _reminisce(self) -> None:
        """Go back to a kept old copy, or keep the present one for later."""
        copy = self.copy
        if self._calm.is_set() or not copy.runs:
            return
        if self._past is None or self._chance.random() < 0.3:
            self._past = copy.runs[-1], copy.seq, dict(copy.rows)
        else:
            copy.go_back(*self._past)


PING = '{"type":"ping","ref":"p"}'
PLAIN: dict[str, Any] = {"compression": None, "max_size": None, "open_timeout": 5, "close_timeout": 1, "proxy": None}
