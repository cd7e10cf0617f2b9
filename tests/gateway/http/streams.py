"""A client of streams of events: it reads one, and sends what it says in requests of another connection."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any, NamedTuple

from tests.gateway.http.client import Http, http
from tests.support.deadlines import DEADLINE_S
from tests.transport.http_requests import Answer, request
from tests.transport.inside import Inside
from tests.transport.raw import Raw


class Event(NamedTuple):
    """One event, as a browser reads it."""

    name: str
    id: str | None
    data: Any


class Stream:
    """`token`: what the stream was opened with; an anonymous client gets one with its welcome."""

    def __init__(self, raw: Raw, said: Http, head: str, token: str | None) -> None:
        self.raw = raw
        self.head = head
        self.said = said
        self.said.token = token
        self.id = ""
        self.comments = 0

    async def event(self) -> Event:
        """The next event. Raises IncompleteReadError at the end of the stream."""
        name, found, data = "message", None, ""
        async with asyncio.timeout(DEADLINE_S):
            while line := (await self.raw.reader.readuntil(b"\n")).decode().rstrip("\n"):
                field, _, value = line.partition(": ")
                if field == "id":
                    found = self.id = value
                elif field == "event":
                    name = value
                elif field == "data":
                    data += value
                else:
                    assert line == ":"
                    self.comments += 1
        return Event(name, found, json.loads(data)) if data else await self.event()

    async def hear(self, kind: str) -> Any:
        """The next message of this type."""
        while (message := (await self.event()).data).get("type") != kind:
            pass
        return message

    async def closed(self) -> Any:
        """What the last event says, after which the stream ends."""
        while (event := await self.event()).name != "close":
            pass
        assert await self.raw.reader.read() == b""
        return event.data

    async def welcomed(self) -> Any:
        welcome = await self.hear("welcome")
        self.said.token = self.said.token or welcome["identity"]
        return welcome

    async def say(self, *messages: Any) -> Answer:
        """Send one message as it is, several in an array."""
        body = messages[0] if len(messages) == 1 else list(messages)
        return await self.said.ask("POST", f"/sse/{self.id}", body)

    async def ask(self, **message: Any) -> Any:
        assert (await self.say({**message, "ref": "asked"})).status == 202
        while (answer := (await self.event()).data).get("ref") != "asked":
            pass
        return answer


@contextlib.asynccontextmanager
async def opened(
    gateway: Inside, token: str | None = None, *lines: str, posts: Inside | None = None
) -> AsyncIterator[Stream]:
    """A stream whose head was read. `posts`: the gateway that gets the requests, where it is another one."""
    reader, writer = await asyncio.open_connection("127.0.0.1", gateway.listener.port)
    raw = Raw(reader, writer)
    authorization = [] if token is None else [f"Authorization: Bearer {token}"]
    try:
        async with http(posts or gateway) as said:
            raw.send(request("GET", "/sse", *authorization, *lines))
            yield Stream(raw, said, await raw.head(), token)
    finally:
        writer.transport.abort()


@contextlib.asynccontextmanager
async def stream(gateway: Inside, token: str | None = None, *, posts: Inside | None = None) -> AsyncIterator[Stream]:
    """A stream after its welcome."""
    async with opened(gateway, token, posts=posts) as connected:
        await connected.welcomed()
        yield connected
